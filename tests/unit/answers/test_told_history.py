"""The past that a file or a CRM tells meets what is known, and is told again without harm."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from prmsync.answers.quarter_outlook import quarter_outlook
from prmsync.answers.told_history import DealEvent, Told, tell_history, told_states
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.store.database import Database
from prmsync.store.opportunity_past import PastState, past_states
from prmsync.store.opportunity_past import add as keep

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
Add = Callable[..., str]
STAGES = ("prospect", "qualified", "committed")


def at(day: int) -> datetime:
    return START + timedelta(days=day)


def event(day: int, **said: object) -> DealEvent:
    return DealEvent("o1", at(day), said)


def known(stage: str = "committed", **values: object) -> PastState:
    defaults: dict[str, object] = {
        "until_at": datetime.max.replace(tzinfo=UTC),
        "amount": Decimal(1000),
        "currency": "EUR",
        "close_date": date(2026, 12, 15),
        "partner": "p1",
        "product_lines": "firewall",
        "created_at": START,
        "gone": False,
    }
    return PastState("o1", stage=stage, **(defaults | values))  # type: ignore[arg-type]  # by name


def stays(states: list[PastState]) -> list[tuple[str, int]]:
    return [(state.stage, (state.until_at - START).days) for state in states]


def test_each_event_ends_the_state_before_it() -> None:
    events = [
        event(0, stage="prospect"),
        event(10, stage="qualified"),
        event(30, stage="committed"),
    ]
    states, late, met = told_states(events, known(), "file", at(30))
    assert (stays(states), late, met) == ([("prospect", 10), ("qualified", 30)], 0, True)
    assert {state.amount for state in states} == {Decimal(1000)}


def test_what_an_event_leaves_out_stays_as_it_was() -> None:
    events = [
        event(0, stage="prospect", amount=Decimal(400)),
        event(5, stage="committed"),
        event(9, amount=Decimal(1000)),
    ]
    states, _, met = told_states(events, known(), "file", at(9))
    assert [(s.stage, s.amount) for s in states] == [("prospect", 400), ("committed", 400)]
    assert met


def test_a_deal_that_was_won_since_stood_as_told_until_its_close() -> None:
    won = known("launched", close_date=date(2026, 4, 1))
    states, _, met = told_states([event(0, stage="prospect")], won, "file", at(3))
    assert (stays(states), met) == ([("prospect", 30)], False)


def test_an_open_deal_that_moved_since_stood_as_told_on_the_last_day_of_the_file() -> None:
    states, _, met = told_states([event(0, stage="prospect")], known(), "file", at(40))
    assert (stays(states), met) == ([("prospect", 40)], False)


def test_events_after_the_triggers_began_to_see_count_nothing() -> None:
    seen = known("qualified", until_at=at(20))
    events = [event(0, stage="prospect"), event(8, stage="qualified"), event(25, stage="committed")]
    states, late, met = told_states(events, seen, "file", at(25))
    assert (stays(states), late, met) == ([("prospect", 8)], 1, True)


days = st.lists(st.tuples(st.integers(0, 200), st.sampled_from(STAGES)), min_size=1, max_size=12)


@given(told=days, until=st.integers(1, 250) | st.none(), stage=st.sampled_from(STAGES))
def test_told_states_stand_in_order_before_what_is_known(
    told: list[tuple[int, str]], until: int | None, stage: str
) -> None:
    next_ = known(stage) if until is None else known(stage, until_at=at(until))
    events = [event(day, stage=name) for day, name in sorted(told, key=lambda one: one[0])]
    states, late, _ = told_states(events, next_, "file", at(200))
    ends = [state.until_at for state in states]
    assert ends == sorted(set(ends))
    assert all(end < next_.until_at for end in ends)
    assert all(one.stage != two.stage for one, two in pairwise(states))
    assert not states or states[-1].stage != stage
    assert late == sum(day >= until for day, _ in told) if until else late == 0


def test_the_same_file_twice_keeps_the_same_and_a_longer_one_replaces(
    database: Database, add: Add
) -> None:
    add("partner", "p1")
    add("opportunity", "o1", partner="p1", stage="committed")
    add("opportunity", "o2", partner="p1")
    seen = PastState("o2", at(50), "prospect", *[None] * 6, gone=False)
    events = [event(0, stage="prospect"), event(10, stage="qualified")]
    longer = [*events, event(30, stage="committed")]
    other = DealEvent("nobody", at(0), {"stage": "prospect"})
    with database.begin() as connection:
        keep(connection, [seen])
        assert tell_history(connection, [*events, other], "file") == Told(new=2, unmet=1)
        first = list(past_states(connection))
        assert tell_history(connection, events, "file") == Told(same=2, unmet=1)
        assert list(past_states(connection)) == first
        assert tell_history(connection, longer, "file") == Told(new=1, same=1, gone=1)
        assert [s.stage for s in past_states(connection, ["o1"])] == ["prospect", "qualified"]
        assert list(past_states(connection, ["o2"])) == [seen]


def test_a_forecast_counts_with_the_past_that_was_told(database: Database, add: Add) -> None:
    add("partner", "p1")
    events = []
    for number in range(40):
        deal, made = f"o{number}", at(5 * number)
        close = (made + timedelta(days=28)).date()
        add("opportunity", deal, partner="p1", stage="launched", created_at=None, close_date=close)
        for day, stage in ((0, "prospect"), (14, "committed"), (28, "launched")):
            events.append(DealEvent(deal, made + timedelta(days=day), {"stage": stage}))
    with database.begin() as connection:
        tell_history(connection, events, "file")
    found = quarter_outlook(database, REFERENCE_PROGRAM, None, None, NOW)
    (view,) = found.indirect
    assert found.book.findings == {}
    assert found.book.recorded_from == START.date() + timedelta(days=14)
    assert view.recorded_wins == 40


def test_the_past_of_a_few_old_deals_is_no_record_of_their_time(
    database: Database, add: Add
) -> None:
    add("partner", "p1")
    for number in range(40):
        close = (at(5 * number) + timedelta(days=28)).date()
        add("opportunity", f"o{number}", partner="p1", stage="launched", close_date=close)
    told = [DealEvent("o0", at(0), {"stage": "prospect"})]
    with database.begin() as connection:
        tell_history(connection, told, "file")
    found = quarter_outlook(database, REFERENCE_PROGRAM, None, None, NOW)
    assert found.book.recorded_from > NOW.date()
