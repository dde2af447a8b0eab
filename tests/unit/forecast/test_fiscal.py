"""Every day lies in one fiscal quarter, and years are called as the company calls them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmsync.domain.fiscal import FiscalCalendar, Named, Pattern
from prmsync.forecast.period import Quarter
from prmsync.forecast.weeks import Weeks

DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))
MONTHS = st.builds(
    FiscalCalendar, start_month=st.integers(1, 12), named=st.sampled_from(list(Named))
)
OF_WEEKS = st.builds(
    FiscalCalendar,
    pattern=st.sampled_from([one for one in Pattern if one is not Pattern.MONTHS]),
    first_day=st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    long_years=st.frozensets(st.integers(2000, 2050), max_size=8),
    named=st.sampled_from(list(Named)),
)


@given(calendar=MONTHS | OF_WEEKS, day=DAYS)
def test_quarters_follow_each_other_without_gap_and_hold_their_days(
    calendar: FiscalCalendar, day: date
) -> None:
    quarter = Quarter.of(day, calendar)
    assert quarter.first <= day <= quarter.last
    assert Quarter.parse(quarter.name, calendar) == quarter
    following = Quarter.of(quarter.last + timedelta(days=1), calendar)
    assert following.first == quarter.last + timedelta(days=1)
    assert (following.year, following.number) == (
        quarter.year + quarter.number // 4,
        quarter.number % 4 + 1,
    )


@given(calendar=MONTHS | OF_WEEKS, day=DAYS)
def test_the_weeks_of_a_forecast_are_those_of_the_calendar(
    calendar: FiscalCalendar, day: date
) -> None:
    weeks = Weeks.of(calendar, day, day + timedelta(days=400))
    first, end = weeks.bounds(weeks.quarter(day.toordinal()))
    quarter = Quarter.of(day, calendar)
    assert (first, end) == (quarter.first.toordinal(), quarter.last.toordinal() + 1)


def test_a_year_from_february_is_called_by_its_end_or_its_start() -> None:
    by_end = Quarter.of(date(2026, 11, 22), FiscalCalendar(start_month=2))
    assert (by_end.name, by_end.first, by_end.last) == (
        "2027Q4",
        date(2026, 11, 1),
        date(2027, 1, 31),
    )
    assert Quarter.of(
        date(2026, 11, 22), FiscalCalendar(start_month=2, named=Named.START)
    ).name == ("2026Q4")


def test_a_retail_calendar_has_quarters_of_91_days_and_a_long_year_one_week_more() -> None:
    # The retail calendar of the National Retail Federation: 2023 had 53 weeks.
    retail = FiscalCalendar(
        Pattern.FOUR_FIVE_FOUR,
        first_day=date(2022, 1, 30),
        long_years=frozenset({2023}),
        named=Named.START,
    )
    assert [Quarter(2022, n, retail).days for n in (1, 2, 3, 4)] == [91] * 4
    assert [Quarter(2023, n, retail).days for n in (1, 2, 3, 4)] == [91, 91, 91, 98]
    assert Quarter(2024, 1, retail).first == date(2024, 2, 4)
    assert Quarter(2026, 1, retail).first == date(2026, 2, 1)
    assert Quarter(2021, 1, retail).first == date(2021, 1, 31)


@pytest.mark.parametrize("name", ["0000Q1", "9999Q4"])
def test_years_beyond_any_business_are_no_quarters(name: str) -> None:
    with pytest.raises(Exception, match="is not a quarter"):
        Quarter.parse(name)
