"""`prmsync registrations list|show|submit|review|approve|return|reject|withdraw|cancel|close|
extend|expire`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli.context import application
from prmsync.cli.options import AsJson, By, Number
from prmsync.cli.output import ago, emit_json, moment, note, say, table
from prmsync.domain.registration import Move, Outcome, Registration, ReviewState

if TYPE_CHECKING:
    from prmsync.answers.registration_view import RegistrationView
    from prmsync.answers.registrations import Moved

Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="What the partner has to change.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Deal registrations and their review.", no_args_is_help=True)
    group.command("list")(list_registrations)
    for command in (show, submit, review, approve, reject, withdraw, cancel, close, extend, expire):
        group.command(command.__name__)(command)
    group.command("return")(return_)
    app.add_typer(group, name="registrations")


def list_registrations(
    state: Annotated[
        ReviewState | None, typer.Option("--state", help="Only this review state.")
    ] = None,
    partner: Annotated[
        str | None, typer.Option("--partner", metavar="NAME", help="Only this one: name or id.")
    ] = None,
    conflict: Annotated[bool, typer.Option("--conflict", help="Only with a conflict.")] = False,
    as_json: AsJson = False,
) -> None:
    """Registrations with their state, what is due, and whether they are in conflict."""
    from prmsync.answers.registration_view import list_views

    with application() as app:
        found = list_views(app.database, state=state, partner=partner, conflict=conflict)
        now = app.now()
    if as_json:
        emit_json([_json(view) for view in found])
        return
    if not found:
        say("No registrations.")
        return
    table(
        ["number", "partner", "customer", "amount", "state", "until", "conflict"],
        [
            (
                view.registration.number,
                view.partner,
                view.registration.customer.name,
                _amount(view.registration),
                view.registration.review_state.value,
                _until(view.registration, now),
                view.registration.conflict.kind,
            )
            for view in found
        ],
        shorten=("partner", "customer"),
    )


def show(number: Number, as_json: AsJson = False) -> None:
    """One registration with its history."""
    from prmsync.answers.registration_view import one_view

    with application() as app:
        view, events = one_view(app.database, number)
    if as_json:
        emit_json(_json(view) | {"history": [_event_json(event) for event in events]})
        return
    r = view.registration
    say(f"{r.number} · {view.partner} · {r.review_state} · {_amount(r)}")
    facts: list[tuple[str, object]] = [
        ("customer", ", ".join(filter(None, (r.customer.name, r.customer.domain)))),
        ("products", ", ".join(sorted(r.product_lines))),
        ("distributor", view.distributor),
        ("opportunity", r.opportunity),
        ("reason", r.reason),
        ("submitted", moment(r.submitted_at)),
        ("due", moment(r.due_at)),
        ("approved", moment(r.approved_at)),
        ("protected to", moment(r.protected_until)),
        ("outcome", r.outcome),
        ("margin", r.margin),
        ("conflict", f"{r.conflict.kind}: {r.conflict.reason}" if r.conflict.flag else None),
    ]
    say(*(f"  {name:<13} {value}" for name, value in facts if value not in (None, "", "–")))
    for event in events:
        reason = f" · {event.reason}" if event.reason else ""
        came_from = event.from_state or "new"
        say(f"  {moment(event.at)}  {came_from} → {event.to_state} by {event.actor}{reason}")


def submit(number: Number, by: By = None) -> None:
    """Submit a draft, or submit a returned registration again."""
    _move(number, ReviewState.SUBMITTED, by)


def review(
    number: Number,
    administrator: Annotated[
        bool, typer.Option("--administrator", help="Take a rejected one back into review.")
    ] = False,
    by: By = None,
) -> None:
    """Start the review."""
    _move(number, ReviewState.UNDER_REVIEW, by, administrator=administrator)


def approve(
    number: Number,
    opportunity: Annotated[
        str | None,
        typer.Option("--opportunity", metavar="ID", help="Link this one; else one is created."),
    ] = None,
    by: By = None,
) -> None:
    """Approve: links or creates the opportunity and starts protection."""
    _move(number, ReviewState.APPROVED, by, opportunity=opportunity)


def return_(number: Number, why: Why, by: By = None) -> None:
    """Give it back to the partner, who keeps the place by answering in time."""
    _move(number, ReviewState.RETURNED, by, reason=why)


def reject(
    number: Number,
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            metavar="REASON",
            help="duplicate, direct_engaged, incomplete, ineligible_product, ineligible_partner, "
            "named_account or other; a note may follow after a colon.",
        ),
    ],
    by: By = None,
) -> None:
    """Reject with a reason."""
    _move(number, ReviewState.REJECTED, by, reason=reason)


def withdraw(number: Number, by: By = None) -> None:
    """The partner takes the registration back."""
    _move(number, ReviewState.WITHDRAWN, by)


def cancel(
    number: Number,
    why: Annotated[
        str | None, typer.Option("--why", metavar="TEXT", help="Kept with the cancellation.")
    ] = None,
    by: By = None,
) -> None:
    """End an approval; flag, partner and expiry leave the opportunity."""
    _move(number, ReviewState.CANCELLED, by, reason=why)


def close(
    number: Number,
    outcome: Annotated[Outcome, typer.Option("--outcome", help="How the deal ended.")],
    by: By = None,
) -> None:
    """Close an approved registration as won or lost."""
    _move(number, ReviewState.CLOSED, by, outcome=outcome)


def extend(number: Number, by: By = None) -> None:
    """Approve an extension of protection; an expired registration comes back by it."""
    from prmsync.answers.registrations import extend_protection
    from prmsync.service.program_file import program_of

    with application() as app:
        settings = program_of(app.settings).review
        moved = extend_protection(app.database, number, _who(by), app.now(), settings)
    _tell(moved)


def expire(
    do: Annotated[
        bool, typer.Option("--yes", help="Expire them; else they are only shown.")
    ] = False,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", help="As of this time, not now; UTC unless it names an offset."),
    ] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Show, or with --yes expire, what has outlived its protection or its deadline."""
    from prmsync.answers.registrations import expire_overdue, overdue
    from prmsync.service.program_file import program_of

    with application() as app:
        at = app.now() if as_of is None else _utc(as_of)
        if do:
            settings = program_of(app.settings).review
            found = expire_overdue(app.database, _who(by), at, settings)
        else:
            found = overdue(app.database, at)
    if as_json:
        emit_json([{"number": r.number, "expired": do} for r in found])
        return
    for r in found:
        what = f"protected to {moment(r.protected_until)}"
        say(f"{r.number}  {r.customer.name}  {what if r.approved_at else 'returned, no answer'}")
    noun = "registration" if len(found) == 1 else "registrations"
    say(f"{len(found)} {noun} {'expired' if do else 'to expire'} as of {moment(at)}")
    if found and not do:
        same = f" --as-of {at:%Y-%m-%dT%H:%M:%SZ}" if as_of else ""
        say(f"Do it: prmsync registrations expire{same} --yes")


