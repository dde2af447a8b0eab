"""The statements of every run over the journal, built once each (`prmsync.store.prepared`).

Named values: `run`, `stream`; `after` and `limit` of a page by id; `ids` as `packed` ones.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from prmsync.reconcile.causes import BACKFILL, Cause, Lane
from prmsync.store.prepared import given, listed, one_of
from prmsync.store.tables import OPEN_ACTIONS
from prmsync.store.tables import action as table
from prmsync.store.tables import link as links
from prmsync.store.tables import run as runs

COLUMNS = (
    table.c.link_id,
    table.c.stream_id,
    table.c.side,
    table.c.op,
    table.c.fields,
    table.c.reason,
    table.c.cause,
    table.c.id,
    table.c.run_id,
    table.c.state,
    table.c.error,
    table.c.done_at,
    table.c.brake_id,
)
HERE = table.c.stream_id == given("stream")
# Beside a plain condition on the run SQLite would go through all rows of the run.
OPEN_OF_RUN = sa.and_(table.c.run_id + sa.literal_column("0") == given("run"), OPEN_ACTIONS)

Words = tuple[str, ...]


def in_lane(lane: Lane) -> sa.ColumnElement[bool]:
    """Whether a row's cause puts it into this lane."""
    cause = sa.func.coalesce(table.c.cause, sa.literal_column("''", sa.Text))
    if lane is Lane.FORECAST:
        return one_of(cause, (Cause.FORECAST.value,))
    if lane is Lane.BACKFILL:
        return one_of(cause, sorted(BACKFILL))
    return sa.not_(one_of(cause, (*sorted(BACKFILL), Cause.FORECAST.value)))


def _lane() -> sa.ColumnElement[str]:
    apart = ((in_lane(one), _word(one)) for one in (Lane.BACKFILL, Lane.FORECAST))
    return sa.case(*apart, else_=_word(Lane.PEOPLE))


def _word(lane: Lane) -> sa.ColumnElement[str]:
    return sa.literal_column(f"'{lane}'", sa.Text)


def of_a_sync() -> sa.ColumnElement[bool]:
    """Rows of an undo are not decided again by a sync: they wait for their own run's answer."""
    return table.c.run_id.not_in(sa.select(runs.c.id).where(runs.c.undoes.is_not(None)))


_LATER = table.alias("later")
ONCE = sa.or_(
    table.c.state != sa.literal_column("'superseded'", sa.Text),
    sa.not_(
        sa.exists().where(
            _LATER.c.link_id == table.c.link_id,
            _LATER.c.run_id + sa.literal_column("0") == table.c.run_id,
            _LATER.c.id > table.c.id,
            _LATER.c.side == table.c.side,
            _LATER.c.op == table.c.op,
            sa.or_(
                table.c.op == sa.literal_column("'create'", sa.Text),
                _LATER.c.fields == table.c.fields,
            ),
        )
    ),
)
"""Not a write that this very run decided anew: a creation, or the same change."""


@lru_cache(maxsize=256)
def page(
    states: Words,
    sides: Words,
    ops: Words,
    lane: Lane | None,
    *,
    of_stream: bool,
    once: bool = False,
) -> sa.Select[Any]:
    where = [
        table.c.run_id == given("run"),
        one_of(table.c.state, states),
        table.c.id > given("after"),
    ]
    if of_stream:
        where.append(HERE)
    if sides:
        where.append(one_of(table.c.side, sides))
    if ops:
        where.append(one_of(table.c.op, ops))
    if lane is not None:
        where.append(in_lane(lane))
    if once:
        where.append(ONCE)
    chosen = sa.select(*COLUMNS).where(*where)
    return chosen.order_by(table.c.id).limit(given("limit", sa.Integer))


@lru_cache(maxsize=32)
def mark(dialect: str, *names: str) -> sa.Update:
    """Set `state` and these columns, each by the name `new_…`."""
    values = {name: given(f"new_{name}") for name in ("state", *names)}
    return table.update().where(listed(dialect, table.c.id)).values(values)


