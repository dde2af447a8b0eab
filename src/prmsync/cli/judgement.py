"""People's judgements beside the forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prmsync.answers.judgement import beside, without_forecast
from prmsync.cli.output import say, say_wrapped, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from prmsync.answers.judgement import Judgement
    from prmsync.answers.quarter_outlook import QuarterOutlook, View


def show(outlook: QuarterOutlook, view: View, model: str, judgements: Sequence[Judgement]) -> None:
    """One row a partner: what the model says, what people say, the chance of the commit."""
    found = beside(view, model, judgements)
    if not found:
        return
    say("")
    table(
        ["judgement on", "forecast", "80 % from", "to", "commit", "chance", "upside", "override"],
        [
            (
                outlook.book.shown("partner", one.judgement.partner),
                f"{one.forecast:,.0f}",
                f"{one.low:,.0f}",
                f"{one.high:,.0f}",
                _whole(one.judgement.commit),
                None if one.chance is None else f"{one.chance * 100:.0f} %",
                _whole(one.judgement.upside),
                _whole(one.judgement.override),
            )
            for one in found
        ],
        indent=2,
        shorten=("judgement on",),
    )


def tell_rest(outlook: QuarterOutlook, judgements: Sequence[Judgement]) -> None:
    """Judgements that stand beside nothing."""
    for currency in without_forecast(outlook, judgements):
        say_wrapped(f"Judgements in {currency} stand beside no forecast: none is in it.")


def as_json(
    outlook: QuarterOutlook, view: View, model: str, judgements: Sequence[Judgement]
) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "partner": outlook.book.shown("partner", one.judgement.partner),
            "partner_id": one.judgement.partner,
            "forecast": f"{one.forecast:.2f}",
            "low": f"{one.low:.2f}",
            "high": f"{one.high:.2f}",
            "range_percent": 80,
            "commit": one.judgement.commit,
            "chance": None if one.chance is None else round(one.chance, 4),
            "upside": one.judgement.upside,
            "override": one.judgement.override,
        }
        for one in beside(view, model, judgements)
    ]


def _whole(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:,.0f}"
