"""What was erased at a person's right: tombstones without values, and the values they keep out.

A tombstone knows a value only as a salted digest, to recognise it when a CRM still shows it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.store.prepared import given, listed, packed
from prmsync.store.tables import erasure as table
from prmsync.store.tables import link as links
from prmsync.store.tables import stream as streams

THERE, ERASED, NOWHERE = "there", "erased", "nowhere"
"""What became of the CRM's copy: it remains, it was cleared, or there was none."""

_SIZE = 16


@dataclass(frozen=True, slots=True)
class Erasure:
    """One tombstone: a record, on one connection where it has a link, and the fields erased."""

    id: int
    link_id: int | None
    stream: str
    record: str | None
    fields: Mapping[str, tuple[str, ...]]
    """Field → digests of the values that were erased."""
    why: str
    erased_by: str
    erased_at: datetime
    crm: str


def digest(value: str) -> str:
    """A value as a tombstone keeps it: salted, so that equal values do not look equal."""
    salt = secrets.token_hex(_SIZE)
    return f"{salt}:{_hash(value, salt)}"


def _hash(value: str, salt: str) -> str:
    key = bytes.fromhex(salt)
    said = value.strip().casefold().encode()
    return hashlib.blake2b(said, digest_size=_SIZE, key=key).hexdigest()


def is_erased(value: object, digests: Collection[str]) -> bool:
    """Whether this is one of the values that were erased."""
    if not isinstance(value, str):
        return False
    return any(_hash(value, one.partition(":")[0]) == one.partition(":")[2] for one in digests)


def add(
    connection: sa.Connection,
    stream: str,
    record: str | None,
    link_ids: Sequence[int],
    fields: Mapping[str, Sequence[str]],
    *,
    why: str,
    by: str,
    now: datetime,
    linked: Collection[int],
) -> None:
    """A tombstone for each link of a record, one without a link where it has none. `linked` are
    those links whose CRM shows the record."""
    every: list[int | None] = [*link_ids] or [None]
    said = orjson.dumps({name: list(one) for name, one in fields.items()}).decode()
    connection.execute(
        table.insert(),
        [
            {
                "link_id": link_id,
                "stream": stream,
                "record": record,
                "fields": said,
                "why": why,
                "erased_by": by,
                "erased_at": now,
                "crm": THERE if link_id in linked else NOWHERE,
            }
            for link_id in every
        ],
    )


_LINKED = sa.select(table.c.link_id, table.c.fields).where(table.c.link_id.is_not(None))


@lru_cache(maxsize=4)
def _known_as(dialect: str) -> sa.Select[Any]:
    """What the records of links among `ids` are known as, on the connection `of`."""
    return (
        sa.select(links.c.id, links.c.prm_id, links.c.crm_id, streams.c.name)
        .join(streams, streams.c.id == links.c.stream_id)
        .where(listed(dialect, links.c.id), streams.c.connection == given("of"))
    )


def closed(
    connection: sa.Connection, connection_name: str
) -> dict[str, dict[str, dict[str, list[str]]]]:
    """Stream → CRM id or our id → field → digests of what must not come back from this CRM."""
    erased = connection.execute(_LINKED).all()
    if not erased:
        return {}
    ids = packed(connection, sorted({row.link_id for row in erased}))
    named = {"ids": ids, "of": connection_name}
    known = {
        row[0]: row[1:] for row in connection.execute(_known_as(connection.dialect.name), named)
    }
    rows = [(said, *known[link_id]) for link_id, said in erased if link_id in known]
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    for said, prm_id, crm_id, stream in rows:
        for key in (prm_id, crm_id):
            if key is None:
                continue
            fields = found.setdefault(stream, {}).setdefault(key, {})
            for name, digests in orjson.loads(said).items():
                fields.setdefault(name, []).extend(digests)
    return found


def strip(values: Values, fields: Mapping[str, Collection[str]]) -> None:
    """Take erased values out of a record as it was read."""
    for name, digests in fields.items():
        if is_erased(values.get(name), digests):
            del values[name]


def remaining(connection: sa.Connection, link_ids: Collection[int]) -> list[Erasure]:
    """Tombstones of these links whose CRM copy was not cleared."""
    statement = (
        sa.select(table)
        .where(table.c.link_id.in_(link_ids), table.c.crm == THERE)
        .order_by(table.c.id)
    )
    return [_erasure(row) for row in connection.execute(statement)]


def kept_by_crm(connection: sa.Connection, name: str) -> int:
    """How many records of a connection were erased here while their CRM record kept its values."""
    statement = (
        sa.select(sa.func.count(table.c.link_id.distinct()))
        .join(links, links.c.id == table.c.link_id)
        .join(streams, streams.c.id == links.c.stream_id)
        .where(
            streams.c.connection == name,
            table.c.crm == THERE,
            links.c.crm_id.is_not(None),
            links.c.crm_gone == 0,
        )
    )
    return int(connection.execute(statement).scalar_one())


def of_record(connection: sa.Connection, stream: str, record: str) -> list[Erasure]:
    """All tombstones of one of our records, oldest first."""
    statement = (
        sa.select(table)
        .where(table.c.stream == stream, table.c.record == record)
        .order_by(table.c.id)
    )
    return [_erasure(row) for row in connection.execute(statement)]


def cleared(connection: sa.Connection, ids: Sequence[int]) -> None:
    """The CRM's copies of these were cleared."""
    connection.execute(table.update().where(table.c.id.in_(ids)).values(crm=ERASED))


def _erasure(row: Any) -> Erasure:
    fields = {name: tuple(one) for name, one in orjson.loads(row.fields).items()}
    return Erasure(
        row.id,
        row.link_id,
        row.stream,
        row.record,
        fields,
        row.why,
        row.erased_by,
        row.erased_at,
        row.crm,
    )
