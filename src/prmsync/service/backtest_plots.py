"""The record of the models as pictures: fan chart, calibration and error by horizon.

Each as SVG and PNG, and a page that holds them all with what they say.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from matplotlib.typing import RcKeyType

from prmsync.errors import ConfigurationError
from prmsync.forecast.backtest import QUANTILES, Asked, Score

_BLUES = ("#d6e6f5", "#a9cbea", "#74abdc", "#4a8fcc")
_INK, _FAINT = "#1f2933", "#8b95a1"
_COLOURS = {
    "hazard": "#1b62a5",
    "conversion": "#c8741a",
    "stage_weighted": _FAINT,
    "naive": "#2f8f5b",
    "average": "#8b4fae",
}
_GAP = 0.5
"""Between the columns of two quarters, in columns."""
_COLUMN, _MARGIN = 0.5, 1.5
"""Inches that a column needs, and the axes beside all of them."""
_FEWEST = 5
"""Open deals below which a class of chances is not drawn."""
_MOST = 2.0
"""A model that misses by more than twice what came is drawn at the edge."""
_LOOK: dict[RcKeyType, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": _FAINT,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "figure.figsize": (8.0, 4.5),
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "grid.color": "#e4e8ec",
    "legend.frameon": False,
    "svg.hashsalt": "prmsync",
    "text.color": _INK,
}
_CAPTIONS = {
    "fan": "Each column is one forecast of the quarter below it, by the day asked. The bands "
    "hold 20 to 80 % of what was thought possible, the line is the middle, the dot what the "
    "quarter brought.",
    "calibration": "Of all forecasts, by partner, tier, region and product as well: how many "
    "outcomes were at or below each quantile (where nothing came, as far as that was likely). "
    "On the dashed line ranges are neither too narrow nor "
    "too wide. The dots are chances of open deals, and how many such deals were won.",
    "error_by_horizon": "All misses of the total together over what came (WAPE), by the day of the "
    "quarter on which was asked.",
}


def write_plots(folder: Path, currency: str, scores: Mapping[str, Score], default: str) -> Path:
    """Write the charts of one currency into a folder as SVG and PNG, and the page that shows them;
    returns the page. Raises ConfigurationError where it cannot be written."""
    with rc_context(_LOOK):
        charts = {
            "fan": fan(currency, scores[default].asked),
            "calibration": calibration(currency, scores[default]),
            "error_by_horizon": error_by_horizon(currency, scores),
        }
        drawn = {name: _drawn(chart, "svg") for name, chart in charts.items()}
        files = {f"{name}-{currency}.svg": svg for name, svg in drawn.items()}
        files |= {f"{name}-{currency}.png": _drawn(chart, "png") for name, chart in charts.items()}
    page = folder / f"backtest-{currency}.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        page.write_text(_page(currency, drawn), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be written: {error.strerror}", hint="name another folder: --plots"
        ) from error
    return page


def fan(currency: str, asked: Sequence[Asked]) -> Figure:
    """What was thought possible on each day asked, and what came."""
    figure, axes = _axes(f"What was forecast, and what came ({currency})")
    figure.set_figwidth(max(float(figure.get_figwidth()), _MARGIN + _COLUMN * len(asked)))
    quarters = np.array([one.quarter for one in asked], dtype=np.int64)
    place = np.arange(len(asked)) + _GAP * (quarters - quarters.min(initial=0))
    quantiles = np.array([one.quantiles for one in asked]).reshape(len(asked), len(QUANTILES))
    for band, colour in enumerate(_BLUES):
        low, high = quantiles[:, band], quantiles[:, len(QUANTILES) - 1 - band]
        name = "20 to 80 % ranges" if band == 1 else None
        axes.bar(place, high - low, 0.68, low, color=colour, label=name)
    middle = quantiles[:, len(QUANTILES) // 2]
    axes.hlines(middle, place - 0.34, place + 0.34, _COLOURS["hazard"])
    axes.plot(place, [one.came for one in asked], "o", color=_INK, label="what came")
    axes.set_xticks(place, _days(asked))
    axes.set_xlabel("day of the quarter on which was asked, and when the quarter began")
    axes.set_ylim(bottom=0)
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda worth, _at: f"{worth:,.0f}"))
    figure.legend(loc="outside lower right", ncols=2)
    return figure


def _days(asked: Sequence[Asked]) -> list[str]:
    """The day asked; below the middle one of each quarter when that began."""
    words = [str(one.day) for one in asked]
    for quarter in {one.quarter for one in asked}:
        mine = [at for at, one in enumerate(asked) if one.quarter == quarter]
        words[mine[len(mine) // 2]] += f"\n{asked[mine[0]].first}"
    return words


def calibration(currency: str, score: Score) -> Figure:
    """Whether ranges hold what they say, and chances of deals too."""
    figure, axes = _axes(f"Do the ranges hold what they say? ({currency})")
    axes.plot([0, 1], [0, 1], "--", color=_FAINT)
    if score.outcomes:
        shares = np.array(score.below) / score.outcomes
        axes.plot(QUANTILES, shares, "o-", ms=4, color=_COLOURS["hazard"], label="quantiles")
    deals = [(chance / n, won / n) for n, chance, won in score.bins if n >= _FEWEST]
    if deals:
        x, y = zip(*deals, strict=True)
        axes.plot(x, y, "o", color=_COLOURS["conversion"], label="open deals' chances")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="stated chance", ylabel="share that came")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    if score.outcomes or deals:
        axes.legend(loc="upper left")
    return figure


def error_by_horizon(currency: str, scores: Mapping[str, Score]) -> Figure:
    """Each model's error of the total by the day of the quarter."""
    figure, axes = _axes(f"Error of the total by day of the quarter ({currency})")
    for name, score in scores.items():
        errors = sorted(_errors(score.asked).items())
        if errors:
            days, error = zip(*errors, strict=True)
            shown = np.minimum(error, _MOST)
            axes.plot(days, shown, "o-", color=_COLOURS.get(name, _INK), label=name)
            axes.set_xticks(days)
    axes.set(xlabel="day of the quarter on which was asked", ylabel="WAPE")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    if axes.lines:
        figure.legend(loc="outside lower right", ncols=len(scores))
    return figure


