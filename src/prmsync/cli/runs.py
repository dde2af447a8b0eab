"""`prmsync runs list|show|drop|revert|undo`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from prmsync.cli import braking, plans
from prmsync.cli.context import application, known
from prmsync.cli.options import AsJson, OneOrAll
from prmsync.cli.output import ago, emit_json, moment, note, say, say_wrapped, table
from prmsync.cli.undo import RunId, undo
from prmsync.domain.counted import counted


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="What runs planned and wrote, and its undo.", no_args_is_help=True)
    group.command("list")(list_runs)
    group.command("show")(show)
    group.command("drop")(drop)
    group.command("revert")(revert)
    group.command("undo")(undo)
    app.add_typer(group, name="runs")


def list_runs(
    connection: OneOrAll = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Recent runs, newest first."""
    from prmsync.store import runs

    with application() as app:
        named = known(app, connection)
        with app.database.read() as db:
            found = runs.recent(db, named, limit)
        if as_json:
            emit_json([asdict(one) for one in found])
            return
        if not found:
            say("No run yet. First: prmsync sync")
            return
        table(
            ["run", "connection", "kind", "state", "started", "by", "calls", "what"],
            [
                (
                    one.id,
                    one.connection,
                    one.kind,
                    one.state,
                    ago(one.started_at, app.now()),
                    one.actor,
                    sum(one.calls.values()),
                    one.message
                    or plans.totals(
                        {key: n for key, n in one.counts.items() if key.count("/") == 3}
                    ),
                )
                for one in found
            ],
        )


def show(
    run: RunId,
    every: Annotated[bool, typer.Option("--all", help="Every row, not the first ones.")] = False,
    as_json: AsJson = False,
) -> None:
    """What a run planned or wrote, record by record, with reasons."""
    from prmsync.service.braking import held_brakes
    from prmsync.service.plan_file import named_rows, rows_of
    from prmsync.store import runs

    with application() as app:
        with app.database.read() as db:
            found = runs.get(db, run)
        if as_json:
            rows = rows_of(app.database, run, None)
        else:
            rows = named_rows(app.database, run, None if every else plans.SHOWN)
        trips, names = held_brakes(app.database, run)
    if as_json:
        emit_json(
            {
                **asdict(found),
                "brakes": [braking.as_json(one, names) for one in trips],
                "actions": [
                    plans.as_json(action, title, stream)
                    for stream, listed, _ in rows
                    for action, title in listed
                ],
            }
        )
        return
    say(
        f"run {found.id} · {found.connection} · {found.kind} · {found.state} · "
        f"{moment(found.started_at)} by {found.actor}"
    )
    if found.message:
        say_wrapped(found.message)
    plans.show_schema(found.counts.get("mapping", ()), found.counts.get("paused", ()))
    plans.show_left_out(found.connection, found.counts.get("left_out", ()))
    plans.listing(run, rows)
    if trips:
        say("", "A brake holds:", *braking.told(trips, names))
    if found.state in ("waiting", "planned"):
        waits, undoes = found.state == "waiting", found.undoes is not None
        say("", *braking.answers(run, trips, waiting=waits, undo=undoes)[1:])


def drop(run: RunId, as_json: AsJson = False) -> None:
    """Leave a plan's writes until their values move."""
    from prmsync.service.syncing import connection_of_run, session_on
    from prmsync.sync import run as runs

    with application() as app:
        name = connection_of_run(app, run)
        with session_on(app, name, asked="drop", while_paused=True) as session:
            dropped = runs.drop(session, run)
    if as_json:
        emit_json({"run": run, "dropped": dropped})
    else:
        until = "is left until its" if dropped == 1 else "are left until their"
        say(f"{counted(dropped, 'write')} of run {run} {until} values move.")


def revert(
    run: RunId,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put the other side back: undo the edits that a waiting plan would have taken over."""
    from prmsync.cli.sync import exit_with, report_json, show_run
    from prmsync.errors import BrakeError
    from prmsync.service.braking import held_brakes
    from prmsync.service.syncing import connection_of_run, session_on
    from prmsync.store import runs
    from prmsync.sync.revert import revert as put_back
    from prmsync.sync.run import require_open

    with application() as app:
        name = connection_of_run(app, run)
        with app.database.read() as db:
            require_open(runs.get(db, run))
        if not yes:
            trips, names = held_brakes(app.database, run)
            tell = note if as_json else say
            tell(f"Putting the other side back writes these the other way round ({name}):")
            tell(*braking.told(trips, names))
            may_ask = sys.stdin.isatty() and not as_json
            if not may_ask or not typer.confirm("Write it now?", default=False):
                raise BrakeError(
                    f"Nothing of run {run} was put back.",
                    hint=f"Put it back: prmsync runs revert {run} --yes",
                )
        with session_on(app, name, asked="revert", progress=plans.progress()) as session:
            report = put_back(session, run)
    if as_json:
        emit_json(report_json(report))
    else:
        show_run(name, report)
    exit_with([report])