@lru_cache(maxsize=8)
def supersede(sides: Words) -> tuple[sa.Select[Any], sa.Update, sa.Update]:
    """Whether a stream has plans for these sides that were not applied; marking their links;
    ending them as `new_state`."""
    stale = sa.and_(
        HERE,
        one_of(table.c.state, ("planned", "retry")),
        OPEN_ACTIONS,
        one_of(table.c.side, sides),
    )
    ids = sa.select(table.c.link_id).where(stale)
    return (
        sa.select(sa.exists().where(stale)),
        links.update().where(links.c.id.in_(ids), links.c.dirty == 0).values(dirty=1),
        table.update().where(stale).values(state=given("new_state")),
    )


@lru_cache(maxsize=32)
def last_of_fields(dialect: str, states: Words) -> sa.Select[Any]:
    among_ids = listed(dialect, table.c.link_id)
    some = sa.select(table.c.link_id).where(among_ids, one_of(table.c.state, states))
    return (
        sa.select(table.c.link_id, table.c.state, table.c.side, table.c.fields)
        .where(table.c.link_id.in_(some), one_of(table.c.state, (*states, "done", "found")))
        .order_by(table.c.id)
    )


@lru_cache(maxsize=32)
def open_kinds(states: Words) -> sa.Select[Any]:
    return (
        sa.select(table.c.stream_id, table.c.side, table.c.op)
        .where(OPEN_OF_RUN, one_of(table.c.state, states))
        .distinct()
    )


@lru_cache(maxsize=32)
def to_send(states: Words) -> sa.Select[Any]:
    lane = _lane().label("lane")
    return (
        sa.select(table.c.stream_id, table.c.side, table.c.op, lane, sa.func.count())
        .where(OPEN_OF_RUN, one_of(table.c.state, states))
        .group_by(table.c.stream_id, table.c.side, table.c.op, lane)
    )


@lru_cache(maxsize=8)
def standing(dialect: str, states: Words) -> sa.Select[Any]:
    return sa.select(*COLUMNS).where(
        listed(dialect, table.c.link_id), one_of(table.c.state, states), of_a_sync()
    )


WAITING = sa.and_(HERE, one_of(table.c.state, ["waiting"]), OPEN_ACTIONS)
_REOPENED = sa.and_(WAITING, of_a_sync())
ANY_TO_REOPEN = sa.select(sa.exists().where(_REOPENED))
MARK_REOPENED = (
    links.update()
    .where(links.c.id.in_(sa.select(table.c.link_id).where(_REOPENED)))
    .values(dirty=1)
)
END_REOPENED = table.update().where(_REOPENED).values(state=given("new_state"))

OPEN_INTENTS = (
    sa.select(*COLUMNS)
    .where(HERE, one_of(table.c.state, ("sent", "unknown")), OPEN_ACTIONS)
    .order_by(table.c.id)
)
LAST_ID = sa.select(sa.func.max(table.c.id))
COUNTS = (
    sa.select(table.c.stream_id, table.c.side, table.c.op, table.c.state, sa.func.count())
    .where(table.c.run_id == given("run"), ONCE)
    .group_by(table.c.stream_id, table.c.side, table.c.op, table.c.state)
)


@lru_cache(maxsize=8)
def runs_with(dialect: str, state: str) -> sa.Select[Any]:
    """Runs that have rows of the streams `ids` in this open state, oldest first."""
    return (
        sa.select(table.c.run_id)
        .where(listed(dialect, table.c.stream_id), one_of(table.c.state, [state]), OPEN_ACTIONS)
        .distinct()
        .order_by(table.c.run_id)
    )


@lru_cache(maxsize=4)
def crm_updates(dialect: str) -> sa.Select[Any]:
    """The acknowledged changes of some links in the CRM, in their order."""
    return (
        sa.select(table.c.link_id, table.c.fields)
        .where(
            listed(dialect, table.c.link_id),
            table.c.side == "crm",
            table.c.op == "update",
            table.c.state == "done",
        )
        .order_by(table.c.id)
    )
