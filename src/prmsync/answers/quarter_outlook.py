"""The quarter's forecast by the models that learn from history, over the partner database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, partial

import numpy as np

from prmsync.answers.day_snapshots import Difference, difference
from prmsync.answers.deal_history import DIMENSIONS, DealBook, deal_book
from prmsync.domain.program import Program
from prmsync.errors import ConfigurationError
from prmsync.forecast.backtest import Progress, Score, backtest, cuts
from prmsync.forecast.groups import Answer, Cut, Groups, Model
from prmsync.forecast.hazard_forecast import Believe, QuarterForecast, hazard_forecast
from prmsync.forecast.hazards import Prior
from prmsync.forecast.period import Quarter
from prmsync.forecast.prior import prior_at
from prmsync.forecast.reference_models import average, conversion, naive, stage_weighted_model
from prmsync.forecast.timelines import OPEN_STAGES, Deals
from prmsync.forecast.weeks import Weeks
from prmsync.store import targets
from prmsync.store.database import Database
from prmsync.store.targets import Target

PRODUCT = DIMENSIONS.index("product")
"""The dimension whose values differ most in worth, by its place."""
FEW_WINS = 30
"""Recorded wins below which the range says more than the number."""
FARTHEST = 365
"""Days from today to the first day of the last quarter that is forecast."""
_SHOCK = 0.1
"""Relative standard deviation of a quarter's wins beyond the luck of single deals."""
_SHIFT = 3.0
"""Standard deviations between the wins of a quarter and those expected that are told."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The weeks that all histories of a book share, and the program's stage probabilities."""

    weeks: Weeks
    probability: tuple[float, ...]

    def prior(self, cut: Cut) -> Prior:
        """What is believed before any stages were seen."""
        return prior_at(cut, self.probability)

    def models(self) -> dict[str, Model]:
        """Every model by name, the default first. None knows more than the cut it is asked at."""
        hazard = partial(_hazard, believe=self.prior)
        rest = average(naive(), conversion())
        return {
            "hazard": hazard,
            "conversion": conversion(),
            "stage_weighted": stage_weighted_model(np.array(self.probability)),
            "naive": naive(),
            "average": average(hazard, rest),
        }


def _hazard(cut: Cut, believe: Believe) -> Answer:
    found = hazard_forecast(cut, believe, PRODUCT)
    return Answer(found.groups, found.chance)


@dataclass(frozen=True)
class View:
    """Indirect or direct deals in one currency, and their forecast."""

    currency: str
    deals: Deals
    cut: Cut
    setting: Setting

    @cached_property
    def found(self) -> QuarterForecast:
        """The default model's forecast."""
        return hazard_forecast(self.cut, self.setting.prior, PRODUCT)

    @cached_property
    def _asked(self) -> dict[str, Answer]:
        return {}

    def _answer(self, model: str) -> Answer:
        if model not in self._asked:
            self._asked[model] = self.setting.models()[model](self.cut)
        return self._asked[model]

    def by(self, model: str) -> Mapping[str, Groups]:
        """Another model's forecast by dimension; each model is asked once."""
        return self._answer(model).groups

    def unknown(self, model: str) -> bool:
        """Whether a model goes by earlier quarters and none is on record."""
        return model != "hazard" and self._answer(model).unknown

    def groups(self, model: str) -> Mapping[str, Groups]:
        """Any model's forecast by dimension."""
        return self.found.groups if model == "hazard" else self.by(model)

    @property
    def recorded_wins(self) -> int:
        """Wins of deals whose stages were seen."""
        history = self.deals.history
        return int((history.won & (history.closed >= history.recorded_from)).sum())

    def shift(self) -> tuple[float, float] | None:
        """(seen, expected) wins since the last quarter began, where they differ by more than luck;
        None where they do not, or nothing earlier is on record."""
        for past in self.found.past:
            if past.quarters_ago == 1:
                spread = (past.expected + (_SHOCK * past.expected) ** 2) ** 0.5
                told = abs(past.won - past.expected) > _SHIFT * max(spread, 1.0)
                return (past.won, past.expected) if told else None
        return None


@dataclass(frozen=True, slots=True)
class QuarterOutlook:
    """A quarter as it stood when `as_of` ended: indirect and direct views by currency, the
    commonest currency first."""

    quarter: Quarter
    as_of: date
    book: DealBook
    indirect: tuple[View, ...]
    direct: tuple[View, ...]
    retold: Difference | None = None
    """How the day differs from what was stored of it."""
    targets: tuple[Target, ...] = ()
    """What partners are to bring in the quarter."""


def quarter_outlook(
    database: Database,
    program: Program,
    quarter: Quarter | None,
    as_of: date | None,
    now: datetime,
) -> QuarterOutlook:
    """The outlook of a quarter, by default the one that holds the day; one that is over stands as
    on its last day. Raises ConfigurationError for a day to come, or one after the quarter."""
    today = now.astimezone(program.review.time_zone).date()
    calendar = program.forecast.calendar
    period = quarter or Quarter.of(as_of or today, calendar)
    day = as_of or min(today, period.last)
    if day > today:
        raise ConfigurationError(
            f"{day} is still to come", hint=f"--as-of rebuilds a day up to {today}"
        )
    if day > period.last:
        hint = f"--as-of {period.last} shows it on its last day"
        raise ConfigurationError(f"{period.name} was over on {day}", hint=hint)
    if (period.first - day).days > FARTHEST:
        last = Quarter.of(day + timedelta(days=FARTHEST), calendar).name
        hint = f"a forecast reaches a year ahead: the last quarter is {last}"
        raise ConfigurationError(f"nothing can be said of {period.name} on {day}", hint=hint)
    with database.read() as connection:
        book = deal_book(connection, program, day, today)
        wanted = targets.of_period(connection, period.name)
    setting = Setting(_weeks(book, period), _probability(program))
    indirect, direct = (
        tuple(_view(book, setting, period, name, indirect) for name in book.currencies())
        for indirect in (True, False)
    )
    return QuarterOutlook(period, day, book, indirect, direct, difference(database, book), wanted)


def _probability(program: Program) -> tuple[float, ...]:
    odds = program.forecast.probability
    return tuple(float(odds.get(stage, 0)) / 100 for stage in OPEN_STAGES)


def _weeks(book: DealBook, quarter: Quarter) -> Weeks:
    zone = book.zone
    made = (
        s[0].created_at.astimezone(zone).date() for s in book.states.values() if s[0].created_at
    )
    first = min((*made, quarter.first, book.as_of))
    return Weeks.of(quarter.calendar, first, quarter.last + timedelta(days=1))


def _view(
    book: DealBook, setting: Setting, quarter: Quarter, currency: str, indirect: bool
) -> View:
    deals = book.deals(currency, indirect=indirect)
    index = setting.weeks.quarter(quarter.first.toordinal())
    cut = Cut.of(deals.history, setting.weeks, book.as_of.toordinal() + 1, index)
    return View(currency, deals, cut, setting)


def look_back(view: View, quarters: int, progress: Progress) -> dict[str, Score]:
    """Every model asked again on earlier days of the last `quarters` quarters. Partners, tiers,
    regions and products are those that deals have at the view's day, not those of the days asked.
    """
    history = view.deals.history
    at = cuts(history, view.setting.weeks, view.cut.today, quarters)
    return backtest(history, at, view.setting.models(), progress)
