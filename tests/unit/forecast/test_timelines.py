"""Deals as they were seen, turned into stays."""

from __future__ import annotations

from prmsync.domain.stage import Stage
from prmsync.forecast.history import NEVER
from prmsync.forecast.timelines import Standing, Timeline, gather

RECORDED = 1000
LABELS = ("Globex", "Gold", "DE", "firewall")
DIMENSIONS = ("partner", "tier", "region", "product")


def timeline(created: int, *standings: tuple[int, Stage], close: int = NEVER) -> Timeline:
    found = tuple(Standing(day, stage, 100.0, close) for day, stage in standings)
    return Timeline(f"d{created}", created, found, LABELS)


def events(one: Timeline) -> list[tuple[int, int]]:
    history = gather([one], DIMENSIONS, RECORDED).history
    return list(zip(history.day.tolist(), history.stage.tolist(), strict=True))


def test_a_deal_seen_from_its_first_day_keeps_its_way() -> None:
    seen = timeline(1010, (1010, Stage.QUALIFIED), (1030, Stage.COMMITTED))
    assert events(seen) == [(1010, 1), (1030, 4)]


def test_a_deal_open_before_the_record_spent_equal_parts_in_each_stage_so_far() -> None:
    assert events(timeline(700, (700, Stage.TECHNICAL_VALIDATION))) == [(700, 0), (900, 2)]


def test_a_deal_closed_before_the_record_teaches_nothing_of_stages() -> None:
    won = timeline(700, (700, Stage.LAUNCHED), close=800)
    deals = gather([won], DIMENSIONS, RECORDED)
    assert (won.closed, deals.history.won.tolist()) == (800, [True])
    assert deals.history.worth.tolist() == [100.0]
    assert events(won) == [(700, 0)]


def test_a_close_dated_later_than_it_was_seen_is_taken_on_the_day_it_was_seen() -> None:
    one = timeline(1010, (1010, Stage.PROSPECT), (1020, Stage.LAUNCHED), close=1300)
    assert one.closed == 1020


def test_a_close_dated_back_counts_on_its_own_day() -> None:
    one = timeline(1010, (1010, Stage.PROSPECT), (1050, Stage.CLOSED_LOST), close=1040)
    assert one.closed == 1040


def test_a_deal_opened_again_is_open_and_its_last_close_counts() -> None:
    back = timeline(
        1010, (1010, Stage.COMMITTED), (1020, Stage.CLOSED_LOST), (1030, Stage.COMMITTED)
    )
    assert back.closed == NEVER
    again = Timeline(
        "d", 1010, (*back.standings, Standing(1060, Stage.LAUNCHED, 100.0, 1060)), LABELS
    )
    assert again.closed == 1060


def test_labels_become_segments_and_deals_alike_share_one() -> None:
    one, two = timeline(1010, (1010, Stage.PROSPECT)), timeline(1011, (1011, Stage.PROSPECT))
    other = Timeline("x", 1012, one.standings, ("Initech", "Gold", "DE", "firewall"))
    deals = gather([one, two, other], DIMENSIONS, RECORDED)
    assert deals.history.segment.tolist() == [0, 0, 1]
    assert deals.names["partner"] == ("Globex", "Initech")
    assert deals.names["tier"] == ("Gold",)


def test_no_deal_at_all_is_an_empty_history() -> None:
    deals = gather([], DIMENSIONS, RECORDED)
    assert len(deals.history.created) == len(deals.ids) == 0
