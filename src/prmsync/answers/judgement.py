"""What people say that partners will bring, beside what the model says: never mixed into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from prmsync.answers.quarter_outlook import QuarterOutlook, View

_ENDS = np.array([0.1, 0.9])


@dataclass(frozen=True, slots=True)
class Judgement:
    """A person's `commit` (will come), `upside` (may come) and `override` (instead of the number)
    for a partner by id, in major units; None where nothing is said."""

    partner: str
    currency: str
    commit: Decimal | None
    upside: Decimal | None
    override: Decimal | None


@dataclass(frozen=True, slots=True)
class Beside:
    """A judgement, the forecast of its partner with its 80 % range, and the model's `chance` that
    at least the commit is won (None without one)."""

    judgement: Judgement
    forecast: float
    low: float
    high: float
    chance: float | None


def beside(view: View, model: str, judgements: Sequence[Judgement]) -> list[Beside]:
    """Judgements in the view's currency, in the order of the file."""
    groups = view.groups(model)["partner"]
    places = {name: at for at, name in enumerate(view.deals.names["partner"])}
    ends = groups.quantiles(_ENDS)
    found = []
    for one in judgements:
        if one.currency != view.currency:
            continue
        at = places.get(one.partner)
        commit = None if one.commit is None else float(one.commit)
        if at is None:
            found.append(Beside(one, 0.0, 0.0, 0.0, None if commit is None else float(commit <= 0)))
            continue
        over = groups.at_least(np.full(len(groups.won), commit or 0.0))[at]
        chance = None if commit is None else float(over)
        low, high = (float(end) for end in ends[:, at])
        found.append(Beside(one, float(groups.mean[at]), low, high, chance))
    return found


def without_forecast(outlook: QuarterOutlook, judgements: Sequence[Judgement]) -> list[str]:
    """Currencies of judgements that no forecast is in."""
    known = {view.currency for view in outlook.indirect}
    return sorted({one.currency for one in judgements} - known)
