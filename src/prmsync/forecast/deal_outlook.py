"""Each open deal's chance to be won in the period, and what moved it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prmsync.domain.stage import Stage
from prmsync.forecast.evidence import Evidence
from prmsync.forecast.hazard_forecast import QuarterForecast
from prmsync.forecast.spells import Exit
from prmsync.forecast.timelines import OPEN_STAGES, Deals

_NOTABLE = 0.05
"""Change of a hazard, as a share, from which a reason is worth a word."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A multiplier of a deal's hazards: `name` of `dimension` wins or moves on `factor` times as
    often as others, `seen` against `expected`."""

    outcome: Exit
    dimension: str
    name: str
    factor: float
    seen: float
    expected: float


@dataclass(frozen=True, slots=True)
class DealOutlook:
    """`chance` 0 to 1 to be won by the period's end; `expected` is it times the expected amount,
    in major units; `stated` what the deal says, None where it says nothing."""

    id: str
    stage: Stage
    weeks_in_stage: int
    stated: float | None
    chance: float
    expected: float
    reasons: tuple[Reason, ...]


def deal_outlooks(found: QuarterForecast, deals: Deals) -> list[DealOutlook]:
    """Open deals, the largest expectation first."""
    outlook, history = found.outlook, found.cut.history
    stated = history.amount[history.last_events()[outlook.deal]]
    chance = found.chance
    worth = chance * outlook.lots.mean[: outlook.open]
    reasons = [_reasons(found, deals, segment) for segment in range(len(history.segments))]
    order = np.argsort(-worth, kind="stable")
    return [
        DealOutlook(
            deals.ids[outlook.deal[at]],
            OPEN_STAGES[int(outlook.stage[at])],
            int(outlook.weeks_in[at]),
            float(stated[at]) if np.isfinite(stated[at]) else None,
            float(chance[at]),
            float(worth[at]),
            reasons[int(outlook.segment[at])],
        )
        for at in order
    ]


def _reasons(found: QuarterForecast, deals: Deals, segment: int) -> tuple[Reason, ...]:
    groups = found.cut.history.segments[segment]
    dimensions = found.cut.history.dimensions
    reasons = [
        reason_of(evidence, deals, int(groups[dimensions.index(evidence.dimension)]))
        for evidence in found.fitted.evidence
    ]
    return tuple(reason for reason in reasons if abs(reason.factor - 1) >= _NOTABLE)


def reason_of(evidence: Evidence, deals: Deals, group: int) -> Reason:
    """What one group of a dimension shows."""
    return Reason(
        evidence.outcome,
        evidence.dimension,
        deals.names[evidence.dimension][group],
        float(evidence.multiplier[group]),
        float(evidence.seen[group]),
        float(evidence.expected[group]),
    )
