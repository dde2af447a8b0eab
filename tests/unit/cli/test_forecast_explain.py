"""`forecast explain` says what the market does to wins, and only where it does something."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from channel_history import TODAY, company, view
from deal_worlds import WEEKS
from prmsync.answers.quarter_outlook import Setting, quarter_outlook
from prmsync.cli.outlook_parts import show_evidence
from prmsync.forecast.history import DealHistory
from prmsync.forecast.timelines import OPEN_STAGES
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.store.database import Database

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
SETTING = Setting(WEEKS, (0.2, 0.4, 0.8, 0.8, 0.8))


def poor(history: DealHistory) -> DealHistory:
    """The same, with most wins of the last half year lost."""
    late = history.closed >= TODAY - 182
    unsold = history.won & late & (np.arange(len(history.closed)) % 4 > 0)
    return replace(history, won=history.won & ~unsold, worth=np.where(unsold, 0.0, history.worth))


def explained(
    database: Database, history: DealHistory, capsys: pytest.CaptureFixture[str]
) -> tuple[str, dict[str, float]]:
    """What is said of the market in words, and in JSON."""
    mine = replace(view(replace(history, stages=len(OPEN_STAGES)), TODAY), setting=SETTING)
    outlook = quarter_outlook(database, REFERENCE_PROGRAM, None, None, NOW)
    outlook = replace(outlook, indirect=(mine,))
    show_evidence(outlook, as_json=False)
    words = " ".join(capsys.readouterr().out.split())
    show_evidence(outlook, as_json=True)
    market: dict[str, float] = json.loads(capsys.readouterr().out)["market"]
    return words, market


def test_a_market_of_which_nothing_is_on_record_is_taken_as_ever(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    words, market = explained(database, replace(company(), recorded_from=TODAY), capsys)
    assert market == {"next_week": 1.0, "in_13_weeks": 1.0}
    assert "The market: wins of the last weeks came as this table says." in words


def test_a_market_that_fell_is_told_with_how_far_it_holds(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    words, market = explained(database, poor(company()), capsys)
    near, far = market["next_week"], market["in_13_weeks"]
    assert near < far < 1
    assert near < 0.8
    assert f"Those of the next week are taken at {near:.2f} times the table, those in 13" in words
    assert f"weeks at {far:.2f} times." in words
