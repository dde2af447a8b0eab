"""`prmsync provision plan|apply`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli.automations import automations_json, show_automations
from prmsync.cli.browsing import open_page
from prmsync.cli.context import application
from prmsync.cli.options import AsJson
from prmsync.cli.output import emit_json, note, say, say_wrapped, table

if TYPE_CHECKING:
    from prmsync.connector.provisioning import AdminSignIn, ProvisionPlan, Step
    from prmsync.errors import Finding
    from prmsync.service.admin_sign_in import AdminAttempt
    from prmsync.service.provisioning import Looked
    from prmsync.service.wiring import Application

LEFT_TO_DO = 1
_WAIT_SECONDS = 600.0

Connection = Annotated[str, typer.Argument(metavar="CONNECTION", help="One of prmsync.toml.")]
Token = Annotated[
    str | None,
    typer.Option(
        "--admin-token",
        metavar="REF",
        help="Where an admin's access token is: env:NAME, file:PATH. It is used once.",
    ),
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Objects, fields and permissions in the CRM.", no_args_is_help=True)
    group.command("plan")(plan)
    group.command("apply")(apply)
    app.add_typer(group, name="provision")


def plan(connection: Connection, admin_token: Token = None, as_json: AsJson = False) -> None:
    """Show what the mapping needs and the CRM lacks. Changes nothing."""
    from prmsync.service import provisioning

    with application() as app:
        looked = provisioning.look(app, connection, _given(app, admin_token))
    if as_json:
        emit_json({**_plan_json(looked.plan), **automations_json(looked.automations)})
    else:
        _show(connection, looked)
        _show_by_hand(looked.plan)
        _next(connection, looked.plan, seen_as_admin=admin_token is not None)
    if looked.plan.findings:
        raise typer.Exit(LEFT_TO_DO)


def apply(
    connection: Connection,
    admin_token: Token = None,
    browser: Annotated[
        bool,
        typer.Option(
            "--browser/--no-browser",
            help="Open the sign-in page here, or show its address to open elsewhere.",
        ),
    ] = True,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="PORT", help="Where the browser's answer arrives (8791)."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make what the CRM lacks, with an admin's sign-in that is used once and kept nowhere.

    Nothing that is there is changed or deleted. Doing it again makes what is still missing.
    """
    from prmsync.service import provisioning

    with application() as app:
        provisioning.provisioning_plugin(app.settings.connection(connection).connector)
        admin = _given(app, admin_token) or _with_browser(app, connection, browser, port)
        looked = provisioning.look(app, connection, admin)
        if looked.plan.steps:
            if not as_json:
                _show(connection, looked)
            _confirm(looked, yes=yes)
        made = provisioning.make(app, connection, admin, lambda text: note(f"… {text}"))
    if as_json:
        emit_json(_plan_json(made))
    else:
        _done(connection, made)
    if made.findings:
        raise typer.Exit(LEFT_TO_DO)


def _given(app: Application, reference: str | None) -> AdminSignIn | None:
    from prmsync.service import admin_sign_in

    if reference is None:
        return None
    return admin_sign_in.given(app.settings, reference, os.environ)


def _with_browser(
    app: Application, connection: str, browser: bool, port: int | None
) -> AdminSignIn:
    from prmsync.service import admin_sign_in, loop_back

    number = loop_back.PORT if port is None else port
    begun = admin_sign_in.begin(
        app.settings, connection, loop_back.redirect_uri(number), os.environ
    )
    if not browser:
        return admin_sign_in.finish(begun, _pasted(begun))
    with loop_back.listening(number) as listener:
        open_page(begun.address, " as an admin")
        answer = listener.wait(begun.belongs, _WAIT_SECONDS)
    return admin_sign_in.finish(begun, answer)


def _pasted(begun: AdminAttempt) -> dict[str, str]:
    from prmsync.service.signing_in import answer_of

    note(
        "Open this address in any browser and sign in as an admin:",
        f"  {begun.address}",
        "The browser then ends at an address of localhost that it may not be able to show.",
    )
    return answer_of(typer.prompt("Copy that address here", err=True))


