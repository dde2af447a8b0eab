"""Counters that brakes go by, counted anew where everything is read anyway."""

from __future__ import annotations

import sqlalchemy as sa

from prmsync.store import brakes, tallies
from prmsync.sync.session import Stream


def counted_anew(connection: sa.Connection, stream: Stream) -> list[str]:
    """Recount what is kept of a stream and put it right; returns what was wrong, in words."""
    found = []
    kept = tallies.of_streams(connection, [stream.id])[stream.id]
    right = tallies.recount(connection, stream.id)
    if kept != right:
        tallies.mend(connection, stream.id, right)
        found.append(
            f"counters were wrong and are right now: {kept.linked:,} linked, {kept.made_in_crm:,} "
            f"made in the CRM, {kept.made_in_prm:,} made here; there are {right.linked:,}, "
            f"{right.made_in_crm:,} and {right.made_in_prm:,}"
        )
    names = {stream.id: stream.name}
    if brakes.waiting_cells(connection, names) != brakes.recount(connection, names):
        brakes.mend(connection, stream.id)
        found.append("the counts of what brakes hold were wrong and are right now")
    return found
