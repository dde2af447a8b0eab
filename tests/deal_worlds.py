"""Deal histories made by rule, for tests of the forecast: every hazard is known."""

from __future__ import annotations

import numpy as np

from prmsync.forecast.history import NEVER, DealHistory
from prmsync.forecast.spells import Exit, Floats
from prmsync.forecast.weeks import Weeks

QUARTERS = 16
WEEKS = Weeks(np.arange(QUARTERS + 1) * 91)
STAGES = 3
MOVE, WIN, LOSS = (np.array(r) for r in ([0.2, 0.15, 0.0], [0.0, 0.02, 0.12], [0.04, 0.03, 0.03]))
RATES = {Exit.MOVE: MOVE, Exit.WIN: WIN, Exit.LOSS: LOSS}


def world(
    seed: int, *, weeks: int = 130, a_week: float = 8.0, speed: Floats | None = None
) -> DealHistory:
    """Deals of six partners in two tiers, Poisson arrivals, constant weekly hazards; `speed`
    multiplies each partner's hazard of winning. Day = 7 x week. Fewer `weeks` of the same seed are
    the same history, stopped earlier."""
    rng = np.random.default_rng(seed)
    speed = np.ones(6) if speed is None else speed
    created, closed, won, worth, segment = [], [], [], [], []
    events: list[tuple[int, int, int, float]] = []
    for week in range(weeks):
        for _ in range(rng.poisson(a_week)):
            deal = len(created)
            fate = np.random.default_rng([seed, deal])
            partner, amount = int(fate.integers(6)), float(fate.lognormal(9, 0.6))
            created.append(week * 7)
            segment.append(partner)
            end, is_won = _live(fate, events, deal, week, weeks, amount, float(speed[partner]))
            closed.append(end)
            won.append(is_won)
            worth.append(amount if is_won else 0.0)
    return _history(created, closed, won, worth, segment, events)


def _live(
    rng: np.random.Generator,
    events: list[tuple[int, int, int, float]],
    deal: int,
    week: int,
    weeks: int,
    amount: float,
    speed: float,
) -> tuple[int, bool]:
    stage = 0
    events.append((deal, week * 7, stage, amount))
    for now in range(week + 1, weeks):
        draw, win = rng.random(), WIN[stage] * speed
        if draw < win + LOSS[stage]:
            return now * 7, bool(draw < win)
        if draw < win + LOSS[stage] + MOVE[stage]:
            stage += 1
            events.append((deal, now * 7, stage, amount))
    return NEVER, False


def _history(
    created: list[int],
    closed: list[int],
    won: list[bool],
    worth: list[float],
    segment: list[int],
    events: list[tuple[int, int, int, float]],
) -> DealHistory:
    deal, day, stage, amount = (np.array(column) for column in zip(*events, strict=True))
    partner = np.arange(6)
    return DealHistory(
        created=np.array(created),
        closed=np.array(closed),
        won=np.array(won),
        worth=np.array(worth),
        segment=np.array(segment),
        deal=deal.astype(np.int64),
        day=day.astype(np.int64),
        stage=stage.astype(np.int64),
        amount=amount.astype(float),
        expected_close=day.astype(np.int64) + 91,
        segments=np.stack([partner, partner // 3], axis=1),
        dimensions=("partner", "tier"),
        stages=STAGES,
    )
