"""Our own writes to the partner database, which its change log holds like anybody's.

Read again by the next run, each would be decided a second time, a first load's all at once. What
leaves both sides and the base equal is therefore passed over where it is written. Only on SQLite,
which has one writer at a time: there the rows that a transaction logs stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.store import change_log
from prmsync.store.columns import COLUMNS
from prmsync.store.links import KEY, UNSTAMPED, Link
from prmsync.sync.session import HOME, Stream


def all_seen(connection: sa.Connection, stream: Stream) -> bool:
    """Whether this connection has looked at all that the change log holds of a stream so far."""
    cursor = stream.state.prm_cursor
    if connection.dialect.name != "sqlite" or cursor == change_log.START:
        return False
    return not change_log.changes_after(connection, cursor, stream.name, 1)[0]


def pass_over(connection: sa.Connection, stream: Stream) -> None:
    """Leave out what this transaction has logged since `all_seen`; storing the stream's new place
    is the caller's part."""
    stream.state.prm_cursor = change_log.head(connection)


Rows = Iterable[tuple[Link, Values]]
"""Links with what their records of ours were given, or show now."""


def are_settled(stream: Stream, created: Rows, updated: Rows) -> bool:
    """Whether nothing is to be decided about these links. What is equal as it stands needs no look
    at how it would be written (as in verify); our key that a CRM record lacks is to be written."""
    try:
        return all(_is_settled(stream, *row) for row in updated) and _are_new(stream, created)
    except KeyError:  # never agreed on, or not read
        return False


def _is_settled(stream: Stream, link: Link, ours: Values) -> bool:
    if link.base is None or link.crm is None or (stream.mapping.home and not ours.get(HOME)):
        return False
    if stream.mapping.filter:  # what the CRM wrote may have taken it out of the filter
        return False
    if _is_stamped(stream) and (not link.crm.get(KEY) or UNSTAMPED in link.crm):
        return False
    return stream.cells(ours) == stream.cells(link.base) == stream.cells(link.crm)


def _are_new(stream: Stream, rows: Rows) -> bool:
    """Records that were made just now: the base has all that they were given, and what the CRM
    leaves blank."""
    cells, home = stream.cells, stream.mapping.home
    filled = [one for one in _filled(stream.name).items() if one[0] in stream.fields]
    for link, given in rows:
        base, crm = link.base, link.crm
        if base is None or crm is None or cells(base) != cells(crm):
            return False
        if _is_stamped(stream) or (home and HOME not in given):
            return False
        for name, default in filled:
            if name not in given and base[name] != default:
                return False
    return True


def _is_stamped(stream: Stream) -> bool:
    return stream.mapping.stamp_key and stream.spec.key is not None


@lru_cache(maxsize=16)
def _filled(stream: str) -> Values:
    """What is not blank in a record to which nobody has given a value."""
    columns = COLUMNS[stream].items()
    return {name: column.default for name, column in columns if column.default is not None}
