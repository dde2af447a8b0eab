"""The quarter's forecast over the partner database, today and as it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from prmsync.answers.before_record import CLOSED_LATER
from prmsync.answers.day_snapshots import keep_day_before
from prmsync.answers.quarter_outlook import QuarterOutlook, look_back, quarter_outlook
from prmsync.errors import ConfigurationError
from prmsync.forecast.backtest import DAYS
from prmsync.forecast.period import Quarter
from prmsync.forecast.rollup import by_dimension, total
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.store import tables
from prmsync.store.database import Database
from prmsync.store.opportunity_past import PastState, opportunity_past
from prmsync.store.opportunity_past import add as keep

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
Add = Callable[..., str]


def outlook(
    database: Database, day: date | None = None, period: str | None = None
) -> QuarterOutlook:
    quarter = Quarter.parse(period) if period else None
    return quarter_outlook(database, REFERENCE_PROGRAM, quarter, day, NOW)


def won(found: QuarterOutlook) -> float:
    return sum(total(view.found, view.deals).won for view in found.indirect)


def test_won_to_date_is_what_the_database_holds_to_the_cent(sampled: Database) -> None:
    found = outlook(sampled)
    c = tables.opportunity.c
    with sampled.read() as connection:
        for view in found.indirect:
            amounts = connection.execute(
                sa.select(c.amount).where(
                    c.partner.is_not(None),
                    c.stage == "launched",
                    c.currency == view.currency,
                    c.close_date.between(date(2026, 10, 1), NOW.date()),
                )
            ).scalars()
            assert total(view.found, view.deals).won == pytest.approx(float(sum(amounts)))
    assert [view.currency for view in found.indirect] == ["EUR", "USD"]


def test_an_empty_database_has_no_forecast_and_no_failure(database: Database) -> None:
    found = outlook(database)
    assert found.indirect == found.direct == ()


def state(deal: str, until: datetime, stage: str, **values: object) -> PastState:
    defaults: dict[str, object] = {
        "amount": Decimal(1000),
        "currency": "EUR",
        "close_date": date(2026, 12, 15),
        "partner": "p1",
        "product_lines": "firewall",
        "created_at": datetime(2026, 10, 2, tzinfo=UTC),
        "gone": False,
    }
    return PastState(deal, until, stage, **(defaults | values))  # type: ignore[arg-type]  # by name


@pytest.fixture
def story(database: Database, add: Add) -> Database:
    """One deal that went from prospect to a win, one that was deleted, one that is new."""
    add("tier", "Gold")
    add("partner", "p1", tier="Gold", country="DE")
    add("opportunity", "o1", partner="p1", stage="launched", close_date=date(2026, 11, 20))
    created = datetime(2026, 11, 21, 9, tzinfo=UTC)
    add("opportunity", "o3", partner="p1", stage="qualified", created_at=created)
    with database.begin() as connection:
        keep(
            connection,
            [
                state("o1", datetime(2026, 11, 1, 12, tzinfo=UTC), "prospect"),
                state("o1", datetime(2026, 11, 20, 12, tzinfo=UTC), "committed"),
                state("o2", datetime(2026, 11, 10, 12, tzinfo=UTC), "qualified", gone=True),
            ],
        )
    return database


def test_an_earlier_day_is_rebuilt_as_it_was(story: Database) -> None:
    assert won(outlook(story)) == 1000.0
    before = outlook(story, date(2026, 11, 5))
    (view,) = before.indirect
    stages = {deal: int(stage) for deal, stage in _stages(before)}
    assert won(before) == 0.0
    assert set(view.deals.ids) == {"o1", "o2"}
    assert stages == {"o1": 4, "o2": 1}
    assert set(outlook(story, date(2026, 11, 15)).indirect[0].deals.ids) == {"o1"}
    assert set(outlook(story).indirect[0].deals.ids) == {"o1", "o3"}


def test_on_a_day_before_the_record_a_later_close_has_not_come_yet(
    database: Database, add: Add
) -> None:
    add("partner", "p1")
    made, later = datetime(2026, 7, 1, tzinfo=UTC), date(2026, 9, 20)
    closes = [("launched" if at % 2 else "closed_lost", later) for at in range(9)]
    for at, (stage, day) in enumerate([*closes, ("launched", date(2026, 8, 3))]):
        add("opportunity", f"o{at}", partner="p1", stage=stage, close_date=day, created_at=made)
    before = outlook(database, date(2026, 8, 15))
    row = total(before.indirect[0].found, before.indirect[0].deals)
    assert (row.won, row.deals, before.book.findings[CLOSED_LATER]) == (1000.0, 9, 9)
    assert row.open > 0
    assert row.ranges[95][1] > row.won
    assert won(outlook(database, later)) == 5000.0
    assert won(outlook(database, None, "2026Q3")) == 5000.0


def test_a_day_on_record_stands_as_it_was_seen(database: Database, add: Add) -> None:
    add("partner", "p1")
    add("opportunity", "o1", partner="p1", stage="launched", close_date=date(2026, 11, 20))
    early = datetime(2026, 11, 5, 9, tzinfo=UTC)
    keep_day_before(database, REFERENCE_PROGRAM, early)
    assert won(outlook(database, date(2026, 11, 10))) == 1000.0
    assert won(outlook(database, date(2026, 11, 4))) == 0.0


def _stages(found: QuarterOutlook) -> list[tuple[str, int]]:
    (view,) = found.indirect
    ahead = view.found.outlook
    return [
        (view.deals.ids[deal], stage) for deal, stage in zip(ahead.deal, ahead.stage, strict=True)
    ]


def test_a_forecast_rebuilt_for_its_day_is_the_forecast_of_that_day(sampled: Database) -> None:
    then = outlook(sampled)
    told = [total(view.found, view.deals) for view in then.indirect]
    with sampled.begin() as connection:
        open_ = tables.opportunity.c.stage.in_(["qualified", "committed"])
        connection.execute(
            tables.opportunity.update()
            .where(open_)
            .values(stage="launched", amount=Decimal(1), close_date=date(2026, 11, 25))
        )
        connection.execute(
            opportunity_past.update().values(until_at=datetime(2026, 11, 25, 9, tzinfo=UTC))
        )
    later = quarter_outlook(sampled, REFERENCE_PROGRAM, None, NOW.date(), NOW + timedelta(days=9))
    again = [total(view.found, view.deals) for view in later.indirect]
    assert [row.won for row in again] == [row.won for row in told]
    assert [row.forecast for row in again] == pytest.approx([row.forecast for row in told])


def test_what_makes_the_forecast_less_sure_is_counted(database: Database, add: Add) -> None:
    add("partner", "p1")
    add("opportunity", "o1", partner="p1", amount=None)
    add("opportunity", "o2", partner="p1", stage="launched", close_date=None)
    add("opportunity", "o3", partner="p1", created_at=None)
    findings = outlook(database).book.findings
    assert {what.split(":")[0]: count for what, count in findings.items()} == {
        "open without an amount": 1,
        "closed without a close date": 1,
        "without a date of creation": 1,
    }


def test_a_database_of_direct_deals_only_has_an_empty_indirect_forecast(
    database: Database, add: Add
) -> None:
    add("opportunity", "o1", stage="committed")
    add("opportunity", "o2", stage="launched", close_date=date(2026, 11, 20))
    found = outlook(database)
    (indirect,), (direct,) = found.indirect, found.direct
    assert total(indirect.found, indirect.deals).forecast == 0.0
    assert total(direct.found, direct.deals).won == 1000.0
    for model in indirect.setting.models():
        assert indirect.by(model)["total"].mean[0] == 0.0


def test_partners_of_one_name_stay_two(database: Database, add: Add) -> None:
    for ident, name in (("p1", "Globex"), ("p2", "Globex"), ("p3", "Initech")):
        add("partner", ident, name=name)
        add("opportunity", f"o-{ident}", partner=ident)
    found = outlook(database)
    (view,) = found.indirect
    rows = by_dimension(view.found, view.deals, "partner")
    assert {row.name: row.deals for row in rows} == {"p1": 1, "p2": 1, "p3": 1}
    shown = {found.book.shown("partner", row.name) for row in rows}
    assert shown == {"Globex (p1)", "Globex (p2)", "Initech"}


def test_a_close_in_the_future_counts_today(database: Database, add: Add) -> None:
    add("partner", "p1")
    add("opportunity", "o1", partner="p1", stage="launched", close_date=date(2027, 3, 1))
    assert won(outlook(database)) == 1000.0


@pytest.mark.parametrize(
    ("day", "period", "words"),
    [
        (date(2026, 12, 1), None, "still to come"),
        (date(2026, 11, 1), "2026Q3", "was over"),
        (None, "2031Q1", "nothing can be said of 2031Q1"),
    ],
)
def test_days_and_quarters_that_make_no_sense_are_told(
    database: Database, day: date | None, period: str | None, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        outlook(database, day, period)


def test_a_quarter_that_is_over_stands_as_on_its_last_day(sampled: Database) -> None:
    found = outlook(sampled, None, "2026Q3")
    assert found.as_of == date(2026, 9, 30)
    for view in found.indirect:
        row = total(view.found, view.deals)
        assert (row.forecast, row.ranges[95]) == (row.won, (row.won, row.won))


def test_quarters_before_the_record_are_not_asked_back(sampled: Database) -> None:
    (view, _) = outlook(sampled).indirect
    assert {score.cuts for score in look_back(view, 4, lambda _more: None).values()} == {0}


def test_a_record_of_stages_is_asked_back(database: Database, add: Add) -> None:
    add("partner", "p1")
    for number in range(60):
        made = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=5 * number)
        closed = made + timedelta(days=20)
        over = closed < NOW
        add(
            "opportunity",
            f"o{number}",
            partner="p1",
            stage="launched" if over else "qualified",
            created_at=made,
            close_date=closed.date(),
        )
        if over:
            with database.begin() as connection:
                keep(connection, [state(f"o{number}", closed, "qualified", created_at=made)])
    (view,) = outlook(database).indirect
    scores = look_back(view, 2, lambda _more: None)
    assert {score.cuts for score in scores.values()} == {2 * len(DAYS)}
    assert all(score.wape() < 1.5 for score in scores.values())
