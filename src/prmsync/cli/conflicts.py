"""`prmsync conflicts check|list|show|acknowledge|resolve`."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli.context import application
from prmsync.cli.options import AsJson, By
from prmsync.cli.output import ago, emit_json, moment, say, say_wrapped, table
from prmsync.domain.conflict import Conflict, ConflictStatus, Resolution
from prmsync.errors import ConfigurationError

if TYPE_CHECKING:
    from prmsync.answers.conflicts import Parties

Ident = Annotated[int, typer.Argument(metavar="CONFLICT", help="As `conflicts list` shows.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Channel conflicts: two parties after one customer.", no_args_is_help=True
    )
    group.command("check")(check)
    group.command("list")(list_conflicts)
    group.command("show")(show)
    group.command("acknowledge")(acknowledge)
    group.command("resolve")(resolve)
    app.add_typer(group, name="conflicts")


def check(as_json: AsJson = False) -> None:
    """Find conflicts, and flag registrations and opportunities; the next sync carries flags."""
    from dataclasses import asdict

    from prmsync.answers.conflicts import check_conflicts
    from prmsync.service.program_file import program_of

    with application() as app:
        report = check_conflicts(app.database, program_of(app.settings), app.now())
    if as_json:
        emit_json(asdict(report))
        return
    say(
        f"{report.opened} new · {report.kept} still open · {report.lapsed} closed, their evidence "
        f"has gone · {report.settled} decided before",
        f"{report.marked} records changed their conflict flag or reason",
    )
    if report.opened or report.kept:
        say("Look: prmsync conflicts list")


def list_conflicts(
    every: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Conflicts that wait for a decision."""
    from prmsync.answers import conflicts

    with application() as app:
        found = conflicts.list_conflicts(app.database, resolved=every)
        parties = conflicts.parties_of(app.database, found)
        now = app.now()
    if as_json:
        emit_json([_json(one, parties) for one in found])
        return
    if not found:
        say("No channel conflicts wait for a decision.")
        return
    table(
        ["id", "kind", "severity", "registration", "against", "customer", "status", "opened"],
        [
            (
                one.id,
                one.kind.value,
                one.severity.value,
                parties.registrations[one.registration].number,
                _against(one, parties),
                parties.registrations[one.registration].customer.name,
                one.resolution.value if one.resolution else one.status.value,
                ago(one.opened_at, now),
            )
            for one in found
        ],
        shorten=("customer", "against"),
    )


def show(conflict: Ident, as_json: AsJson = False) -> None:
    """One conflict: both parties, the evidence, and how to decide."""
    from prmsync.answers import conflicts, rows
    from prmsync.service.program_file import program_of

    with application() as app:
        with app.database.read() as connection:
            found = rows.conflict(connection, conflict)
        parties = conflicts.parties_of(app.database, [found])
        target = timedelta(hours=program_of(app.settings).conflicts.target_hours)
        now = app.now()
    if as_json:
        emit_json(_json(found, parties))
        return
    late = ", overdue" if found.resolution is None and now - found.opened_at > target else ""
    hours = f"{target // timedelta(hours=1)} h"
    say(
        f"Conflict {found.id} · {found.kind.label} ({found.kind}) · {found.severity} · "
        f"{found.status} · opened {ago(found.opened_at, now)} (target {hours}{late})"
    )
    for line in _party_lines(found, parties):
        say_wrapped(line, hang=_FACTS)
    stored = json.loads(found.evidence)
    evidence = [f"same {kind} {value} ({score})" for kind, value, score in stored["evidence"]]
    common = f"common product {', '.join(stored['products'])}"
    say_wrapped(f"  Evidence      {' · '.join([*evidence, common])}", hang=_FACTS)
    outcome = (
        "review, never auto-reject" if found.opportunity else "the first valid submission wins"
    )
    say(f"  By the rules  {outcome} (program {found.rule_version}, rule {found.kind})")
    if found.status is ConflictStatus.RESOLVED:
        say_wrapped(
            f"  Decided       {found.resolution} by {found.resolved_by}, "
            f"{moment(found.resolved_at)}: {found.resolved_why}",
            hang=_FACTS,
        )
        return
    other = "opportunity" if found.opportunity else "first"
    say(
        f"  Decide        prmsync conflicts resolve {found.id} "
        f'--uphold registration|{other} --why "…"',
        f'                prmsync conflicts resolve {found.id} --split|--dismiss --why "…"',
    )


