"""What a forecast must beat: three models that companies use today.

`naive`: won so far this quarter, and what the last quarter still brought from this day on.
`stage_weighted`: the CRM's default, amount x the stage's probability where the expected close lies
in the quarter. `conversion`: the share that open deals of the same stage and age, on the same day
of earlier quarters, brought until the quarter's end, and what deals that did not exist yet brought
then. Each one's interval is as wide as its own errors in earlier quarters were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from prmsync.forecast.groups import LOOK_BACKS, Answer, Cut, Groups, Model
from prmsync.forecast.history import NEVER
from prmsync.forecast.spells import Floats, Ints
from prmsync.forecast.spread import Sums

AGES: Ints = np.array([0, 14, 28, 56, 91, 140, 200, 300])
"""First day of each class of a deal's age."""
_LEAN = 20.0
"""Deals that a cell's share is worth less than its stage's."""
UNKNOWN = 0.5
"""Relative error that is assumed of a model without any record."""

Expected = Callable[[Cut], Mapping[str, Floats]]
"""What is to come, by dimension and group."""


def naive() -> Model:
    """Won to date, and what last quarter still brought from this day on."""
    return partial(_with_record, expected=_naive, back=1, staged=False)


def stage_weighted_model(probability: Floats) -> Model:
    """`probability[stage]` between 0 and 1: the CRM's default, which knows no clock."""

    def chances(cut: Cut) -> Floats:
        latest = cut.history.last_events()
        still = np.flatnonzero(cut.history.closed == NEVER)
        chance: Floats = np.where(_due(cut), probability[cut.history.stage[latest]], 0.0)[still]
        return chance

    expected = partial(_stage_weighted, probability=probability)
    record = partial(_with_record, expected=expected, back=0)
    return lambda cut: replace(record(cut), chance=chances(cut))


def conversion() -> Model:
    """Shares by stage and age from snapshots of earlier quarters."""
    return partial(_with_record, expected=_conversion, back=LOOK_BACKS)


def average(one: Model, two: Model) -> Model:
    """Half of each: the choice where the record cannot tell two models apart. One that knows
    nothing yet leaves it to the other."""

    def both(cut: Cut) -> Answer:
        first, second = one(cut), two(cut)
        if first.unknown or second.unknown:
            return replace(second if first.unknown else first, chance=None)
        return Answer(
            {
                name: Groups(groups.won, _middle(groups.to_come, second.groups[name].to_come))
                for name, groups in first.groups.items()
            }
        )

    return both


def _middle(one: Sums, two: Sums) -> Sums:
    mean = (one.mean + two.mean) / 2
    spread = ((np.sqrt(one.variance) + np.sqrt(two.variance)) / 2) ** 2
    return Sums(
        mean, spread + ((one.mean - two.mean) / 2) ** 2, np.minimum(one.nothing, two.nothing)
    )


def _with_record(cut: Cut, expected: Expected, back: int, *, staged: bool = True) -> Answer:
    """`back`: how many earlier quarters, the latest first, `expected` can go by."""
    means = expected(cut)
    doubt = _errors(cut, expected, staged)
    found = {}
    for name, (rows, count) in cut.dimensions().items():
        mean = means[name]
        variance = doubt[name] * mean * max(float(mean.sum()), 0.0)
        found[name] = Groups(cut.won_by(rows, count), Sums(mean, variance, np.zeros(count)))
    known = any(cut.earlier(ago, staged=staged) is not None for ago in range(1, back + 1))
    return Answer(found, unknown=back > 0 and not known)


def _errors(cut: Cut, expected: Expected, staged: bool) -> dict[str, float]:
    """By dimension the factor c of "variance = c x mean x whole": what the errors of earlier
    quarters say, one quarter with the error `UNKNOWN` added."""
    squares: dict[str, list[float]] = {name: [] for name in cut.dimensions()}
    scales: dict[str, list[float]] = {name: [] for name in cut.dimensions()}
    for ago in range(1, LOOK_BACKS + 1):
        before = cut.earlier(ago, staged=staged)
        if before is None:
            continue
        means, came = expected(before), before.came(cut.history)
        for name, (rows, count) in cut.dimensions().items():
            real = cut.sum_by(came, cut.history.worth, rows, count)
            mean = np.zeros(count)
            mean[: len(means[name])] = means[name]
            squares[name].append(float(((real - mean) ** 2).sum()))
            scales[name].append(float(mean.sum()) ** 2)
    return {name: _scale(squares[name], scales[name]) for name in squares}


