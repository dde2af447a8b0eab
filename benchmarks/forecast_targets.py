"""The accuracy that is aimed at, row by row, against what was measured.

What is measured on many worlds comes with the 95 % confidence interval of Student's t over the
worlds. A limit of luck is what one who knows every hazard does on the same worlds; where a goal was
set on other worlds than these, it is set as far from the limit here as it was there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

OTHER_SHIFT, OTHER_COLD = 9.8, 24.0
"""Limits of luck, in per cent, of the worlds on which the goals of a shift (11 %) and of a cold
start (26 %) were set."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure, and the interval in which it is known where it is a mean over worlds."""

    mean: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def over(cls, values: Sequence[float]) -> Measured:
        mean = float(np.mean(values))
        half = float(stats.t.ppf(0.975, len(values) - 1)) * float(stats.sem(values))
        return cls(mean, mean - half, mean + half)

    def shown(self, percent: bool) -> str:
        """`81.1 % [76.1, 86.1]`, or `1.122`."""
        scale, unit = (100, " %") if percent else (1, "")
        places = 1 if percent else 3
        told = f"{self.mean * scale:.{places}f}{unit}"
        if self.low is None or self.high is None:
            return told
        return f"{told} [{self.low * scale:.{places}f}, {self.high * scale:.{places}f}]"


@dataclass(frozen=True, slots=True)
class Row:
    """One target: from `least` to `most`; `beside` is an oracle's figure, where there is one."""

    on: str
    what: str
    found: Measured
    most: float
    least: float = -1e9
    percent: bool = True
    beside: Measured | None = None

    @property
    def verdict(self) -> str:
        """Met, or missed by no more than the worlds' own scatter, or not met."""
        if self.least <= self.found.mean <= self.most:
            return "met"
        low, high = self.found.low, self.found.high
        if low is not None and high is not None and low <= self.most and high >= self.least:
            return "NOT met (within the interval)"
        return "NOT met"

    @property
    def goal(self) -> str:
        scale, unit = (100, " %") if self.percent else (1, "")
        if self.least > -1e9:
            return f"{self.least * scale:g} to {self.most * scale:g}{unit}"
        return f"<= {self.most * scale:.3g}{unit}"


def show(rows: Sequence[Row]) -> list[bool]:
    """The table; which rows are met."""
    cells = []
    for one in rows:
        luck = one.beside.shown(one.percent).split(" [")[0] if one.beside is not None else ""
        cells.append((one.on, one.what, one.goal, one.found.shown(one.percent), luck, one.verdict))
    table(("on", "measure", "goal", "here", "limit of luck", "verdict"), cells)
    return [one.verdict == "met" for one in rows]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table in Markdown, its columns in line: docs/forecast-accuracy.md has these."""
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    print()
    for row in (head, ["-" * width for width in widths], *rows):
        print(f"| {' | '.join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))} |")
