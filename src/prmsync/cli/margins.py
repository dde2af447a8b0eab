"""`prmsync margins compute|list|explain`."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import typer

from prmsync.cli.context import application
from prmsync.cli.options import AsJson, Number
from prmsync.cli.output import emit_json, moment, note, say, say_wrapped, table
from prmsync.domain.counted import counted

if TYPE_CHECKING:
    from prmsync.answers.margins import Explanation
    from prmsync.domain.registration import Registration
    from prmsync.program.margins import Component, Margin


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="What partners earn on their deals, and why.", no_args_is_help=True)
    group.command("compute")(compute)
    group.command("list")(list_margins)
    group.command("explain")(explain)
    app.add_typer(group, name="margins")


def compute(as_json: AsJson = False) -> None:
    """Compute all margins; what is new or differs is entered in the ledger."""
    from prmsync.answers.margins import recompute_margins
    from prmsync.service.program_file import program_of

    with application() as app:
        report = recompute_margins(app.database, program_of(app.settings), app.now())
    if as_json:
        emit_json(asdict(report))
    else:
        say(f"{report.entered} entered · {report.adjusted} adjusted · {report.unchanged} unchanged")
    if report.findings:
        note(*map(str, report.findings))
        raise typer.Exit(1)


def list_margins(as_json: AsJson = False) -> None:
    """Margins of all registrations that earned or may earn one, and their sums."""
    from prmsync.answers import margins

    with application() as app:
        found = margins.list_margins(app.database)
    if as_json:
        emit_json([_row_json(r, partner) for r, partner in found])
        return
    if not found:
        say("No margins yet. Compute them: prmsync margins compute")
        return
    table(
        ["number", "partner", "customer", "state", "amount", "margin"],
        [
            (
                r.number,
                partner,
                r.customer.name,
                f"{r.review_state}, {r.outcome}" if r.outcome else r.review_state.value,
                str(r.amount) if r.amount else None,
                str(r.margin),
            )
            for r, partner in found
        ],
        shorten=("partner", "customer"),
    )
    totals = " · ".join(map(str, margins.margin_totals(found)))
    say("", f"{counted(len(found), 'registration')} · {totals}")


def explain(
    number: Number,
    as_json: AsJson = False,
) -> None:
    """The derivation of one margin: rule, base, rate, trim and rounding; and its ledger."""
    from prmsync.answers.margins import SHARED_EVENLY, explain_margin
    from prmsync.service.program_file import program_of

    with application() as app:
        program = program_of(app.settings)
        found = explain_margin(app.database, number, program, app.now())
    if as_json:
        emit_json(_explain_json(found))
        return
    registration, deal = found.basis.registration, found.basis.deal
    head = f"Margin of {registration.number} · {found.partner}"
    if found.margin is None or deal is None:
        say(f"{head} · nothing, because {found.basis.why_nothing}")
    else:
        say_wrapped(
            f"{head}, {deal.tier or 'no tier'}"
            f"{', through a distributor' if deal.through_distributor else ''} · "
            f"program {found.margin.program_version} at order date {found.basis.order_date}",
            hang=2,
        )
        say(*_derivation(found.margin, registration))
        if len(deal.lines) > 1:
            say(f"  {SHARED_EVENLY}")
    say(*_ledger(found))


def _derivation(margin: Margin, registration: Registration) -> list[str]:
    lines: list[str] = []
    shown = 0
    for component in margin.components:
        if component.line != shown:
            shown = component.line
            lines.append(f"  {component.category:<11} {component.base} list")
        lines += _component_lines(component, registration)
    reached = _percent(margin.reached.quantize(Decimal("0.01")))
    trimmed = any(c.trim.amount for c in margin.components)
    lines += [
        f"    cap {_percent(margin.cap)} %: {reached} % reached{', trimmed' if trimmed else ''}",
        f"  margin {margin.reseller} · vendor net {margin.vendor_net}",
        "  rounded half up to the minor unit, per line and component",
    ]
    if margin.distributor.amount:
        lines.append(
            f"  the reseller buys at {margin.reseller_price}, the distributor keeps "
            f"{margin.distributor}"
        )
    return lines


def _component_lines(component: Component, registration: Registration) -> list[str]:
    rate = "" if component.rate is None else f"{_percent(component.rate)} % of "
    line = (
        f"    {component.detail:<28} {rate + component.base_name:<26} "
        f"{component.amount.amount:>16,f}"
    )
    if component.trim.amount:
        line += f"   {component.trim.amount:,f} trimmed"
    if component.rule != "registration":
        return [line]
    return [
        line,
        f"      approved {moment(registration.approved_at)[:10]}, "
        f"protected to {moment(registration.protected_until)[:10]}",
    ]


def _ledger(found: Explanation) -> list[str]:
    if not found.entries:
        return ["  not in the ledger yet: prmsync margins compute"]
    return ["  Ledger"] + [
        f"    {moment(entry.entered_at)}  {entry.kind:<11} {entry.amount!s:>20}  "
        f"program {entry.program_version}"
        for entry in found.entries
    ]


def _percent(rate: Decimal) -> str:
    return f"{rate.normalize():f}"


def _row_json(r: Registration, partner: str) -> dict[str, Any]:
    return {
        "number": r.number,
        "partner": partner,
        "customer": r.customer.name,
        "review_state": r.review_state,
        "outcome": r.outcome,
        "amount": r.amount.amount if r.amount else None,
        "currency": r.amount.currency if r.amount else None,
        "margin": r.margin.amount if r.margin else None,
        "margin_currency": r.margin.currency if r.margin else None,
    }


def _explain_json(found: Explanation) -> dict[str, Any]:
    from prmsync.answers.margins import derivation

    return {
        "number": found.basis.registration.number,
        "partner": found.partner,
        "program_version": found.margin.program_version if found.margin else None,
        "derivation": derivation(found.basis, found.margin),
        "ledger": [
            {
                "id": entry.id,
                "kind": entry.kind,
                "amount": entry.amount.amount,
                "currency": entry.amount.currency,
                "program_version": entry.program_version,
                "entered_at": entry.entered_at,
            }
            for entry in found.entries
        ],
    }
