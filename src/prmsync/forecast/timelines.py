"""From what was seen of each deal to the arrays that the models count on.

Stages were seen from the day on which the partner database began to keep the past. Of a deal that
was open by then only its stage of that day is known: it is taken to have spent its age so far in
equal parts in that stage and those before. A deal that was closed by then shows when it was made
and how it ended, and no more; its stays teach nothing of stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prmsync.domain.stage import Stage
from prmsync.forecast.history import NEVER, DealHistory
from prmsync.forecast.spells import Ints

OPEN_STAGES: tuple[Stage, ...] = tuple(stage for stage in Stage if not stage.is_closed)
UNKNOWN = "–"
"""Label of a deal that has no partner, tier, product or region."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a deal stood from `day` (an ordinal) on; `amount` in major units, NaN where none is
    stated, `close` the expected or real close, NEVER where none is stated."""

    day: int
    stage: Stage
    amount: float
    close: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """One deal: when it was made (an ordinal), how it stood since (at least once, in order), and
    its label in each dimension."""

    id: str
    created: int
    standings: tuple[Standing, ...]
    labels: tuple[str, ...]

    @property
    def closed(self) -> int:
        """The day of the close that lasted; NEVER while the deal is open. A close dated after the
        day it was seen is taken on that day."""
        last = self.standings[-1]
        if not last.stage.is_closed:
            return NEVER
        open_ = [at for at, standing in enumerate(self.standings) if not standing.stage.is_closed]
        seen = self.standings[open_[-1] + 1].day if open_ else NEVER
        return max(self.created, min(last.close, seen))


@dataclass(frozen=True, slots=True)
class Deals:
    """All deals as arrays; `ids[deal]`, and `names[dimension][group]`."""

    history: DealHistory
    ids: tuple[str, ...]
    names: dict[str, tuple[str, ...]]


def gather(timelines: Sequence[Timeline], dimensions: Sequence[str], recorded_from: int) -> Deals:
    """Arrays of these deals. `recorded_from`: the day since which changes of stages were seen."""
    rows = [_events(timeline, recorded_from) for timeline in timelines]
    counts = np.array([len(events) for events in rows], dtype=np.int64)
    events = [event for one in rows for event in one]
    names, segment, segments = _segments(timelines, dimensions)
    closed = np.array([timeline.closed for timeline in timelines], dtype=np.int64)
    won = np.array([t.standings[-1].stage.is_won for t in timelines], dtype=bool)
    last = np.array([timeline.standings[-1].amount for timeline in timelines], dtype=float)
    history = DealHistory(
        created=np.array([timeline.created for timeline in timelines], dtype=np.int64),
        closed=closed,
        won=won,
        worth=np.where(won, np.nan_to_num(last), 0.0),
        segment=segment,
        deal=np.repeat(np.arange(len(timelines)), counts),
        day=np.array([event.day for event in events], dtype=np.int64),
        stage=np.array([event.stage.rank for event in events], dtype=np.int64),
        amount=np.array([event.amount for event in events], dtype=float),
        expected_close=np.array([event.close for event in events], dtype=np.int64),
        segments=segments,
        dimensions=tuple(dimensions),
        stages=len(OPEN_STAGES),
        recorded_from=recorded_from,
    )
    return Deals(history, tuple(timeline.id for timeline in timelines), names)


def _events(timeline: Timeline, recorded_from: int) -> list[Standing]:
    """The deal's open standings, the first of them on the day it was made."""
    standing = [s for s in timeline.standings if not s.stage.is_closed]
    first = timeline.standings[0]
    made = Standing(timeline.created, OPEN_STAGES[0], first.amount, first.close)
    if not standing:
        return [made]
    opening = standing[0]
    if timeline.created >= recorded_from or opening.stage is OPEN_STAGES[0]:
        return [
            Standing(timeline.created, opening.stage, opening.amount, opening.close),
            *standing[1:],
        ]
    until = recorded_from if len(standing) == 1 else min(recorded_from, standing[1].day)
    rank = opening.stage.rank
    entered = timeline.created + max(until - timeline.created, 0) * rank // (rank + 1)
    guess = Standing(entered, opening.stage, opening.amount, opening.close)
    return [made, guess, *standing[1:]]


def _segments(
    timelines: Sequence[Timeline], dimensions: Sequence[str]
) -> tuple[dict[str, tuple[str, ...]], Ints, Ints]:
    """Names by dimension, each deal's segment, and each segment's group in every dimension."""
    names = {
        dimension: tuple(sorted({timeline.labels[i] for timeline in timelines}))
        for i, dimension in enumerate(dimensions)
    }
    if not timelines:
        return names, np.zeros(0, dtype=np.int64), np.zeros((0, len(dimensions)), dtype=np.int64)
    places = [{name: at for at, name in enumerate(names[dimension])} for dimension in dimensions]
    table = np.array(
        [[place[label] for place, label in zip(places, t.labels, strict=True)] for t in timelines],
        dtype=np.int64,
    )
    segments, segment = np.unique(table, axis=0, return_inverse=True)
    return names, segment.ravel(), segments
