"""A market that moved is told with its counts; luck is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from channel_history import TODAY, company, view
from deal_worlds import WEEKS


def test_a_quarter_that_brought_what_was_expected_is_no_shift() -> None:
    assert view(company(), TODAY).shift() is None


def test_a_quarter_in_which_nearly_nobody_bought_is_told() -> None:
    history = company()
    start = WEEKS.bounds(9)[0]
    unsold = (history.closed >= start) & (np.arange(len(history.closed)) % 8 > 0)
    poor = replace(history, won=history.won & ~unsold, worth=np.where(unsold, 0.0, history.worth))
    found = view(poor, TODAY).shift()
    assert found is not None
    seen, expected = found
    assert seen == (poor.won & (poor.closed >= start)).sum()
    assert seen < expected / 2
