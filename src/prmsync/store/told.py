"""What CRM records were told of their sync state: an index of the few that have something to say.

What a record shows is in its link (`Link.crm`); here stands which open items its sentence named,
so that a decision taken in the CRM counts only for what its reader saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa

from prmsync.store.link_statements import HERE, MARKED, unindexed, whose
from prmsync.store.links import Dirty, chunks
from prmsync.store.prepared import listed, one_of, packed
from prmsync.store.tables import held, parked
from prmsync.store.tables import link as links
from prmsync.store.tables import told as table


@dataclass(slots=True)
class Told:
    """`said` is the state of affairs that the CRM was told (`affairs`), None: not told yet;
    `items` are the held items that its sentence names. `note` remembers the last answer."""

    link_id: int
    said: str | None = None
    items: tuple[int, ...] = ()
    note: dict[str, Any] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.said or self.items or self.note)


def _told(row: Any) -> Told:
    return Told(
        row.link_id,
        row.said,
        tuple(orjson.loads(row.items)) if row.items else (),
        orjson.loads(row.note) if row.note else {},
    )


_OF_STREAM = sa.select(table).where(whose(table.c.link_id, HERE))
_OF_MARKED = sa.select(table).where(whose(table.c.link_id, HERE, MARKED))
_ANY = sa.select(sa.exists(sa.select(table)))


def of_stream(connection: sa.Connection, stream_id: int) -> dict[int, Told]:
    """Link id → what its CRM record was told."""
    rows = connection.execute(_OF_STREAM, {"stream": stream_id}).all()
    return {row.link_id: _told(row) for row in rows}


def of_marked(connection: sa.Connection, stream_id: int) -> dict[int, Told]:
    """The same, of links that are marked to be decided again."""
    rows = connection.execute(_OF_MARKED, {"stream": stream_id}).all()
    return {row.link_id: _told(row) for row in rows}


def save(connection: sa.Connection, rows: Sequence[Told]) -> None:
    """Store these; those that say nothing are forgotten."""
    forget = _forget(connection.dialect.name)
    for part in chunks([one.link_id for one in rows]):
        connection.execute(forget, {"ids": packed(connection, part)})
    kept = [one for one in rows if not one.is_empty]
    if kept:
        connection.execute(
            table.insert(),
            [
                {
                    "link_id": one.link_id,
                    "said": one.said,
                    "items": orjson.dumps(one.items).decode() if one.items else None,
                    "note": orjson.dumps(one.note).decode() if one.note else None,
                }
                for one in kept
            ],
        )


@lru_cache(maxsize=4)
def _forget(dialect: str) -> sa.Delete:
    return table.delete().where(listed(dialect, table.c.link_id))


def look_again(
    connection: sa.Connection, stream_id: int, changed: Sequence[str], showing: Sequence[str]
) -> None:
    """Of the CRM records that changed, those that say something, or were told something, are
    compared anew at the end of the run; `showing` are the ones that say something now."""
    wanted = set(showing)
    if not wanted and connection.execute(_ANY).scalar_one() == 0:
        return
    statement = _unsay(connection.dialect.name)
    for part in chunks(sorted(changed)):
        connection.execute(statement, {"stream": stream_id, "ids": packed(connection, part)})
    say = _say(connection.dialect.name)
    for part in chunks(sorted(wanted)):
        connection.execute(say, {"stream": stream_id, "ids": packed(connection, part)})


@lru_cache(maxsize=4)
def _say(dialect: str) -> sa.Insert:
    fresh = sa.select(links.c.id, sa.literal("?")).where(
        HERE, listed(dialect, links.c.crm_id), links.c.id.not_in(sa.select(table.c.link_id))
    )
    return table.insert().from_select(["link_id", "said"], fresh)


@lru_cache(maxsize=4)
def _unsay(dialect: str) -> sa.Update:
    ids = sa.select(links.c.id).where(HERE, listed(dialect, links.c.crm_id))
    return table.update().where(table.c.link_id.in_(ids)).values(said=None)


def affairs(connection: sa.Connection, stream_id: int) -> dict[int, str]:
    """Link id → a mark of all that keeps it from being in step; links in step are missing.

    What a brake holds is left out: it is a matter of the run, and telling each record would be a
    mass write of its own before anybody has answered.
    """
    found: dict[int, list[str]] = {}
    for letter, statement in _AFFAIRS.items():
        for row in connection.execute(statement, {"stream": stream_id}).all():
            found.setdefault(row[0], []).append(letter + ".".join(str(one) for one in row[1:]))
    return {link_id: "|".join(parts) for link_id, parts in found.items()}


_SHOWN = sa.and_(
    unindexed(links.c.crm_id) != "",
    links.c.crm_gone == 0,
    links.c.state != sa.literal_column("'ended'", sa.Text),
)
_AFFAIRS = {
    "h": sa.select(held.c.link_id, sa.func.count(), sa.func.max(held.c.id))
    .where(one_of(held.c.state, ["open"]), whose(held.c.link_id, HERE, _SHOWN))
    .group_by(held.c.link_id),
    "p": sa.select(parked.c.link_id, parked.c.since, parked.c.code).where(
        whose(parked.c.link_id, HERE, _SHOWN)
    ),
    "d": sa.select(links.c.id).where(HERE, _SHOWN, MARKED, links.c.dirty == Dirty.WAITS),
}
