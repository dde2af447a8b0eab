"""What `forecast` says beside its numbers: how little was seen, what a model does not know, and the
market."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from channel_history import TODAY, company, view
from deal_worlds import WEEKS
from prmsync.answers.quarter_outlook import QuarterOutlook, Setting, quarter_outlook
from prmsync.cli.outlook import Beside, show
from prmsync.forecast.history import DealHistory
from prmsync.forecast.timelines import OPEN_STAGES
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.store.database import Database

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
SETTING = Setting(WEEKS, (0.2, 0.4, 0.8, 0.8, 0.8))
NEW_RECORD = replace(company(), recorded_from=TODAY)
"""Closes are known of the past, the ways of deals from stage to stage are not."""


@pytest.fixture
def empty(database: Database) -> QuarterOutlook:
    return quarter_outlook(database, REFERENCE_PROGRAM, None, None, NOW)


@pytest.fixture
def said(empty: QuarterOutlook, capsys: pytest.CaptureFixture[str]) -> Any:
    def words(history: DealHistory, model: str = "hazard", by: tuple[str, ...] = ()) -> str:
        show(outlook(empty, history), model, by, beside=Beside(), as_json=False)
        return " ".join(capsys.readouterr().out.split())

    return words


def outlook(empty: QuarterOutlook, history: DealHistory) -> QuarterOutlook:
    mine = view(replace(history, stages=len(OPEN_STAGES)), TODAY)
    names = {
        dimension: tuple(f"{dimension} {n}" for n in range(history.segments[:, at].max() + 1))
        for at, dimension in enumerate(history.dimensions)
    }
    mine = replace(mine, setting=SETTING, deals=replace(mine.deals, names=names))
    return replace(empty, indirect=(mine,), direct=(mine,))


def test_that_no_win_was_seen_on_its_way_is_told_with_what_would_help(said: Any) -> None:
    won = int(NEW_RECORD.won.sum())
    words = said(NEW_RECORD)
    assert f"Of {won:,} deals won so far, none was seen on the way from stage to stage" in words
    assert "`prmsync forecast backfill`" in words
    assert "seen on the way" not in said(company())


def test_a_company_with_few_wins_of_which_all_were_seen_is_told_how_many(said: Any) -> None:
    young = company().as_of(int(np.sort(company().closed[company().won])[4]) + 1)
    assert f"{int(young.won.sum())} deals won so far: below 30 the range says more" in said(young)


def test_a_model_without_an_earlier_quarter_states_no_number(
    said: Any, empty: QuarterOutlook, capsys: pytest.CaptureFixture[str]
) -> None:
    words = said(NEW_RECORD, "conversion", ("tier",))
    assert "What is to come is not known to this model" in words
    assert "80 %" not in words
    show(outlook(empty, NEW_RECORD), "conversion", (), beside=Beside(), as_json=True)
    (block,) = json.loads(capsys.readouterr().out)["indirect"]
    assert block["forecast"] is None and block["ranges"] is None
    assert "Without conversion: no earlier quarter is on record" in said(NEW_RECORD, "average")
    assert "Without" not in said(company(), "average")


def test_direct_deals_of_which_a_model_knows_nothing_are_not_said_to_bring_nothing(
    empty: QuarterOutlook, capsys: pytest.CaptureFixture[str]
) -> None:
    known, unknown = outlook(empty, company()), outlook(empty, NEW_RECORD)
    for found, said in ((known, True), (replace(known, direct=unknown.direct), False)):
        show(found, "conversion", (), beside=Beside(), as_json=False)
        assert ("direct, same day" in capsys.readouterr().out) == said


def test_rows_of_models_that_see_no_single_deal_count_none(said: Any) -> None:
    assert "forecast 80 % from to deals" in said(company(), "hazard", ("tier",))
    assert "tier won to come forecast 80 % from to tier 1" in said(company(), "naive", ("tier",))


def test_a_market_that_fell_is_told_beside_the_forecast_and_a_steady_one_is_not(said: Any) -> None:
    late = company().closed >= TODAY - 182
    unsold = company().won & late & (np.arange(len(late)) % 4 > 0)
    fallen = replace(
        company(),
        won=company().won & ~unsold,
        worth=np.where(unsold, 0.0, company().worth),
    )
    words = said(fallen)
    assert "The market: wins of the last weeks came less often than those on record." in words
    assert "next week are taken at 0." in words
    assert "The market: wins" not in said(company())