def _scale(squares: list[float], scales: list[float]) -> float:
    typical = float(np.mean(scales)) if scales else 1.0
    if typical == 0.0:
        return UNKNOWN**2
    return (sum(squares) + UNKNOWN**2 * typical) / (sum(scales) + typical)


def _naive(cut: Cut) -> dict[str, Floats]:
    dimensions = cut.dimensions()
    before = cut.earlier(1, staged=False)
    if before is None:
        return {name: np.zeros(count) for name, (_, count) in dimensions.items()}
    came = before.came(cut.history)
    worth = cut.history.worth
    return {name: cut.sum_by(came, worth, *where) for name, where in dimensions.items()}


def _stage_weighted(cut: Cut, probability: Floats) -> dict[str, Floats]:
    history = cut.history
    latest = history.last_events()
    due = _due(cut)
    worth = np.nan_to_num(history.amount[latest]) * probability[history.stage[latest]]
    return {name: cut.sum_by(due, worth, *where) for name, where in cut.dimensions().items()}


def _due(cut: Cut) -> npt.NDArray[np.bool_]:
    """Which deals are open and expected to close in the quarter."""
    close = cut.history.expected_close[cut.history.last_events()]
    due = (close >= cut.today) & (close < cut.bounds[1])
    open_and_due: npt.NDArray[np.bool_] = due & (cut.history.closed == NEVER)
    return open_and_due


def _conversion(cut: Cut) -> dict[str, Floats]:
    history = cut.history
    cells = history.stages * len(AGES)
    due, brought, fresh, record = np.zeros(cells), np.zeros(cells), [], 0
    for ago in range(1, LOOK_BACKS + 1):
        before = cut.earlier(ago)
        if before is None:
            continue
        record += 1
        cell, stated, open_ = _cells(before)
        due += np.bincount(cell, weights=stated, minlength=cells)
        came = before.came(history)
        brought += np.bincount(cell, weights=_worth_of(cut, before, came)[open_], minlength=cells)
        fresh.append(came & (history.created >= before.today))
    share = _shares(due, brought, history.stages)
    cell, stated, open_ = _cells(cut)
    worth = np.zeros(len(history.created))
    worth[open_] = share[cell] * stated
    every = np.ones(len(worth), dtype=bool)
    found = {}
    for name, where in cut.dimensions().items():
        new = sum((cut.sum_by(one, history.worth, *where) for one in fresh), np.zeros(where[1]))
        found[name] = cut.sum_by(every, worth, *where) + new / max(record, 1)
    return found


def _cells(cut: Cut) -> tuple[Ints, Floats, Ints]:
    """Of each open deal its class of stage and age, what it is stated to be worth, its index."""
    history = cut.history
    open_ = np.flatnonzero(history.closed == NEVER)
    latest = history.last_events()[open_]
    age = np.searchsorted(AGES, cut.today - history.created[open_], side="right") - 1
    cell = history.stage[latest] * len(AGES) + np.clip(age, 0, len(AGES) - 1)
    return cell, np.nan_to_num(history.amount[latest]), open_


def _worth_of(cut: Cut, before: Cut, came: npt.NDArray[np.bool_]) -> Floats:
    """Worth of the deals of an earlier cut that were won after it, in its own numbering."""
    known = cut.history.created < before.today
    worth: Floats = np.where(came, cut.history.worth, 0.0)[known]
    return worth


def _shares(due: Floats, brought: Floats, stages: int) -> Floats:
    """Share brought by cell, leaning on its stage's share by the cell's weight among all."""
    by_stage = due.reshape(stages, -1)
    whole = by_stage.sum(axis=1)
    stage = brought.reshape(stages, -1).sum(axis=1) / np.maximum(whole, 1e-9)
    lean = whole.sum() / max(np.count_nonzero(due), 1) / _LEAN
    shares: Floats = (
        (brought.reshape(stages, -1) + lean * stage[:, None]) / (by_stage + lean + 1e-9)
    ).ravel()
    return shares