def _errors(asked: Sequence[Asked]) -> dict[int, float]:
    """By day of the quarter the sum of misses over the sum of what came."""
    found = {}
    for day in {one.day for one in asked}:
        mine = [one for one in asked if one.day == day]
        came = sum(one.came for one in mine)
        if came > 0:
            found[day] = sum(abs(one.mean - one.came) for one in mine) / came
    return found


def _axes(title: str) -> tuple[Figure, Axes]:
    figure = Figure()
    axes = figure.add_subplot()
    axes.set_title(title)
    return figure, axes


def _drawn(chart: Figure, kind: str) -> bytes:
    """The file's content; the same chart gives the same bytes."""
    file = BytesIO()
    chart.savefig(file, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    return file.getvalue()


def _page(currency: str, charts: Mapping[str, bytes]) -> str:
    parts = [_figure(svg, _CAPTIONS[name]) for name, svg in charts.items()]
    style = (
        "body{font-family:Helvetica,Arial,sans-serif;max-width:820px;margin:2em auto;"
        "color:#1f2933}figure{margin:0 0 2.5em}img{width:100%}figcaption{line-height:1.45}"
    )
    title = f"The record of the forecast ({escape(currency)})"
    return (
        f"<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        f"<style>{style}</style></head><body><h1>{title}</h1>\n"
        + "\n".join(parts)
        + "</body></html>\n"
    )


def _figure(svg: bytes, caption: str) -> str:
    text = escape(caption)
    source = f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
    return f"<figure><img src='{source}' alt='{text}'><figcaption>{text}</figcaption></figure>"
