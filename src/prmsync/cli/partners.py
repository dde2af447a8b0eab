"""`prmsync partners list|show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli.context import application
from prmsync.cli.options import AsJson
from prmsync.cli.output import emit_json, say, table

if TYPE_CHECKING:
    from prmsync.answers.registration_view import PartnerView


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Partners of the program.", no_args_is_help=True)
    group.command("list")(list_partners)
    group.command("show")(show)
    app.add_typer(group, name="partners")


def list_partners(
    tier: Annotated[
        str | None, typer.Option("--tier", metavar="TIER", help="Only this tier.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Partners with tier, types and registrations."""
    from prmsync.answers.registration_view import partner_views

    with application() as app:
        found = [v for v in partner_views(app.database) if tier in (None, v.partner.tier)]
    if as_json:
        emit_json([_json(view) for view in found])
        return
    if not found:
        say(f"No partners of tier {tier}." if tier else "No partners.")
        return
    table(
        ["partner", "tier", "types", "country", "status", "registrations", "approved"],
        [
            (
                view.partner.name,
                view.partner.tier,
                ", ".join(sorted(view.partner.types)),
                view.partner.country,
                view.partner.status.value,
                sum(view.registrations.values()),
                view.registrations.get("approved", 0),
            )
            for view in found
        ],
    )


def show(
    partner: Annotated[str, typer.Argument(metavar="PARTNER", help="Name or id.")],
    as_json: AsJson = False,
) -> None:
    """One partner with its memberships and registrations by state."""
    from prmsync.answers.registration_view import partner_views

    with application() as app:
        (view,) = partner_views(app.database, partner)
    if as_json:
        emit_json(_json(view))
        return
    p = view.partner
    say(
        f"{p.name} · {p.tier or 'no tier'} · {', '.join(sorted(p.types)) or 'no type'} · {p.status}"
    )
    facts = [
        ("id", p.id),
        ("domain", p.domain),
        ("DUNS", p.duns),
        ("country", p.country),
        ("manager", p.partner_manager),
    ]
    say(*(f"  {name:<13} {value}" for name, value in facts if value))
    for member in view.memberships:
        until = member.valid_to or "now"
        say(f"  {member.valid_from} to {until}  {member.tier}  {member.reason or ''}".rstrip())
    for state, count in sorted(view.registrations.items()):
        say(f"  {state:<13} {count:>5}")


def _json(view: PartnerView) -> dict[str, Any]:
    p = view.partner
    return {
        "id": p.id,
        "name": p.name,
        "domain": p.domain,
        "duns": p.duns,
        "country": p.country,
        "types": sorted(p.types),
        "status": p.status,
        "tier": p.tier,
        "partner_manager": p.partner_manager,
        "distributor": p.distributor,
        "memberships": [
            {
                "tier": m.tier,
                "valid_from": m.valid_from,
                "valid_to": m.valid_to,
                "reason": m.reason,
            }
            for m in view.memberships
        ],
        "registrations": view.registrations,
    }
