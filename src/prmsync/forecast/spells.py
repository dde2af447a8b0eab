"""Deals' stays in their stages, in weeks: all that the hazards are fitted on.

A *week* is a whole number that grows by one a week and by 13 a fiscal quarter, so that
`week % 13` is the week of the quarter (the last one also holds the quarter's odd days).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

QUARTER = 13
"""Weeks of a quarter."""
LONGEST = 104
"""Weeks in a stage that are told apart; longer stays count as this long."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Exit(IntEnum):
    """How a stay ended. A move to another stage is no end of the deal."""

    OPEN = 0
    MOVE = 1
    WIN = 2
    LOSS = 3


@dataclass(frozen=True, slots=True)
class Spells:
    """Stays of deals in a stage; arrays of one length.

    `stage` is an index from 0, `start` the week of entry, `last` the last week in the stage (that
    of the exit, or the last one that is over), `seen` the first week in which an exit would have
    been recorded (later than `start` where history begins in the middle of a stay), `target` the
    stage moved to where `exit` is a move, `segment` a row of the caller's segment table.
    """

    stage: Ints
    start: Ints
    last: Ints
    exit: Ints
    target: Ints
    segment: Ints
    seen: Ints

    def __len__(self) -> int:
        return len(self.stage)

    def until(self, week: int) -> Spells:
        """As known when `week` began: nothing of that week or later."""
        known = self.start < week
        cut = self.last >= week
        return Spells(
            self.stage[known],
            self.start[known],
            np.where(cut, week - 1, self.last)[known],
            np.where(cut, Exit.OPEN, self.exit)[known],
            self.target[known],
            self.segment[known],
            self.seen[known],
        )

    def seen_at_all(self) -> Spells:
        """Without the stays that were over before anything was recorded."""
        kept = self.last >= self.seen
        return Spells(
            self.stage[kept],
            self.start[kept],
            self.last[kept],
            self.exit[kept],
            self.target[kept],
            self.segment[kept],
            self.seen[kept],
        )