def acknowledge(conflict: Ident) -> None:
    """Take a conflict into work."""
    from prmsync.answers import conflicts

    with application() as app:
        found = conflicts.acknowledge(app.database, conflict)
    say(f"conflict {found.id} is acknowledged")


def resolve(
    conflict: Ident,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Kept with the decision.")],
    uphold: Annotated[
        str | None,
        typer.Option("--uphold", metavar="PARTY", help="registration, or opportunity / first."),
    ] = None,
    split: Annotated[bool, typer.Option("--split", help="Both sides share the deal.")] = False,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="It is no conflict.")] = False,
    by: By = None,
) -> None:
    """Decide a conflict; no check touches the decision again."""
    from prmsync.answers import conflicts
    from prmsync.service.syncing import person

    resolution = _resolution(uphold, split=split, dismiss=dismiss)
    with application() as app:
        found = conflicts.resolve(
            app.database, conflict, resolution, by or person(), why, app.now()
        )
    say(
        f"conflict {found.id} is resolved: {found.resolution} by {found.resolved_by}",
        "Registrations keep their review state: approve or reject them with prmsync registrations.",
    )


_FACTS = 16
"""Where the facts begin, right of their names."""
_UPHOLD = {
    "registration": Resolution.UPHELD_A,
    "opportunity": Resolution.UPHELD_B,
    "first": Resolution.UPHELD_B,
}


def _resolution(uphold: str | None, *, split: bool, dismiss: bool) -> Resolution:
    chosen = [
        *([_UPHOLD[uphold]] if uphold in _UPHOLD else []),
        *([Resolution.SPLIT] if split else []),
        *([Resolution.DISMISSED] if dismiss else []),
    ]
    if len(chosen) != 1 or (uphold is not None and uphold not in _UPHOLD):
        raise ConfigurationError(
            "a conflict is decided in one way",
            hint="one of: --uphold registration, --uphold opportunity (or first), --split, "
            "--dismiss",
        )
    return chosen[0]


def _against(one: Conflict, parties: Parties) -> str:
    if one.other_registration is not None:
        return parties.registrations[one.other_registration].number
    owner = parties.opportunities[str(one.opportunity)].owner
    return f"direct, {owner.partition('@')[0]}" if owner else "direct, no owner"


def _party_lines(found: Conflict, parties: Parties) -> list[str]:
    lines = []
    for ident in (found.registration, found.other_registration):
        if ident is None:
            continue
        r = parties.registrations[ident]
        name = "Registration" if ident == found.registration else "First"
        owner = parties.partners.get(r.partner, r.partner)
        lines += [
            f"  {name:<13} {r.number}  {owner}  ·  {r.customer.name}",
            f"  {'':<13} {_listed(r.product_lines)}  {r.amount or '–'}  "
            f"submitted {moment(r.submitted_at)}",
        ]
    if found.opportunity is not None:
        o = parties.opportunities[found.opportunity]
        times = [("created", o.created_at), ("last activity", o.last_activity_at)]
        told = ", ".join(f"{what} {moment(at)}" for what, at in times if at is not None)
        lines += [
            f"  {'Opportunity':<13} {o.id}  {o.owner or 'no owner'} (direct)",
            f"  {'':<13} {o.customer.name}",
            f"  {'':<13} {_listed(o.product_lines)}  {o.amount or '–'}  {o.stage}  {told}".rstrip(),
        ]
    return lines


def _listed(products: frozenset[str]) -> str:
    return ", ".join(sorted(products))


def _json(one: Conflict, parties: Parties) -> dict[str, Any]:
    registration = parties.registrations[one.registration]
    other = parties.registrations.get(one.other_registration or "")
    stored = json.loads(one.evidence)
    return {
        "id": one.id,
        "kind": one.kind,
        "severity": one.severity,
        "status": one.status,
        "registration": registration.number,
        "partner": parties.partners.get(registration.partner),
        "other_registration": other.number if other else None,
        "other_partner": parties.partners.get(other.partner) if other else None,
        "opportunity": one.opportunity,
        "customer": registration.customer.name,
        "score": one.score,
        "reason": one.reason,
        "evidence": [
            {"kind": kind, "value": value, "score": score}
            for kind, value, score in stored["evidence"]
        ],
        "products": stored["products"],
        "rule_version": one.rule_version,
        "opened_at": one.opened_at,
        "resolution": one.resolution,
        "resolved_by": one.resolved_by,
        "resolved_why": one.resolved_why,
        "resolved_at": one.resolved_at,
    }
