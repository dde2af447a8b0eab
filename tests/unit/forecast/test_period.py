from datetime import date

import pytest

from prmsync.errors import ConfigurationError
from prmsync.forecast.period import Quarter


def test_a_quarter_is_three_calendar_months() -> None:
    quarter = Quarter.parse("2026Q4")
    assert (quarter.first, quarter.last, quarter.days) == (
        date(2026, 10, 1),
        date(2026, 12, 31),
        92,
    )
    assert date(2026, 12, 31) in quarter
    assert date(2027, 1, 1) not in quarter


@pytest.mark.parametrize(
    ("day", "name"),
    [(date(2026, 1, 1), "2026Q1"), (date(2026, 6, 30), "2026Q2"), (date(2026, 12, 31), "2026Q4")],
)
def test_every_day_has_its_quarter(day: date, name: str) -> None:
    assert Quarter.of(day).name == name


def test_days_of_a_quarter_count_from_one() -> None:
    quarter = Quarter(2026, 4)
    assert quarter.day_number(date(2026, 11, 22)) == 53
    assert quarter.day_number(date(2026, 9, 1)) == 0
    assert quarter.day_number(date(2027, 9, 1)) == 92


@pytest.mark.parametrize("name", ["2026Q5", "Q4", "next", ""])
def test_what_is_no_quarter_is_refused_with_a_remedy(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Quarter.parse(name)
    assert "2026Q4" in caught.value.hint
