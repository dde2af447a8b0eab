"""Records of ours that came into being since this connection looked at the partner database.

Two connections may meet the same new customer or partner at the same moment. The second one asks
again, in the transaction that would create it, whether a record that says the same is there now;
then nothing is created, and its next run links the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.store import change_log
from prmsync.store import records as prm_records
from prmsync.sync.matching import match_key
from prmsync.sync.session import Newcomers, Stream

RELATION: tuple[tuple[str, ...], ...] = (("opportunity", "partner", "role"),)
"""What a relation says; no two of ours say the same."""

Said = tuple[tuple[str, ...], tuple[object, ...]]


def lock(connection: sa.Connection, stream: Stream) -> None:
    """One connection at a time creates records of a stream, until its transaction ends. Before
    any row is locked, or two of them could wait for each other. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        name = sa.func.hashtext(f"prmsync create {stream.name}")
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(name)))


def overtaken(
    connection: sa.Connection,
    stream: Stream,
    known: Newcomers,
    rows: Sequence[Values],
    *,
    seen: bool,
) -> list[bool]:
    """Of records about to be created: whether one that says the same is there now. `seen`: the
    stream's cursor has passed all changes, so that there is nobody new."""
    if not seen:
        fresh, known.seq = change_log.unknown_after(
            connection, stream.state.prm_cursor, stream.id, stream.name, known.seq
        )
        found = prm_records.read(connection, stream.name, fresh) if fresh else {}
        known.said.update(said for one in found.values() for said in _said(stream, one))
    if not known.said:
        return [False] * len(rows)
    return [not known.said.isdisjoint(_said(stream, one)) for one in rows]


def written(connection: sa.Connection, known: Newcomers) -> None:
    """What was inserted since `overtaken`, in the same transaction, is our own: on SQLite, which
    has one writer at a time, it is not looked at again."""
    if connection.dialect.name == "sqlite":
        known.seq = max(known.seq, change_log.head(connection)[1])


def _said(stream: Stream, values: Values) -> Iterator[Said]:
    for names in _keys(stream):
        key: tuple[object, ...] | None
        if stream.spec.relation is not None:
            key = tuple(values.get(name) for name in names)
        else:
            key = match_key(names, values)
        if key is not None:
            yield names, key


def _keys(stream: Stream) -> Iterable[tuple[str, ...]]:
    return RELATION if stream.spec.relation is not None else stream.mapping.match
