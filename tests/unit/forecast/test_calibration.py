"""A model corrected by its own past."""

from __future__ import annotations

import numpy as np
import pytest

from prmsync.forecast.calibration import Past, calibrate


def past(ago: int, expected: float, won: float, came: float = 100.0) -> Past:
    return Past(
        ago,
        expected,
        won,
        {"total": np.array([100.0])},
        {"total": np.array([400.0])},
        {"total": np.array([came])},
    )


def test_without_a_past_nothing_is_changed() -> None:
    found = calibrate([], ["total"])
    assert (found.bias, found.width["total"], found.record) == (1.0, 1.0, 0)


def test_a_short_record_moves_little_and_a_long_one_much() -> None:
    short = calibrate([past(1, 100, 80)], ["total"])
    long = calibrate([past(n, 1000, 800) for n in range(1, 7)], ["total"])
    assert 0.9 < short.bias < 1.0
    assert long.bias == pytest.approx(0.8, abs=0.02)


def test_the_last_quarter_counts_more_than_the_one_before() -> None:
    rising = calibrate([past(1, 500, 600), past(2, 500, 400)], ["total"])
    falling = calibrate([past(1, 500, 400), past(2, 500, 600)], ["total"])
    assert rising.bias > 1.0 > falling.bias


def test_errors_beyond_the_stated_spread_widen_it_and_one_outlier_cannot_ruin_it() -> None:
    wrong = [past(n, 150, 150, came=160.0) for n in range(1, 7)]
    assert calibrate(wrong, ["total"]).width["total"] > 1.5
    once = calibrate([past(1, 150, 150, came=1e6)], ["total"])
    assert once.width["total"] < 1.6
