"""`prmsync runs undo`: take back what a run wrote, where it still stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli import braking, plans
from prmsync.cli.context import application
from prmsync.cli.options import AsJson
from prmsync.cli.output import emit_json, say, say_wrapped

if TYPE_CHECKING:
    from prmsync.service.wiring import Application
    from prmsync.sync.running import Report

RunId = Annotated[int, typer.Argument(metavar="RUN", help="As `runs list` shows.")]
FAILED, WAITS = 1, 3


def undo(
    run: RunId,
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Only show what it would write and keep.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write what a brake would hold.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put back what a run wrote, where nobody changed it since; itself a run that can be undone."""
    from prmsync.service.syncing import connection_of_run, session_on
    from prmsync.sync.undo import plan_undo
    from prmsync.sync.undo import undo as undo_run

    with application() as app:
        name = connection_of_run(app, run)
        # Who undoes has often paused the connection first, so that nothing runs on meanwhile.
        with session_on(
            app, name, asked="undo", progress=plans.progress(), while_paused=True
        ) as session:
            report = plan_undo(session, run) if only_plan else undo_run(session, run, release=yes)
        if as_json:
            emit_json(_as_json(app, run, report))
        else:
            _show(app, name, run, report, only_plan=only_plan)
    if report.state in ("failed", "stopped") or report.refused_rows:
        raise typer.Exit(FAILED)
    if report.waiting_run is not None:
        raise typer.Exit(WAITS)


def _as_json(app: Application, undone: int, report: Report) -> dict[str, Any]:
    from prmsync.service.plan_file import rows_of

    rows = [
        plans.as_json(action, title, stream)
        for stream, listed, _ in rows_of(app.database, report.run_id, None)
        for action, title in listed
    ]
    return {
        "run": report.run_id,
        "undoes": undone,
        "state": str(report.state),
        "counts": report.counts,
        "held": report.held,
        "waiting_run": report.waiting_run,
        "calls": report.calls,
        "message": report.message,
        "brakes": [braking.as_json(one, report.names) for one in report.trips],
        "actions": [one for one in rows if one["state"] != "kept"],
        "kept": [one for one in rows if one["state"] == "kept"],
    }


def _show(app: Application, name: str, undone: int, report: Report, *, only_plan: bool) -> None:
    from prmsync.service.plan_file import named_rows

    say(f"{name} · undo of run {undone} · run {report.run_id} · {report.state}", "")
    plans.listing(report.run_id, named_rows(app.database, report.run_id, plans.SHOWN))
    told = plans.totals(report.counts, left="not made")
    say_wrapped(f"{told} · {plans.calls_line(report.calls)}")
    if report.refused_rows:
        say(f"{len(report.refused_rows):,} were not undone: their values moved meanwhile")
    if report.message:
        say_wrapped(report.message)
    if any(key.endswith("/retry") for key in report.counts):
        say(f"Undo the rest: prmsync runs undo {undone}")
    if report.held:
        would = "would need" if only_plan else "need" + "s" * (report.held == 1)
        say_wrapped(
            f"{report.held:,} {would} a decision, or the next sync would write the same again: "
            "prmsync held list"
        )
    if not only_plan:
        braking.show_brake(name, report)
        return
    if report.trips:
        say("A brake would hold:", *braking.told(report.trips, report.names))
    if any(key.endswith("/planned") for key in report.counts):
        say(f"Do exactly this: prmsync apply {report.run_id}")
