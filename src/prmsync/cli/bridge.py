"""`prmsync forecast bridge` in words and in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prmsync.cli.outlook import head
from prmsync.cli.output import emit_json, say, say_wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prmsync.answers.bridge import Bridge
    from prmsync.answers.quarter_outlook import QuarterOutlook

_WIDE = 46


def show(outlook: QuarterOutlook, found: Sequence[Bridge], *, as_json: bool) -> None:
    """Our number, every line, the CRM's number."""
    if as_json:
        emit_json([_json(outlook, one) for one in found])
        return
    say_wrapped(head(outlook, ": from our number to the CRM's report"))
    for one in found:
        say("", f"  {'':<{_WIDE}} {one.currency:>17}", _line("our forecast", one.ours))
        for line in one.lines:
            deals = f"{line.deals} deal{'s' * (line.deals != 1)}" if line.deals else ""
            say(f"  {line.what:<{_WIDE}} {line.amount:>+17,.2f}     {deals}".rstrip())
        said = "the CRM's report, as you say" if one.told is not None else "the CRM's report"
        say(_line(f"{said}, {one.crm_quarter.name}", one.crm))
    if not found:
        say("  no deal is known yet")
    say_wrapped(
        "The CRM's report: opportunities with a partner by close date, open ones at the odds of "
        "their stage. Give what yours shows with --crm to see what is left unexplained."
    )


def _line(what: str, amount: object) -> str:
    return f"  {what:<{_WIDE}} {amount:>17,.2f}"


def _json(outlook: QuarterOutlook, one: Bridge) -> dict[str, Any]:
    return {
        "period": outlook.quarter.name,
        "crm_period": one.crm_quarter.name,
        "as_of": outlook.as_of,
        "currency": one.currency,
        "forecast": one.ours,
        "lines": [
            {"what": line.what, "amount": line.amount, "deals": line.deals} for line in one.lines
        ],
        "crm": one.crm,
        "told": one.told is not None,
    }
