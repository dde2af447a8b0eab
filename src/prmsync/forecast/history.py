"""What is known of all deals, event by event, and how it looked on any day.

`as_of` is the only way from the whole history to a forecast: it drops what was not known on that
day, so that no model can look ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from prmsync.forecast.spells import Exit, Floats, Ints, Spells
from prmsync.forecast.weeks import Weeks

NEVER = np.iinfo(np.int64).max // 4
"""The closing day of a deal that is open."""


@dataclass(frozen=True, slots=True)
class DealHistory:
    """Deals, and the events of their stages and amounts; days are ordinals.

    One entry a deal: `created`, `closed` (NEVER while open), `won`, `worth` (the amount won; 0
    for others), `segment` (a row of `segments`). One entry an event, sorted by deal and day:
    `deal`, `day`, `stage` (index), `amount` (NaN where none is known), `expected_close` (the day
    people expect the close; NEVER where none is stated). Deals come in the order of
    their index. `segments[row]` holds the indices of partner, tier and other dimensions, by name
    in `dimensions`. `recorded_from` is the first day from which closes were recorded: before it,
    only deals that stayed open are seen.
    """

    created: Ints
    closed: Ints
    won: npt.NDArray[np.bool_]
    worth: Floats
    segment: Ints
    deal: Ints
    day: Ints
    stage: Ints
    amount: Floats
    expected_close: Ints
    segments: Ints
    dimensions: tuple[str, ...]
    stages: int
    recorded_from: int = 0

    def as_of(self, day: int) -> DealHistory:
        """As known when `day` began."""
        known = self.created < day
        index = np.cumsum(known) - 1
        events = (self.day < day) & known[self.deal]
        open_still = self.closed >= day
        return replace(
            self,
            created=self.created[known],
            closed=np.where(open_still, NEVER, self.closed)[known],
            won=(self.won & ~open_still)[known],
            worth=np.where(open_still, 0.0, self.worth)[known],
            segment=self.segment[known],
            deal=index[self.deal[events]],
            day=self.day[events],
            stage=self.stage[events],
            amount=self.amount[events],
            expected_close=self.expected_close[events],
        )

    def last_events(self) -> Ints:
        """The index of each deal's latest event."""
        return np.searchsorted(self.deal, np.arange(len(self.created)), side="right") - 1

    def entries(self) -> npt.NDArray[np.bool_]:
        """Which events entered a stage (others only changed an amount or a date)."""
        same = np.zeros(len(self.deal), dtype=bool)
        same[1:] = (self.deal[1:] == self.deal[:-1]) & (self.stage[1:] == self.stage[:-1])
        return ~same

    def spells(self, weeks: Weeks, today: int) -> Spells:
        """Stays in stages up to the last whole week before `today`."""
        entered = np.flatnonzero(self.entries())
        deal, stage, start = self.deal[entered], self.stage[entered], weeks.week(self.day[entered])
        moves = np.zeros(len(entered), dtype=bool)
        moves[:-1] = deal[1:] == deal[:-1]
        target = np.where(moves, np.roll(stage, -1), 0)
        closed = self.closed[deal]
        last = np.where(moves, np.roll(start, -1), weeks.week(np.minimum(closed, today)))
        ended = np.where(self.won[deal], Exit.WIN, Exit.LOSS)
        exit_ = np.where(moves, Exit.MOVE, np.where(closed < NEVER, ended, Exit.OPEN))
        recorded = weeks.week(np.full(len(entered), self.recorded_from))
        found = Spells(
            stage,
            start,
            np.maximum(last, start),
            exit_,
            target,
            self.segment[deal],
            np.maximum(start, recorded if self.recorded_from else start),
        )
        return found.seen_at_all().until(int(weeks.week(np.array([today]))[0]))
