"""What happened later changes no earlier forecast, whichever model is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from channel_history import TODAY, company, view
from deal_worlds import WEEKS
from prmsync.answers.quarter_outlook import look_back
from prmsync.forecast.history import DealHistory


def and_later(history: DealHistory, deals: int, worth: float) -> DealHistory:
    """The same, and deals that were made and won within days after."""
    ones = np.ones(deals, dtype=np.int64)
    return replace(
        history,
        created=np.append(history.created, TODAY * ones),
        closed=np.append(history.closed, (TODAY + 2) * ones),
        won=np.append(history.won, ones.astype(bool)),
        worth=np.append(history.worth, worth * ones),
        segment=np.append(history.segment, 0 * ones),
        deal=np.append(history.deal, len(history.created) + np.arange(deals)),
        day=np.append(history.day, TODAY * ones),
        stage=np.append(history.stage, 0 * ones),
        amount=np.append(history.amount, worth * ones),
        expected_close=np.append(history.expected_close, (TODAY + 2) * ones),
    )


def test_the_look_backs_within_a_forecast_are_the_forecasts_of_their_days() -> None:
    history = company()
    past = view(history, TODAY).found.past
    assert [one.quarters_ago for one in past] == [1, 2, 3, 4, 5, 6]
    for one in past:
        day = WEEKS.bounds(10 - one.quarters_ago)[0]
        then = view(history.as_of(day), day).found
        assert one.expected == then.outlook.expected_wins


@settings(deadline=None, max_examples=4)
@given(deals=st.integers(1, 2000), worth=st.floats(1.0, 1e7))
def test_no_later_row_changes_an_earlier_forecast_of_any_model(deals: int, worth: float) -> None:
    history = company()
    before = look_back(view(history, TODAY), 1, lambda _more: None)
    after = look_back(view(and_later(history, deals, worth), TODAY + 60), 1, lambda _more: None)
    assert before == after
    assert all(score.cuts == 3 for score in before.values())
