"""The links of relations by the deal that they begin from."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa

from prmsync.store import links
from prmsync.store.link_statements import HERE, page
from prmsync.store.links import Link
from prmsync.store.prepared import given, listed, packed
from prmsync.store.tables import FROM_ID, IS_RELATION
from prmsync.store.tables import link as table

FEW = 50
"""Up to here one index look-up a deal is cheaper than reading the range they span."""


def relations_of(
    connection: sa.Connection, stream_id: int, from_ids: Collection[str]
) -> Iterator[Link]:
    """Links of relations whose CRM id begins with one of these ids and a colon."""
    for named, wanted in _beginning_with(connection, set(from_ids)):
        after = 0
        while True:
            rows = links.fetch(
                connection,
                _BEGINNING[connection.dialect.name],
                stream=stream_id,
                after=after,
                limit=links.CHUNK,
                **named,
            )
            yield from (one for one in rows if str(one.crm_id).partition(":")[0] in wanted)
            if len(rows) < links.CHUNK:
                break
            after = rows[-1].id


_Part = tuple[dict[str, Any], Collection[str]]
_BEGINNING = {
    "sqlite": page(HERE, table.c.crm_id >= given("least"), table.c.crm_id < given("beyond")),
    # No ranges: in the order of most servers' languages ";" does not follow ":".
    "postgresql": page(HERE, IS_RELATION, listed("postgresql", FROM_ID)),
}


def _beginning_with(connection: sa.Connection, wanted: Collection[str]) -> list[_Part]:
    """What to look for, each with the ids that it is meant to find: it may find more."""
    if connection.dialect.name == "postgresql":
        return [({"ids": packed(connection, list(wanted))}, wanted)]
    return [
        ({"least": f"{min(same)}:", "beyond": f"{max(same)};"}, same) for same in _spans(wanted)
    ]


def _spans(wanted: Collection[str]) -> list[Collection[str]]:
    """Ids by ranges to read; only ids of one length stand in their own order as text."""
    if len(wanted) <= FEW:
        return [(one,) for one in wanted]
    by_length: dict[int, set[str]] = {}
    for one in wanted:
        by_length.setdefault(len(one), set()).add(one)
    return list(by_length.values())
