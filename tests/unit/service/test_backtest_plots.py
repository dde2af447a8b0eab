"""The charts of the record: every forecast and outcome stands where it belongs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from channel_history import TODAY, company, view
from prmsync.answers.quarter_outlook import look_back
from prmsync.errors import ConfigurationError
from prmsync.forecast.backtest import QUANTILES, Score
from prmsync.service.backtest_plots import calibration, error_by_horizon, fan, write_plots


@pytest.fixture(scope="module")
def scores() -> dict[str, Score]:
    return look_back(view(company(), TODAY), 2, lambda _more: None)


def test_a_page_with_three_charts_is_written(scores: dict[str, Score], tmp_path: Path) -> None:
    folder = tmp_path / "new"
    page = write_plots(folder, "EUR", scores, "hazard")
    text = page.read_text(encoding="utf-8")
    assert text.count("<img") == text.count("<figcaption") == 3
    for name in ("fan", "calibration", "error_by_horizon"):
        ElementTree.parse(folder / f"{name}-EUR.svg")
        assert (folder / f"{name}-EUR.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_record_is_drawn_in_the_same_bytes(
    scores: dict[str, Score], tmp_path: Path
) -> None:
    one, two = (write_plots(tmp_path / name, "EUR", scores, "hazard") for name in ("a", "b"))
    assert one.read_bytes() == two.read_bytes()


def test_the_fan_shows_each_forecast_and_its_outcome(scores: dict[str, Score]) -> None:
    asked = scores["hazard"].asked
    assert len(asked) == scores["hazard"].cuts == 6
    (axes,) = fan("EUR", asked).axes
    (came,) = axes.lines
    assert list(came.get_ydata()) == [one.came for one in asked]
    widest = axes.containers[0]
    assert [bar.get_y() for bar in widest] == [one.quantiles[0] for one in asked]
    tops = [bar.get_y() + bar.get_height() for bar in widest]
    assert tops == pytest.approx([one.quantiles[-1] for one in asked])
    words = [label.get_text() for label in axes.get_xticklabels()]
    assert [word.split("\n")[0] for word in words] == ["0", "28", "56"] * 2
    assert [word.split("\n")[1:] for word in words] == [
        [],
        [str(asked[0].first)],
        [],
        [],
        [str(asked[3].first)],
        [],
    ]


def test_a_long_record_is_drawn_wider_and_no_words_meet(scores: dict[str, Score]) -> None:
    asked = [
        replace(one, quarter=one.quarter + 2 * at, first=one.first + timedelta(days=182 * at))
        for at in range(5)
        for one in scores["hazard"].asked
    ]
    chart = fan("EUR", asked)
    (axes,) = chart.axes
    chart.draw_without_rendering()
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    dates = [
        box
        for box, label in zip(boxes, axes.get_xticklabels(), strict=True)
        if "\n" in label.get_text()
    ]
    assert all(left.x1 < right.x0 for left, right in pairwise(dates))


def test_quantiles_are_counted_over_all_groups(scores: dict[str, Score]) -> None:
    score = scores["hazard"]
    shares = [count / score.outcomes for count in score.below]
    assert shares == sorted(shares)
    assert len(shares) == len(QUANTILES)
    assert sum(count for count, _, _ in score.bins) == score.chances
    assert all(won <= count for count, _, won in score.bins)


def test_ranges_are_drawn_against_what_they_held(scores: dict[str, Score]) -> None:
    score = scores["hazard"]
    (axes,) = calibration("EUR", score).axes
    _, quantiles, *_ = axes.lines
    assert list(quantiles.get_ydata()) == [count / score.outcomes for count in score.below]


def test_the_error_of_each_day_is_all_misses_over_all_that_came(scores: dict[str, Score]) -> None:
    asked = scores["naive"].asked
    (axes,) = error_by_horizon("EUR", {"naive": scores["naive"]}).axes
    (line,) = axes.lines
    mine = [[one for one in asked if one.day == day] for day in (0, 28, 56)]
    errors = [sum(abs(a.mean - a.came) for a in day) / sum(a.came for a in day) for day in mine]
    assert list(line.get_xdata()) == [0, 28, 56]
    assert list(line.get_ydata()) == pytest.approx([min(error, 2.0) for error in errors])


def test_a_record_of_nothing_is_drawn_empty(tmp_path: Path) -> None:
    page = write_plots(tmp_path, "EUR", {"hazard": Score()}, "hazard")
    assert page.exists()


def test_a_folder_that_cannot_be_made_is_told(scores: dict[str, Score], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_plots(tmp_path / "file" / "in", "EUR", scores, "hazard")