def _confirm(looked: Looked, *, yes: bool) -> None:
    if yes:
        return
    account = looked.account
    where = f"{account.name} ({account.org_id}, {account.environment})"
    question = f"Make these {len(looked.plan.steps)} in {where}?"
    if not sys.stdin.isatty() or not typer.confirm(question, default=False, err=True):
        note("Nothing was made. To make it without being asked: --yes")
        raise typer.Exit(LEFT_TO_DO)


def _show(connection: str, looked: Looked) -> None:
    account = looked.account
    say(
        f"{connection} · {account.name} · {account.org_id} · {account.environment}",
        f"{looked.plan.present} fields that the mapping needs are there and fit",
    )
    if looked.plan.steps:
        say("", f"Missing: {len(looked.plan.steps)}")
        _show_steps(looked.plan.steps)
    show_findings(looked.plan.findings, "Not for prmsync to change")
    show_findings(looked.plan.unread, "Not shown to who signed in: the list may be wrong there")
    show_automations(looked.automations)


def _show_by_hand(plan: ProvisionPlan) -> None:
    """What helps people and no API can make, in words to follow, as long as anything is new."""
    findings = plan.by_hand
    if not findings:
        return
    says = f"Worth making by hand, for the CRM has no API for it: {len(findings)}"
    if not plan.steps:
        say("", f"{says} (--json lists them)")
        return
    say("", says)
    table(["", ""], [(one.where, one.message) for one in findings], indent=2)
    for how in dict.fromkeys(one.hint for one in findings if one.hint):
        say_wrapped(how, indent=2)


def _show_steps(steps: Sequence[Step]) -> None:
    """Object by object what its records are to have, then what stands around them."""
    from prmsync.connector.provisioning import StepKind

    of_records = (StepKind.OBJECT, StepKind.FIELD, StepKind.RECORD_TYPE)
    by_object: dict[str, list[Step]] = {}
    for step in steps:
        if step.kind in of_records:
            by_object.setdefault(step.name.partition(".")[0], []).append(step)
    for name, some in by_object.items():
        new = [one.what for one in some if one.kind is StepKind.OBJECT]
        say("", f"  {name}" + (f", a new object: {new[0]}" if new else ""))
        rows = [_inside(one) for one in some if one.kind is not StepKind.OBJECT]
        table(["", "is", "for"], rows, indent=4)
    others = [one for one in steps if one.kind not in of_records]
    if others:
        say("", "  Around them")
        rows = [(f"+ {one.kind.value}", one.name, one.what) for one in others]
        table(["", "", "is"], rows, indent=4)


def _inside(step: Step) -> tuple[str, str, str]:
    return (f"+ {step.name.partition('.')[2]}", step.what, step.why)


def show_findings(findings: Sequence[Finding], title: str) -> None:
    """What a person must look at, each with its remedy."""
    if not findings:
        return
    say("", f"{title}: {len(findings)}")
    for one in findings:
        say_wrapped(f"! {one.where}  {one.message}", indent=2, hang=4)
        if one.hint:
            say_wrapped(one.hint, indent=6)


def _next(connection: str, plan: ProvisionPlan, *, seen_as_admin: bool) -> None:
    if not plan.steps and not plan.findings:
        say("", "Nothing is missing.")
    if plan.steps:
        say("", f"Make it: prmsync provision apply {connection}")
    if not seen_as_admin and plan.steps:
        note(
            "This is what the user that syncs may see. An admin sees more: --admin-token",
        )


def _done(connection: str, made: ProvisionPlan) -> None:
    if made.steps:
        say("", f"Made: {len(made.steps)}. Nothing else was changed.")
    else:
        say("Nothing was missing, nothing was made.")
    show_findings(made.findings, "Left for a person")
    if made.steps:
        _show_by_hand(made)
    if not made.findings:
        say("", f"Next: prmsync plan {connection}")


def _plan_json(plan: ProvisionPlan) -> dict[str, Any]:
    return {
        "steps": [
            {"kind": one.kind.value, "name": one.name, "what": one.what, "why": one.why}
            for one in plan.steps
        ],
        "findings": _findings_json(plan.findings),
        "not_shown": _findings_json(plan.unread),
        "by_hand": _findings_json(plan.by_hand),
        "present": plan.present,
        "complete": not plan.steps and not plan.findings,
    }


def _findings_json(findings: Sequence[Finding]) -> list[dict[str, str]]:
    return [{"where": one.where, "message": one.message, "hint": one.hint} for one in findings]
