"""Our own writes to the partner database, which its change log holds like anybody's.

Read again by the next run, each would be decided a second time, a first load's all at once. What
leaves both sides and the base equal is therefore passed over where it is written. Only on SQLite,
which has one writer at a time: there the rows that a transaction logs stand side by side.
"""

from __future__ import annotations

from functools import lru_cache

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.store import change_log, streams
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
    """Leave out what this transaction has logged since `all_seen`."""
    stream.state.prm_cursor = change_log.head(connection)
    streams.save_stream(connection, stream.state)


def is_settled(stream: Stream, link: Link, ours: Values, *, new: bool) -> bool:
    """Whether nothing is to be decided about a link whose record of ours shows these values now; a
    new record shows its defaults beside them. What is equal as it stands needs no look at how it
    would be written (as in verify). A key that the CRM record lacks is still to be written."""
    base, crm = link.base, link.crm
    if base is None or crm is None or (stream.mapping.home and ours.get(HOME) is None):
        return False
    if stream.mapping.stamp_key and stream.spec.key and (not crm.get(KEY) or UNSTAMPED in crm):
        return False
    try:
        if new:  # the base has what was given; the rest stands as in any new record
            rest = _filled(stream.name).items()
            filled = all(name in ours or base.get(name, value) == value for name, value in rest)
            return filled and stream.cells(base) == stream.cells(crm)
        return stream.cells(ours) == stream.cells(base) == stream.cells(crm)
    except KeyError:  # never agreed on, or not read
        return False


@lru_cache(maxsize=16)
def _filled(stream: str) -> Values:
    """What is not blank in a record to which nobody has given a value."""
    columns = COLUMNS[stream].items()
    return {name: column.default for name, column in columns if column.default is not None}
