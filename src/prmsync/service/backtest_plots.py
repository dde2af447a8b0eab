"""The record of the models as pictures: fan chart, calibration and error by horizon.

One SVG each, and a page that holds them all with what they say. Drawn here: three charts are no
reason for a plotting library (docs/decisions/0011).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from prmsync.errors import ConfigurationError
from prmsync.forecast.backtest import QUANTILES, Asked, Score
from prmsync.service.charts import INK, Chart

_BLUES = ("#d6e6f5", "#a9cbea", "#74abdc", "#4a8fcc")
_COLOURS = {
    "hazard": "#1b62a5",
    "conversion": "#c8741a",
    "stage_weighted": "#8b95a1",
    "naive": "#2f8f5b",
    "average": "#8b4fae",
}
_CAPTIONS = {
    "fan": "Each column is one forecast of the quarter below it. The bands hold 20 to 80 % "
    "of what was thought possible, the line is the middle, the dot what the quarter brought.",
    "calibration": "Of all forecasts, by partner, tier, region and product as well: how many "
    "outcomes were at or below each quantile. On the dashed line ranges are neither too narrow nor "
    "too wide. The dots are chances of open deals, and how many such deals were won.",
    "error_by_horizon": "All misses of the total together over what came (WAPE), by the day of the "
    "quarter on which was asked.",
}


def write_plots(folder: Path, currency: str, scores: Mapping[str, Score], default: str) -> Path:
    """Write the charts of one currency into a folder, and the page that shows them; returns the
    page. Raises ConfigurationError where it cannot be written."""
    charts = {
        "fan": fan(currency, scores[default].asked),
        "calibration": calibration(currency, scores[default]),
        "error_by_horizon": error_by_horizon(currency, scores),
    }
    page = folder / f"backtest-{currency}.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, chart in charts.items():
            (folder / f"{name}-{currency}.svg").write_text(chart.svg() + "\n", encoding="utf-8")
        page.write_text(_page(currency, charts), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be written: {error.strerror}", hint="name another folder: --plots"
        ) from error
    return page


def fan(currency: str, asked: Sequence[Asked]) -> Chart:
    """What was thought possible on each day asked, and what came."""
    top = max((max(*one.quantiles, one.came) for one in asked), default=1.0) * 1.05
    chart = Chart(
        f"What was forecast, and what came ({currency})", (-0.6, max(len(asked), 1) - 0.4), (0, top)
    )
    for at, one in enumerate(asked):
        for band, colour in enumerate(_BLUES):
            ends = (one.quantiles[band], one.quantiles[len(QUANTILES) - 1 - band])
            chart.band((at - 0.34, at + 0.34), ends, colour)
        middle = one.quantiles[len(QUANTILES) // 2]
        chart.line([(at - 0.34, middle), (at + 0.34, middle)], _COLOURS["hazard"])
        chart.note(at, f"day {one.day}")
    for at in range(len(asked)):
        if at == 0 or asked[at].quarter != asked[at - 1].quarter:
            same = [i for i, one in enumerate(asked) if one.quarter == asked[at].quarter]
            chart.note(sum(same) / len(same), f"from {asked[at].first}", row=1)
    chart.dots([(at, one.came) for at, one in enumerate(asked)], INK, "what came")
    chart.legend.insert(0, (_BLUES[1], "20 to 80 % ranges"))
    return chart


def calibration(currency: str, score: Score) -> Chart:
    """Whether ranges hold what they say, and chances of deals too."""
    chart = Chart(
        f"Do the ranges hold what they say? ({currency})",
        (0, 1),
        (0, 1),
        "stated chance",
        "share that came",
        percent=True,
    )
    chart.line([(0, 0), (1, 1)], "#8b95a1", dashed=True)
    if score.outcomes:
        points = [
            (float(level), count / score.outcomes)
            for level, count in zip(QUANTILES, score.below, strict=True)
        ]
        chart.line(points, _COLOURS["hazard"], "quantiles")
        chart.dots(points, _COLOURS["hazard"], size=3)
    deals = [(chance / count, won / count) for count, chance, won in score.bins if count >= 5]
    if deals:
        chart.dots(deals, _COLOURS["conversion"], "open deals' chances", size=5)
    for at in (0, 0.25, 0.5, 0.75, 1):
        chart.note(at, f"{at * 100:.0f} %")
    return chart


def error_by_horizon(currency: str, scores: Mapping[str, Score]) -> Chart:
    """Each model's error of the total by the day of the quarter."""
    lines = {name: _errors(score.asked) for name, score in scores.items()}
    days = sorted({day for errors in lines.values() for day in errors})
    top = max((error for errors in lines.values() for error in errors.values()), default=1.0)
    ends = (min(days, default=0) - 2, max(days, default=1) + 2)
    shown = min(top * 1.05, 2.0)
    chart = Chart(
        f"Error of the total by day of the quarter ({currency})",
        ends,
        (0, shown),
        "day of the quarter on which was asked",
        "WAPE",
        percent=True,
    )
    for name, errors in lines.items():
        # A model that misses by more than all that came is drawn at the edge.
        points = [(day, min(error, shown)) for day, error in sorted(errors.items())]
        chart.line(points, _COLOURS.get(name, INK), name)
        chart.dots(points, _COLOURS.get(name, INK))
    for day in days:
        chart.note(day, str(day))
    return chart


def _errors(asked: Sequence[Asked]) -> dict[int, float]:
    """By day of the quarter the sum of misses over the sum of what came."""
    found = {}
    for day in {one.day for one in asked}:
        mine = [one for one in asked if one.day == day]
        came = sum(one.came for one in mine)
        if came > 0:
            found[day] = sum(abs(one.mean - one.came) for one in mine) / came
    return found


def _page(currency: str, charts: Mapping[str, Chart]) -> str:
    parts = [
        f"<figure>{chart.svg()}<figcaption>{escape(_CAPTIONS[name])}</figcaption></figure>"
        for name, chart in charts.items()
    ]
    style = (
        "body{font-family:Helvetica,Arial,sans-serif;max-width:780px;margin:2em auto;"
        "color:#1f2933}figure{margin:0 0 2.5em}figcaption{line-height:1.45}"
    )
    title = f"The record of the forecast ({escape(currency)})"
    return (
        f"<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        f"<style>{style}</style></head><body><h1>{title}</h1>\n"
        + "\n".join(parts)
        + "</body></html>\n"
    )
