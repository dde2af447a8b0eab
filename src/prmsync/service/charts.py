"""Charts as SVG text: axes, lines, bands and marks, with what a reader needs and no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from math import floor, log10

WIDTH, HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 24, 56, 64
INK, FAINT = "#1f2933", "#d5dbe1"
_FONT = "font-family='Helvetica, Arial, sans-serif'"

Points = Sequence[tuple[float, float]]


@dataclass(slots=True)
class Chart:
    """One chart; x and y are data values between the given ends."""

    title: str
    x: tuple[float, float]
    y: tuple[float, float]
    x_label: str = ""
    y_label: str = ""
    percent: bool = False
    """y are shares, shown as per cent."""
    parts: list[str] = field(default_factory=list)
    legend: list[tuple[str, str]] = field(default_factory=list)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point stands on the page."""
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1.0)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1.0)
        return (
            round(_LEFT + across * (WIDTH - _LEFT - _RIGHT), 1),
            round(HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM), 1),
        )

    def line(self, points: Points, colour: str, name: str = "", *, dashed: bool = False) -> None:
        """A line through points; `name` stands in the legend."""
        text = " ".join(f"{x},{y}" for x, y in (self.place(*point) for point in points))
        dash = " stroke-dasharray='5 4'" if dashed else ""
        self.parts.append(
            f"<polyline points='{text}' fill='none' stroke='{colour}' stroke-width='2'{dash}/>"
        )
        if name:
            self.legend.append((colour, name))

    def dots(self, points: Points, colour: str, name: str = "", size: float = 4.0) -> None:
        """A dot at each point."""
        for point in points:
            x, y = self.place(*point)
            self.parts.append(f"<circle cx='{x}' cy='{y}' r='{size}' fill='{colour}'/>")
        if name:
            self.legend.append((colour, name))

    def band(self, x: tuple[float, float], y: tuple[float, float], colour: str) -> None:
        """A filled rectangle between two x and two y."""
        left, top = self.place(x[0], y[1])
        right, bottom = self.place(x[1], y[0])
        wide, high = round(right - left, 1), round(bottom - top, 1)
        self.parts.append(
            f"<rect x='{left}' y='{top}' width='{wide}' height='{high}' fill='{colour}'/>"
        )

    def note(self, x: float, text: str, row: int = 0) -> None:
        """A word below the x axis."""
        at, _ = self.place(x, self.y[0])
        self.parts.append(_text(at, HEIGHT - _BOTTOM + 18 + 16 * row, text, anchor="middle"))

    def svg(self) -> str:
        """The whole chart."""
        head = (
            f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT}' "
            f"viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{escape(self.title)}'>"
        )
        back = f"<rect width='{WIDTH}' height='{HEIGHT}' fill='white'/>"
        words = [
            _text(_LEFT, 22, self.title, size=15, bold=True),
            _text((WIDTH + _LEFT) / 2, HEIGHT - 10, self.x_label, anchor="middle"),
            _text(_LEFT, _TOP - 8, self.y_label),
        ]
        return "\n".join([head, back, *self._grid(), *self.parts, *words, *self._names(), "</svg>"])

    def _grid(self) -> list[str]:
        found = []
        for at in ticks(*self.y):
            left, y = self.place(self.x[0], at)
            right, _ = self.place(self.x[1], at)
            found.append(f"<line x1='{left}' x2='{right}' y1='{y}' y2='{y}' stroke='{FAINT}'/>")
            found.append(_text(_LEFT - 8, y + 4, self._number(at), anchor="end"))
        return found

    def _number(self, at: float) -> str:
        return f"{at * 100:.0f} %" if self.percent else f"{at:,.0f}"

    def _names(self) -> list[str]:
        found, x = [], float(WIDTH - _RIGHT)
        for colour, name in reversed(self.legend):
            x -= 7.2 * len(name) + 26
            found.append(
                f"<rect x='{x:.0f}' y='{_TOP - 20}' width='12' height='12' fill='{colour}'/>"
            )
            found.append(_text(x + 17, _TOP - 9, name))
        return found


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, bold: bool = False
) -> str:
    weight = " font-weight='bold'" if bold else ""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' {_FONT} font-size='{size}' fill='{INK}' "
        f"text-anchor='{anchor}'{weight}>{escape(text)}</text>"
    )


def ticks(low: float, high: float) -> list[float]:
    """About five round values between two ends."""
    span = high - low
    if span <= 0:
        return [low]
    step = 10.0 ** floor(log10(span / 5))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 6)
    first = -(-low // step)
    found = []
    while first * step <= high + 1e-9 * span:
        found.append(round(first * step, 10) + 0.0)  # no -0
        first += 1
    return found