def _utc(at: datetime) -> datetime:
    """A time as typed: in UTC, unless it names another offset."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _move(number: str, to: ReviewState, by: str | None, **needs: Any) -> None:
    from prmsync.answers.registrations import take_step
    from prmsync.service.program_file import program_of

    with application() as app:
        step = Move(to, _who(by), app.now(), **needs)
        moved = take_step(app.database, number, step, program_of(app.settings).review)
    _tell(moved)


def _tell(moved: Moved) -> None:
    r = moved.registration
    lines = [f"{r.number} is {r.review_state.replace('_', ' ')}"]
    if r.review_state is ReviewState.APPROVED and moved.opportunity is not None:
        lines[0] += f", protected to {moment(r.protected_until)}"
        how = "created" if moved.created else "linked"
        lines.append(f"Opportunity {how}: {moved.opportunity.name} ({moved.opportunity.id})")
    elif r.due_at is not None:
        lines[0] += f", due {moment(r.due_at)}"
    say(*lines)
    if r.conflict.flag:
        note(f"In conflict ({r.conflict.kind}): {r.conflict.reason}", "prmsync conflicts list")


def _who(by: str | None) -> str:
    from prmsync.service.syncing import person

    return by or person()


def _amount(r: Registration) -> str:
    return str(r.amount) if r.amount else "–"


def _until(r: Registration, now: datetime) -> str | None:
    """When the next step is due; where none is, the last day of protection."""
    if r.due_at is not None:
        return ago(r.due_at, now)
    return moment(r.protected_until)[:10] if r.protected_until else None


def _json(view: RegistrationView) -> dict[str, Any]:
    r = view.registration
    return {
        "number": r.number,
        "id": r.id,
        "partner": view.partner,
        "partner_id": r.partner,
        "distributor": view.distributor,
        "opportunity": r.opportunity,
        "customer": {
            "name": r.customer.name,
            "domain": r.customer.domain,
            "duns": r.customer.duns,
            "country": r.customer.country,
        },
        "product_lines": sorted(r.product_lines),
        "amount": r.amount.amount if r.amount else None,
        "currency": r.amount.currency if r.amount else None,
        "expected_close": r.expected_close,
        "review_state": r.review_state,
        "reason": r.reason,
        "outcome": r.outcome,
        "submitted_at": r.submitted_at,
        "due_at": r.due_at,
        "approved_at": r.approved_at,
        "protected_until": r.protected_until,
        "extensions": r.extensions,
        "conflict": r.conflict.flag,
        "conflict_kind": r.conflict.kind,
        "conflict_reason": r.conflict.reason,
        "margin": r.margin.amount if r.margin else None,
        "margin_currency": r.margin.currency if r.margin else None,
    }


def _event_json(event: Any) -> dict[str, Any]:
    return {
        "at": event.at,
        "from": event.from_state,
        "to": event.to_state,
        "by": event.actor,
        "reason": event.reason,
    }
