"""Counters that are kept in the transaction of the rows they count, so that no run has to count.

Of each stream: live links, and records that were created on either side. What brakes hold is
counted in `prmsync.store.brakes`. No run counts rows: `recount` and the
`count_…` functions are for verify, status and tests.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.store.prepared import given, listed, packed
from prmsync.store.tables import action, link
from prmsync.store.tables import stream as table

LIVE = "live"
_MADE = {Side.PRM.value: table.c.made_in_prm, Side.CRM.value: table.c.made_in_crm}


@dataclass(frozen=True, slots=True)
class Tally:
    """Of one stream. `linked` counts live links, the others creations that were done."""

    linked: int
    made_in_prm: int
    made_in_crm: int

    def made_on(self, side: str) -> int:
        return self.made_in_crm if side == Side.CRM else self.made_in_prm


class SavedLink(Protocol):
    """What is counted of a link. `stored_state` is the one that it had before."""

    state: str
    stored_state: str

    @property
    def stream_id(self) -> int: ...


class DoneRow(Protocol):
    """What is counted of a row of the journal."""

    @property
    def stream_id(self) -> int: ...
    @property
    def side(self) -> str: ...
    @property
    def op(self) -> str: ...


def of_streams(connection: sa.Connection, stream_ids: Collection[int]) -> dict[int, Tally]:
    """The counters of these streams by id."""
    statement = _of_streams(connection.dialect.name)
    rows = connection.execute(statement, {"ids": packed(connection, list(stream_ids))})
    return {row[0]: Tally(*row[1:]) for row in rows.all()}


@lru_cache(maxsize=4)
def _of_streams(dialect: str) -> sa.Select[Any]:
    counters = (table.c.linked, table.c.made_in_prm, table.c.made_in_crm)
    return sa.select(table.c.id, *counters).where(listed(dialect, table.c.id))


def links_saved(connection: sa.Connection, links: Sequence[SavedLink]) -> None:
    """Links that were written just now, with the state that each had before."""
    change: dict[int, int] = {}
    for one in links:
        if one.state != one.stored_state:
            more = (one.state == LIVE) - (one.stored_state == LIVE)
            change[one.stream_id] = change.get(one.stream_id, 0) + more
            one.stored_state = one.state
    _add(connection, table.c.linked, change)


def created(connection: sa.Connection, done: Sequence[DoneRow]) -> None:
    """Rows of the journal that were done just now; what is no creation is passed over."""
    for side, column in _MADE.items():
        change: dict[int, int] = {}
        for one in done:
            if one.op == "create" and one.side == side:
                change[one.stream_id] = change.get(one.stream_id, 0) + 1
        _add(connection, column, change)


def _add(connection: sa.Connection, column: sa.Column[int], change: Mapping[int, int]) -> None:
    for stream_id, more in change.items():
        if more:
            connection.execute(_more(column), {"stream": stream_id, "more": more})


@lru_cache(maxsize=4)
def _more(column: sa.Column[int]) -> sa.Update:
    here = table.c.id == given("stream")
    return table.update().where(here).values({column: column + given("more", sa.Integer)})


def count_by_state(connection: sa.Connection, stream_id: int) -> dict[str, int]:
    statement = (
        sa.select(link.c.state, sa.func.count())
        .where(link.c.stream_id == stream_id)
        .group_by(link.c.state)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def count_unlinked(connection: sa.Connection, stream_id: int) -> tuple[int, int]:
    """(records only the CRM has, records only we have). Ours may have had a link that ended when
    its record in the CRM was taken away."""
    unmatched = sa.and_(
        link.c.state == "new", sa.or_(link.c.crm_id.is_(None), link.c.prm_id.is_(None))
    )
    left = sa.and_(
        link.c.state == "ended",
        link.c.crm_gone == 1,
        link.c.prm_id.is_not(None),
        link.c.prm_gone == 0,
    )
    theirs = sa.and_(link.c.state == "new", link.c.crm_id.is_not(None)).label("crm")
    statement = (
        sa.select(theirs, sa.func.count())
        .where(link.c.stream_id == stream_id, sa.or_(unmatched, left))
        .group_by(theirs)
    )
    found = {bool(row[0]): int(row[1]) for row in connection.execute(statement)}
    return found.get(True, 0), found.get(False, 0)


def recount(connection: sa.Connection, stream_id: int) -> Tally:
    """The counters as the rows themselves say; reads all rows of the stream."""
    live = _rows(connection, link.c.stream_id == stream_id, link.c.state == LIVE)
    made = [
        _rows(
            connection,
            action.c.stream_id == stream_id,
            action.c.side == side,
            action.c.op == "create",
            action.c.state == "done",
        )
        for side in _MADE
    ]
    return Tally(live, *made)


def mend(connection: sa.Connection, stream_id: int, right: Tally) -> None:
    """Put counters right that were found wrong."""
    connection.execute(
        table.update()
        .where(table.c.id == stream_id)
        .values(linked=right.linked, made_in_prm=right.made_in_prm, made_in_crm=right.made_in_crm)
    )


def _rows(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).where(*where)).scalar_one())
