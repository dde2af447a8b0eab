"""Targets beside the forecast: how likely they are reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prmsync.answers.attainment import attainments
from prmsync.cli.output import say, table

if TYPE_CHECKING:
    from prmsync.answers.attainment import Attainment
    from prmsync.answers.quarter_outlook import QuarterOutlook, View

ALL = "all with a target"


def show(outlook: QuarterOutlook, view: View, model: str) -> None:
    """Each partner's target, what is expected, and the chance that it is reached."""
    found = attainments(outlook, view, model)
    if not found:
        return
    say("")
    table(
        ["target of", "target", "won", "forecast", "of it", "chance"],
        [
            (
                _name(outlook, one),
                f"{one.target:,.0f}",
                f"{one.won:,.0f}",
                f"{one.forecast:,.0f}",
                f"{one.forecast / one.target * 100:.0f} %" if one.target else None,
                f"{one.chance * 100:.0f} %",
            )
            for one in found
        ],
        indent=2,
        shorten=("target of",),
    )


def as_json(outlook: QuarterOutlook, view: View, model: str) -> list[dict[str, Any]]:
    """The same for programs; `partner_id` is null for all that have a target together."""
    return [
        {
            "partner": _name(outlook, one),
            "partner_id": one.partner,
            "target": f"{one.target:.2f}",
            "won": f"{one.won:.2f}",
            "forecast": f"{one.forecast:.2f}",
            "chance": round(one.chance, 4),
        }
        for one in attainments(outlook, view, model)
    ]


def _name(outlook: QuarterOutlook, one: Attainment) -> str:
    return ALL if one.partner is None else outlook.book.shown("partner", one.partner)
