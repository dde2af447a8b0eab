"""What makes a forecast doubtful is told, and does not mislead it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from prmsync.answers.quarter_outlook import QuarterOutlook, quarter_outlook
from prmsync.forecast.rollup import by_dimension, total
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.store import tables
from prmsync.store.database import Database

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
Add = Callable[..., str]


def found(database: Database) -> QuarterOutlook:
    return quarter_outlook(database, REFERENCE_PROGRAM, None, None, NOW)


def deals(
    add: Add, open_: int, closed: int, of_open: dict[str, Any], of_closed: Any = None
) -> None:
    """Open deals in several stages, and closed ones of which every other is won."""
    add("partner", "p1")
    stages = ("prospect", "qualified", "committed")
    for at in range(open_):
        add("opportunity", f"o{at}", **{"partner": "p1", "stage": stages[at % 3]} | of_open)
    for at in range(closed):
        stage = "launched" if at % 2 else "closed_lost"
        close = {"stage": stage, "close_date": date(2026, 10, 20), "partner": "p1"}
        add("opportunity", f"c{at}", **close | (of_closed or {}))


def test_products_that_are_entered_with_the_close_are_left_out(
    database: Database, add: Add
) -> None:
    deals(add, 30, 30, {"product_lines": None})
    outlook = found(database)
    assert next(name for name in outlook.book.findings if "product" in name)
    (row,) = by_dimension(outlook.indirect[0].found, outlook.indirect[0].deals, "product")
    assert row.name == "–"
    assert row.won > 0 < row.open


def test_deals_without_a_product_that_end_as_others_do_are_a_group_as_any(
    database: Database, add: Add
) -> None:
    deals(add, 30, 30, {"product_lines": None}, {"product_lines": None})
    add("opportunity", "known", partner="p1", stage="launched", close_date=date(2026, 10, 20))
    assert found(database).book.findings == {}


def test_deals_that_all_stand_in_one_stage_are_told_and_the_range_is_wide(
    database: Database, add: Add
) -> None:
    deals(add, 40, 40, {"stage": "prospect"})
    outlook = found(database)
    (finding,) = outlook.book.findings
    assert finding.startswith("open, all in one stage (prospect)")
    row = total(outlook.indirect[0].found, outlook.indirect[0].deals)
    low, high = row.ranges[80]
    assert row.open > 1000  # half of the closes were won: some of forty deals will be
    assert high - low > row.open


def test_without_any_amount_nothing_is_said_in_money(database: Database, add: Add) -> None:
    deals(add, 3, 2, {"amount": None}, {"amount": None})
    assert set(found(database).book.findings) == {
        "without any amount among them: nothing can be said in money",
        "won without an amount: worth nothing here",
    }


def test_a_close_that_is_dated_in_the_future_is_told(database: Database, add: Add) -> None:
    deals(add, 0, 4, {}, {"close_date": date(2027, 3, 1)})
    outlook = found(database)
    (finding,) = outlook.book.findings
    assert finding.startswith("closed, with a close date still to come")


def test_deals_brought_over_after_their_close_count_at_their_close(
    database: Database, add: Add
) -> None:
    made = {"close_date": date(2026, 3, 2), "created_at": datetime(2026, 11, 20, tzinfo=UTC)}
    deals(add, 3, 30, {}, made)
    outlook = found(database)
    row = total(outlook.indirect[0].found, outlook.indirect[0].deals)
    assert row.won == 0
    assert [(name[:19], count) for name, count in outlook.book.findings.items()] == [
        ("with the date of a ", 30)
    ]


def test_open_deals_of_the_day_of_a_move_are_older_than_they_say(
    database: Database, add: Add
) -> None:
    moved = {"created_at": datetime(2026, 11, 20, tzinfo=UTC)}
    deals(add, 3, 30, moved, moved | {"close_date": date(2026, 3, 2)})
    book = found(database).book
    assert list(book.findings.values()) == [33]
    made = book.states["o0"][0].created_at
    assert made is not None
    assert made < datetime(2026, 9, 1, tzinfo=UTC)


def test_a_close_that_was_typed_in_late_counts_on_the_day_it_was_seen(
    database: Database, add: Add
) -> None:
    made = {"created_at": datetime(2026, 11, 20, tzinfo=UTC)}
    deals(add, 3, 0, made)
    with database.begin() as connection:
        connection.execute(
            tables.opportunity.update()
            .where(tables.opportunity.c.id == "o0")
            .values(stage="launched", close_date=date(2026, 3, 2))
        )
    outlook = found(database)
    assert outlook.book.findings == {}


def test_on_the_first_day_of_a_record_closes_of_that_day_teach_nothing_of_stages(
    database: Database, add: Add
) -> None:
    deals(add, 60, 60, {"stage": "qualified"}, {"close_date": date(2026, 11, 22)})
    outlook = found(database)
    assert outlook.indirect[0].recorded_wins == 0
    assert total(outlook.indirect[0].found, outlook.indirect[0].deals).open > 0
