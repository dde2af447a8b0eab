"""What of the forecast goes to partners, in a line and in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prmsync.answers.margin_outlook import margin_outlook
from prmsync.cli.output import say, say_wrapped

if TYPE_CHECKING:
    from prmsync.answers.margin_outlook import MarginRates
    from prmsync.answers.quarter_outlook import View


def show(view: View, rates: MarginRates, forecast: float, width: int) -> None:
    """The margin of partners on the forecast, with its 80 % range."""
    found = margin_outlook(view, rates)
    low, high = found.ranges[80]
    share = f"   {found.forecast / forecast * 100:.1f} % of it" if forecast else ""
    say(
        f"  {'margin of partners on it':<26} {found.forecast:>{width},.0f}     "
        f"80 %: {low:,.0f} – {high:,.0f}{share}"
    )
    if found.unknown:
        say_wrapped(
            f"{found.unknown:,} deals have no margin rate: the program does not know their tier or "
            "product. They are taken to earn what the others do.",
            indent=2,
        )


def as_json(view: View, rates: MarginRates) -> dict[str, Any]:
    """The same for programs."""
    found = margin_outlook(view, rates)
    return {
        "won": f"{found.won:.2f}",
        "open": f"{found.open:.2f}",
        "to_come": f"{found.new:.2f}",
        "forecast": f"{found.forecast:.2f}",
        "ranges": {
            str(percent): {"low": f"{low:.2f}", "high": f"{high:.2f}"}
            for percent, (low, high) in found.ranges.items()
        },
        "deals_without_rate": found.unknown,
    }
