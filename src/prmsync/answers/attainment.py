"""How likely each partner is to reach what it is to bring: the forecast against targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from prmsync.answers.quarter_outlook import QuarterOutlook, View
from prmsync.forecast.groups import Groups
from prmsync.store.targets import Target


@dataclass(frozen=True, slots=True)
class Attainment:
    """`partner` by id, None for all that have a target together; amounts in major units of the
    view's currency; `chance` 0 to 1 that at least the target is won in the period."""

    partner: str | None
    target: float
    won: float
    forecast: float
    chance: float


def attainments(outlook: QuarterOutlook, view: View, model: str) -> list[Attainment]:
    """Each partner with a target in the view's currency, the largest target first, then by the
    default model all of them together; nothing where no partner has one."""
    wanted = _targets(outlook, view.currency)
    if not wanted:
        return []
    by = view.groups(model)
    places = {name: at for at, name in enumerate(view.deals.names["partner"])}
    each = [_one(by["partner"], places.get(name), name, worth) for name, worth in wanted.items()]
    each.sort(key=lambda one: (-one.target, str(one.partner)))
    return each if model != "hazard" or len(each) < 2 else [*each, _together(view, wanted)]


def _together(view: View, wanted: Mapping[str, float]) -> Attainment:
    """All partners with a target against the sum of them; others count nothing here."""
    names = view.deals.names["partner"]
    column = view.cut.history.dimensions.index("partner")
    counts = np.array([name in wanted for name in names], dtype=np.int64)
    group = counts[view.cut.history.segments[:, column]]
    won = view.cut.won_by(group, 2)
    both = Groups(won, view.found.to_come(group[view.found.outlook.segment], 2))
    return _one(both, 1, None, sum(wanted.values()))


def without_rate(outlook: QuarterOutlook) -> list[str]:
    """Currencies of targets that no forecast is in."""
    known = {view.currency for view in outlook.indirect}
    return sorted({one.currency for one in outlook.targets} - known - set(_rates(outlook)))


def _targets(outlook: QuarterOutlook, currency: str) -> dict[str, float]:
    """By partner what it is to bring in a currency; others are converted where they can be."""
    rates = _rates(outlook)
    main = outlook.book.rates is not None and currency == outlook.book.rates.currency
    found: dict[str, float] = {}
    for one in _present(outlook):
        rate = 1.0 if one.currency == currency else rates.get(one.currency, 0.0) * main
        if rate:
            found[one.partner] = found.get(one.partner, 0.0) + float(one.amount) * rate
    return found


def _present(outlook: QuarterOutlook) -> Iterable[Target]:
    """Targets of partners that are there."""
    return (one for one in outlook.targets if one.partner in outlook.book.partner_names)


def _rates(outlook: QuarterOutlook) -> Mapping[str, float]:
    rates, day = outlook.book.rates, outlook.as_of
    if rates is None:
        return {}
    named = {one.currency for one in outlook.targets}
    return {name: float(rate) for name in named if (rate := rates.rate(name, day)) is not None}


def _one(groups: Groups, at: int | None, partner: str | None, target: float) -> Attainment:
    if at is None:
        return Attainment(partner, target, 0.0, 0.0, float(target <= 0))
    chance = groups.at_least(np.full(len(groups.won), target))[at]
    return Attainment(partner, target, float(groups.won[at]), float(groups.mean[at]), float(chance))
