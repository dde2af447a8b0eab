"""What rests until a record comes back: relations whose deal or partner is gone on one side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import sqlalchemy as sa

from prmsync.store.prepared import given, listed, one_of, packed
from prmsync.store.tables import deal_partner
from prmsync.store.tables import link as table
from prmsync.store.tables import stream as streams

_CHANGED = 1
"""`links.Dirty.CHANGED`."""
_ENDS = (deal_partner.c.opportunity, deal_partner.c.partner)


def wake(connection: sa.Connection, stream_id: int, prm_ids: Sequence[str]) -> None:
    """Mark, to be decided again, what may rest because of these records of ours, whose links have
    just come back to life. Of relations that we have no more all are marked: only their bases
    know what they joined, and those that need nothing are left alone when they are decided."""
    named = {"stream": stream_id, "ids": packed(connection, prm_ids)}
    connection.execute(_wake(connection.dialect.name), named)


@lru_cache(maxsize=4)
def _wake(dialect: str) -> sa.Update:
    ours = sa.select(deal_partner.c.id).where(sa.or_(*(listed(dialect, one) for one in _ENDS)))
    here = sa.select(streams.c.connection).where(streams.c.id == given("stream"))
    beside = sa.select(streams.c.id).where(streams.c.connection == here.scalar_subquery())
    resting = sa.and_(
        table.c.stream_id.in_(beside),
        one_of(table.c.state, ["dormant"]),
        table.c.dirty == sa.literal_column("0", sa.Integer),
        sa.or_(table.c.prm_gone == 1, table.c.prm_id.in_(ours)),
    )
    return table.update().where(resting).values(dirty=_CHANGED)
