"""Fiscal quarters and their weeks."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmsync.forecast.weeks import Weeks

DAYS = st.dates(date(2020, 1, 1), date(2029, 12, 31))


@given(day=DAYS, start=st.integers(1, 12))
def test_every_day_lies_in_its_quarter_and_weeks_never_go_back(day: date, start: int) -> None:
    weeks = Weeks.of_months(date(2020, 1, 1), date(2029, 12, 31), start)
    first, end = weeks.bounds(weeks.quarter(day.toordinal()))
    assert first <= day.toordinal() < end
    begins = date.fromordinal(first)
    assert begins.day == 1
    assert (begins.month - start) % 3 == 0
    pair = np.array([day.toordinal(), day.toordinal() + 1])
    assert weeks.week(pair)[1] - weeks.week(pair)[0] in (0, 1)


def test_a_calendar_quarter_has_13_weeks_and_the_last_one_holds_the_odd_days() -> None:
    weeks = Weeks.of_months(date(2026, 1, 1), date(2026, 12, 31))
    days = np.array([(date(2026, 10, 1) + timedelta(days=n)).toordinal() for n in range(92)])
    found = weeks.week(days) - weeks.week(days)[0]
    assert list(np.bincount(found)) == [7] * 12 + [8]


@pytest.mark.parametrize(
    ("day", "left"), [(0, 1.0), (1, 6 / 7), (6, 1 / 7), (84, 1.0), (91, 1 / 8)]
)
def test_what_is_left_of_a_week_shrinks_by_days(day: int, left: float) -> None:
    weeks = Weeks.of_months(date(2026, 10, 1), date(2026, 12, 31))
    assert weeks.left_of_week(date(2026, 10, 1).toordinal() + day) == pytest.approx(left)
