"""Reading the log of changes to the partner database; `prmsync.store.capture` fills it.

A cursor is (xid, seq): the writer's transaction id (PostgreSQL; 0 on SQLite) and the place in
the log. On PostgreSQL sequence numbers are given out before commits happen, so a row can appear
behind one that was read already; therefore only transactions older than every open one are read,
in (xid, seq) order. SQLite has one writer at a time, so seq alone is the order of commits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import sqlalchemy as sa

from prmsync.errors import StoreError
from prmsync.store.prepared import given
from prmsync.store.tables import change_log, link, stream

Op = Literal["insert", "update", "delete"]
Cursor = tuple[int, int]

START: Cursor = (0, 0)
_LAST_SEQ = 2**63 - 1
_NO_XID = 0
"""Of every row on SQLite."""
_NOTHING_YET = -1
"""The place before the first row for who has read everything: nothing was there, unlike `START`."""
# The oldest transaction that may still be running: all before it are committed or rolled back.
_OLDEST_OPEN = sa.text("pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
# On SQLite the number of the last row, whether it is still there or not.
_SEQUENCE = sa.table("sqlite_sequence", sa.column("name", sa.Text), sa.column("seq", sa.Integer))
_LAST = sa.select(_SEQUENCE.c.seq).where(_SEQUENCE.c.name == change_log.name)


def changes_after(
    connection: sa.Connection, cursor: Cursor, stream_name: str, limit: int
) -> tuple[dict[str, Op], Cursor]:
    """At most `limit` log rows of a stream after `cursor`: record id → its last operation.

    The second part is the cursor to commit with what these rows led to; it equals `cursor` when
    there is nothing new. Records stand in the order of their last change. Raises StoreError when
    the cursor comes from another PostgreSQL server (a restored dump): its log cannot be followed.
    """
    named = {"stream": stream_name, "xid": cursor[0], "seq": cursor[1], "limit": limit}
    rows = connection.execute(_following(connection.dialect.name), named).all()
    records: dict[str, Op] = {}
    for _, _, record, op in rows:
        records.pop(record, None)
        records[record] = op
    if not rows:
        _require_same_server(connection, cursor)
    return records, (rows[-1].xid, rows[-1].seq) if rows else cursor


@lru_cache(maxsize=4)
def _following(dialect: str) -> sa.Select[Any]:
    """The next log rows of a stream in the order of their cursors."""
    return (
        sa.select(change_log.c.xid, change_log.c.seq, change_log.c.record, change_log.c.op)
        .where(change_log.c.stream == given("stream"), *_settled(dialect), _behind(dialect))
        .order_by(change_log.c.xid, change_log.c.seq)
        .limit(given("limit", sa.Integer))
    )


def _behind(dialect: str) -> sa.ColumnElement[bool]:
    """What stands in the log behind a cursor that each call gives."""
    if dialect == "sqlite":  # it would search an index by no more than the xid
        return sa.and_(change_log.c.xid == _NO_XID, change_log.c.seq > given("seq"))
    place = sa.tuple_(change_log.c.xid, change_log.c.seq)
    return place > sa.tuple_(given("xid", sa.BigInteger), given("seq", sa.BigInteger))


def head(connection: sa.Connection) -> Cursor:
    """A cursor behind everything this transaction can see, and before everything it cannot.

    A full read starts from here: taken first, then all records are read in the same transaction
    or later, and `changes_after` goes on from it.
    """
    if connection.dialect.name == "postgresql":
        return int(connection.execute(sa.select(_OLDEST_OPEN)).scalar_one()) - 1, _LAST_SEQ
    # The sequence, not max(seq): rows that were read are pruned.
    return _NO_XID, int(connection.execute(_LAST).scalar() or _NOTHING_YET)


def prune(connection: sa.Connection) -> int:
    """Delete rows that every connection with their stream has passed; returns how many.

    Rows of a stream that no connection reads are deleted too: a new connection begins with a
    full read, never with the log.
    """
    places = connection.execute(sa.select(stream.c.name, stream.c.prm_xid, stream.c.prm_cursor))
    lowest: dict[str, Cursor] = {}
    for name, xid, seq in places:
        lowest[name] = min(lowest.get(name, (xid, seq)), (xid, seq))
    unread = change_log.c.stream.not_in(list(lowest))
    settled = _settled(connection.dialect.name)
    deleted = connection.execute(change_log.delete().where(unread, *settled)).rowcount
    for name, cursor in lowest.items():
        passed = sa.and_(change_log.c.stream == name, _up_to(connection, cursor))
        deleted += connection.execute(change_log.delete().where(passed)).rowcount
    return deleted


def waiting(connection: sa.Connection, cursor: Cursor, stream_name: str) -> int:
    """How many log rows of a stream stand after `cursor`, those of open transactions' time
    included."""
    count = sa.select(sa.func.count()).where(
        change_log.c.stream == stream_name, _after(connection, cursor)
    )
    return int(connection.execute(count).scalar_one())


def unknown_after(
    connection: sa.Connection, cursor: Cursor, stream_id: int, stream_name: str, seq: int
) -> tuple[list[str], int]:
    """Records inserted after `cursor` and behind `seq` that have no link in a stream, and how far
    this looked. Open transactions of other writers are not waited for."""
    if connection.dialect.name == "sqlite":  # where seq is the order, both are one condition
        cursor = (_NO_XID, max(cursor[1], seq))
    named = {"stream": stream_name, "xid": cursor[0], "seq": cursor[1], "behind": seq}
    unknown = _unknown(connection.dialect.name)
    rows = connection.execute(unknown, {**named, "of": stream_id}).all()
    fresh = {record for _, record, known in rows if not known}
    return sorted(fresh), max((row[0] for row in rows), default=seq)


@lru_cache(maxsize=4)
def _unknown(dialect: str) -> sa.Select[Any]:
    """Inserts behind a cursor and a place in the log, and whether a stream has a link of theirs."""
    linked = sa.exists().where(
        link.c.stream_id == given("of"), link.c.prm_id == change_log.c.record
    )
    return sa.select(change_log.c.seq, change_log.c.record, linked).where(
        change_log.c.stream == given("stream"),
        _behind(dialect),
        change_log.c.seq > given("behind"),
        change_log.c.op == "insert",
    )


def _require_same_server(connection: sa.Connection, cursor: Cursor) -> None:
    if connection.dialect.name != "postgresql":
        return
    newest = sa.text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    if cursor[0] > int(connection.execute(newest).scalar_one()):
        raise StoreError(
            "the place in the change log is from another database server",
            hint="the database was restored elsewhere; run `prmsync sync --full` once",
        )


def _after(connection: sa.Connection, cursor: Cursor) -> sa.ColumnElement[bool]:
    if connection.dialect.name == "sqlite":  # it would search an index by no more than the xid
        return sa.and_(change_log.c.xid == _NO_XID, change_log.c.seq > cursor[1])
    place = sa.tuple_(change_log.c.xid, change_log.c.seq)
    return place > sa.tuple_(
        sa.literal(cursor[0], sa.BigInteger), sa.literal(cursor[1], sa.BigInteger)
    )


def _up_to(connection: sa.Connection, cursor: Cursor) -> sa.ColumnElement[bool]:
    if connection.dialect.name == "sqlite":
        return sa.and_(change_log.c.xid == _NO_XID, change_log.c.seq <= cursor[1])
    return sa.not_(_after(connection, cursor))


def _settled(dialect: str) -> list[sa.ColumnElement[bool]]:
    if dialect != "postgresql":
        return []
    return [change_log.c.xid < sa.literal_column(_OLDEST_OPEN.text, sa.BigInteger)]
