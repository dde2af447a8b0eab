"""Targets against the forecast: the chance that each is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from prmsync.answers.attainment import attainments, without_rate
from prmsync.answers.quarter_outlook import QuarterOutlook, quarter_outlook
from prmsync.domain.rates import Rates
from prmsync.forecast.spread import Sums
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.store import targets
from prmsync.store.database import Database
from prmsync.store.targets import Target

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
Add = Callable[..., str]
Q = "2026Q4"


@pytest.fixture
def deals(database: Database, add: Add) -> Database:
    for ident in ("p1", "p2", "p3"):
        add("partner", ident, name=ident.upper())
    add("opportunity", "w", partner="p1", stage="launched", close_date=date(2026, 11, 5))
    for number in range(6):
        add("opportunity", f"o{number}", partner="p2", stage="committed")
    return database


def outlook(database: Database, *wanted: Target, rates: Rates | None = None) -> QuarterOutlook:
    forecast = replace(REFERENCE_PROGRAM.forecast, rates=rates)
    program = replace(REFERENCE_PROGRAM, forecast=forecast)
    return replace(quarter_outlook(database, program, None, None, NOW), targets=wanted)


def target(partner: str, amount: int, currency: str = "EUR") -> Target:
    return Target(partner, Q, currency, Decimal(amount))


@pytest.mark.parametrize("model", ["hazard", "naive", "conversion", "average"])
def test_what_is_won_reaches_a_target_and_what_is_out_of_reach_does_not(
    deals: Database, model: str
) -> None:
    found = outlook(deals, target("p1", 1000), target("p2", 10**9), target("p3", 5))
    by = {one.partner: one for one in attainments(found, found.indirect[0], model)}
    assert by["p1"].chance == 1.0
    assert by["p2"].chance == pytest.approx(0.0, abs=1e-9)
    assert (by["p3"].forecast, by["p3"].chance) == (0.0, 0.0)
    assert (None in by) == (model == "hazard")


def test_all_with_a_target_count_together_and_the_others_do_not(deals: Database) -> None:
    found = outlook(deals, target("p1", 1000), target("p3", 1))
    together = attainments(found, found.indirect[0], "hazard")[-1]
    assert (together.partner, together.target, together.won) == (None, 1001.0, 1000.0)
    assert 1000.0 <= together.forecast < 1500.0


def test_a_higher_target_is_less_likely(deals: Database) -> None:
    wanted = (1, 2000, 4000, 6000)
    chances = []
    for amount in wanted:
        found = outlook(deals, target("p2", amount))
        chances.append(attainments(found, found.indirect[0], "hazard")[0].chance)
    assert chances == sorted(chances, reverse=True)
    assert 0.0 < chances[-1] < chances[0] < 1.0


def test_targets_of_partners_and_currencies_that_are_gone_count_nothing(deals: Database) -> None:
    found = outlook(deals, target("nobody", 5), target("p1", 7, "GBP"))
    assert attainments(found, found.indirect[0], "hazard") == []
    assert without_rate(found) == ["GBP"]


def test_targets_in_another_currency_are_converted(deals: Database) -> None:
    rates = Rates("EUR", {date(2026, 1, 1): {"USD": Decimal("0.5")}})
    found = outlook(deals, target("p1", 100), target("p1", 200, "USD"), rates=rates)
    assert [one.target for one in attainments(found, found.indirect[0], "hazard")] == [200.0]


def test_the_chance_of_a_sum_is_that_of_its_quantiles() -> None:
    sums = Sums(np.array([100.0, 50.0, 0.0]), np.array([900.0, 2500.0, 0.0]), np.array([0, 0.3, 1]))
    for level in (0.4, 0.5, 0.9):
        at = sums.quantiles(np.array([level]))[0]
        assert sums.at_least(at)[:2] == pytest.approx(1 - level)
    assert list(sums.at_least(np.full(3, 1e-9)))[2] == 0.0
    assert list(sums.at_least(np.zeros(3))) == [1.0, 1.0, 1.0]


def test_targets_are_set_once_and_changed(database: Database) -> None:
    with database.begin() as connection:
        assert targets.put(connection, [target("p1", 5), target("p2", 6)]) == {"new": 2}
        assert targets.put(connection, [target("p1", 5), target("p2", 7)]) == {
            "same": 1,
            "changed": 1,
        }
        assert targets.of_period(connection, Q) == (target("p1", 5), target("p2", 7))
        assert targets.of_period(connection, "2026Q3") == ()
