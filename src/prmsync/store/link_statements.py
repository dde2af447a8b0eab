"""The statements that look links up, built once each (`prmsync.store.prepared`).

Named values: `stream`; `after` and `limit` of a page by id; `ids` as `packed` ones; `text`, with
"/" before what LIKE takes as a sign of its own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from prmsync.store.prepared import given, listed, one_of, over
from prmsync.store.tables import link as table
from prmsync.store.tables import stream as streams

COLUMNS = (
    table.c.id,
    table.c.stream_id,
    table.c.prm_id,
    table.c.crm_id,
    table.c.state,
    table.c.base,
    table.c.seen,
    table.c.crm_version,
    table.c.crm_modified_by,
    table.c.prm_gone,
    table.c.crm_gone,
    table.c.dirty,
)
HERE = table.c.stream_id == given("stream")
HERE_BY_ID = table.c.stream_id + sa.literal_column("0") == given("stream")
"""For pages by id of all links: by an index of the stream, which fits the other form, SQLite would
go through all of them for each page, and sort them."""
MARKED = over(table.c.dirty, 0)
"""As the index of marked links says it."""
NEW = one_of(table.c.state, ["new"])
"""As the index of unlinked records says it."""


def whose(link_id: sa.Column[int], *says: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """The link is one of which all this is true. Said of what is little beside the links: with a
    join SQLite would go through all links of a stream to find it."""
    return sa.exists().where(table.c.id == link_id, *says)


def page(*where: sa.ColumnElement[bool], lock: bool = False) -> sa.Select[Any]:
    """Whole rows behind `after` by id, `limit` at most; with `lock` they stay as they are."""
    chosen = sa.select(*COLUMNS).where(*where, table.c.id > given("after"))
    ordered = chosen.order_by(table.c.id).limit(given("limit", sa.Integer))
    return ordered.with_for_update() if lock else ordered


@lru_cache(maxsize=8)
def dirty_page(*, lock: bool) -> sa.Select[Any]:
    return page(HERE, MARKED, lock=lock)


@lru_cache(maxsize=16)
def any_dirty(values: tuple[int, ...]) -> sa.Select[Any]:
    """Whether a link of the stream has one of these marks."""
    marks = [sa.literal_column(str(value), sa.Integer) for value in values]
    return sa.select(sa.exists().where(HERE, MARKED, table.c.dirty.in_(marks)))


@lru_cache(maxsize=4)
def marked_streams(dialect: str) -> sa.Select[Any]:
    """Which of the streams `ids` have links that are marked."""
    some = sa.exists().where(table.c.stream_id == streams.c.id, MARKED)
    return sa.select(streams.c.id).where(listed(dialect, streams.c.id), some)


@lru_cache(maxsize=16)
def unlinked(*, crm_side: bool, dirty_only: bool, showing: bool) -> sa.Select[Any]:
    present, absent = (
        (table.c.crm_id, table.c.prm_id) if crm_side else (table.c.prm_id, table.c.crm_id)
    )
    where = [HERE, NEW, present.is_not(None), absent.is_(None)]
    if dirty_only:
        # Few are marked, however many are unlinked: said so that only the index of marked links
        # fits. With the other words both databases choose one that leads through all unlinked.
        state, known, unknown = (unindexed(one) for one in (table.c.state, present, absent))
        where = [HERE, MARKED, state == "new", known != "", unknown == ""]
    if showing:
        where.append(table.c.seen.contains(given("text"), escape="/"))
    return page(*where)


def unindexed(column: sa.Column[Any]) -> sa.ColumnElement[str]:
    """A column of text that is never empty, with "" for null, and none of its indexes."""
    return sa.func.coalesce(column, sa.literal_column("''", sa.Text))


@lru_cache(maxsize=16)
def by_key(dialect: str, key: str, *, lock: bool = False) -> sa.Select[Any]:
    """Rows whose `id`, `prm_id` or `crm_id` is among `ids`; the last two of one stream."""
    where = [listed(dialect, table.c[key])]
    if key != "id":
        where.append(HERE)
    chosen = sa.select(*COLUMNS).where(*where).order_by(table.c.id)
    return chosen.with_for_update() if lock else chosen


@lru_cache(maxsize=8)
def pairs(dialect: str, known: str, wanted: str) -> sa.Select[Any]:
    """Both ids of linked records of a stream whose `known` one is among `ids`; CRM ids are looked
    for of records alone that the CRM still has. `text` stands in what is known of a record that
    was merged away: while nothing is agreed on with ours, its id means the one that is left."""
    there = table.c.crm_gone == sa.literal_column("0")
    merged = unindexed(table.c.seen).contains(given("text"), escape="/")
    own = sa.or_(there, table.c.base.is_not(None), sa.not_(merged))
    return sa.select(table.c[known], table.c[wanted]).where(
        HERE,
        listed(dialect, table.c[known]),
        # Said so that its index does not fit: SQLite would go through all links of the stream.
        unindexed(table.c[wanted]) != "",
        table.c.state != sa.literal_column("'ended'", sa.Text),
        there if wanted == "crm_id" else own,
    )


@lru_cache(maxsize=4)
def marks(dialect: str) -> sa.Select[Any]:
    """Id and mark of links among `ids`; they stay so until the transaction ends."""
    chosen = sa.select(table.c.id, table.c.dirty).where(listed(dialect, table.c.id))
    return chosen.with_for_update()


@lru_cache(maxsize=4)
def mark(dialect: str) -> sa.Update:
    return table.update().where(listed(dialect, table.c.id)).values(dirty=given("mark"))


HIGHEST_ID = sa.select(sa.func.max(table.c.id))
ANY_OF_CONNECTION = sa.select(
    sa.exists().where(
        table.c.stream_id == streams.c.id,
        streams.c.connection == given("of"),
        table.c.prm_id.is_not(None),
        table.c.crm_id.is_not(None),
    )
)
