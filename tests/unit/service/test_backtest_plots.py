"""The charts of the record: every forecast and outcome stands where it belongs."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from channel_history import TODAY, company, view
from prmsync.answers.quarter_outlook import look_back
from prmsync.errors import ConfigurationError
from prmsync.forecast.backtest import QUANTILES, Score
from prmsync.service.backtest_plots import calibration, error_by_horizon, fan, write_plots
from prmsync.service.charts import HEIGHT, WIDTH, Chart, ticks


@pytest.fixture(scope="module")
def scores() -> dict[str, Score]:
    return look_back(view(company(), TODAY), 2, lambda _more: None)


def test_a_page_with_three_charts_is_written(scores: dict[str, Score], tmp_path: Path) -> None:
    page = write_plots(tmp_path / "new", "EUR", scores, "hazard")
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == text.count("<figcaption") == 3
    for name in ("fan", "calibration", "error_by_horizon"):
        ElementTree.parse(tmp_path / "new" / f"{name}-EUR.svg")


def test_the_fan_shows_each_forecast_and_its_outcome(scores: dict[str, Score]) -> None:
    asked = scores["hazard"].asked
    assert len(asked) == scores["hazard"].cuts == 6
    svg = fan("EUR", asked).svg()
    assert svg.count("<circle") == 6
    assert svg.count("<rect") == 1 + 2 + 4 * 6
    assert {int(day) for day in re.findall(r">day (\d+)<", svg)} == {0, 28, 56}


def test_nothing_is_drawn_outside_the_page(scores: dict[str, Score]) -> None:
    charts = (
        fan("EUR", scores["hazard"].asked),
        calibration("EUR", scores["hazard"]),
        error_by_horizon("EUR", scores),
    )
    for chart in charts:
        svg = chart.svg()
        for name, most in (("cx", WIDTH), ("cy", HEIGHT), ("x", WIDTH), ("y", HEIGHT)):
            assert all(0 <= float(v) <= most for v in re.findall(rf" {name}='([^']+)'", svg))


def test_quantiles_are_counted_over_all_groups(scores: dict[str, Score]) -> None:
    score = scores["hazard"]
    shares = [count / score.outcomes for count in score.below]
    assert shares == sorted(shares)
    assert len(shares) == len(QUANTILES)
    assert sum(count for count, _, _ in score.bins) == score.chances
    assert all(won <= count for count, _, won in score.bins)


def test_the_record_of_a_model_that_knows_all_has_no_error(scores: dict[str, Score]) -> None:
    asked = scores["naive"].asked
    drawn = error_by_horizon("EUR", {"naive": scores["naive"]})
    worst = max(
        sum(abs(a.mean - a.came) for a in asked if a.day == day)
        / sum(a.came for a in asked if a.day == day)
        for day in (0, 28, 56)
    )
    assert drawn.y[1] == pytest.approx(min(worst * 1.05, 2.0))


def test_a_folder_that_cannot_be_made_is_told(scores: dict[str, Score], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_plots(tmp_path / "file" / "in", "EUR", scores, "hazard")


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ((0, 42_000), [0, 10_000, 20_000, 30_000, 40_000]),
        ((3, 3), [3]),
    ],
)
def test_axes_have_round_numbers(ends: tuple[float, float], expected: list[float]) -> None:
    assert ticks(*ends) == expected


def test_words_are_escaped() -> None:
    assert "A &amp; B &lt;" in Chart("A & B <", (0, 1), (0, 1)).svg()
