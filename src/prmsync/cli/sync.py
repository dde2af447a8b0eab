"""`prmsync plan`, `apply`, `sync`, `match`, `verify`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli import braking, plans
from prmsync.cli.automations import name_what_acts
from prmsync.cli.comparisons import merged_lines, totals
from prmsync.cli.context import application
from prmsync.cli.held import value_text
from prmsync.cli.options import AsJson, OneOrAll, Stream
from prmsync.cli.output import emit_json, note, say, say_wrapped, show_error, table
from prmsync.cli.pausing import not_paused, with_stream
from prmsync.domain.counted import counted
from prmsync.errors import PrmsyncError

if TYPE_CHECKING:
    from prmsync.service.wiring import Application
    from prmsync.sync.running import Report
    from prmsync.sync.session import Session
    from prmsync.sync.verify import StreamReport

FAILED, WAITS = 1, 3


def register(app: typer.Typer) -> None:
    app.command("plan")(plan)
    app.command("apply")(apply)
    app.command("sync")(sync)
    app.command("match")(match)
    app.command("verify")(verify)


def plan(
    connection: OneOrAll = None,
    stream: Stream = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Also write the plan as JSON.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a sync would write, and why. Writes to neither side."""
    from prmsync.service.out_files import require_folder
    from prmsync.service.plan_file import plan_data, write_plan
    from prmsync.service.syncing import session_on
    from prmsync.sync import run

    require_folder(out)
    failures: list[PrmsyncError] = []
    with application() as app:
        found = []
        for name in with_stream(app, connection, stream):
            with (
                _going_on(name, failures),
                session_on(
                    app, name, asked="plan", progress=plans.progress(), only=stream
                ) as session,
            ):
                report = run.plan(session)
                found.append(plan_data(app.database, report.run_id, org_id=session.account.org_id))
                if not as_json:
                    _show_plan(app, name, report, session)
        if out is not None and found:
            write_plan(out, found)
            tell = note if as_json else say
            tell(f"Written to {out}. Do exactly this: prmsync apply {out}")
        if as_json:
            emit_json(found)
    _exit_if(failures)


def _show_plan(app: Application, name: str, report: Report, session: Session) -> None:
    from prmsync.service.plan_file import named_rows

    say(f"{name} · run {report.run_id}", "")
    plans.show_schema(report.mapping_edits, report.paused)
    plans.show_left_out(name, report.left_out)
    rows = named_rows(app.database, report.run_id, plans.SHOWN)
    plans.listing(report.run_id, rows)
    if report.held:
        say(f"  ! {plans.needs_decision(report.held)}")
    _say_unfit(report)
    if report.counts or report.held or report.unfit:
        say("")
    say_wrapped(f"{plans.totals(report.counts)} · {plans.calls_line(report.calls)}")
    for told in report.reading:
        say_wrapped(told)
    if plans.cost_line(report):
        say_wrapped(plans.cost_line(report))
    if report.trips:
        say("A brake would hold:", *braking.told(report.trips, report.names))
    name_what_acts(name, session, plans.written_streams(report.counts))
    if report.counts:
        say(f"Do exactly this: prmsync apply {report.run_id}")


def apply(
    what: Annotated[str, typer.Argument(metavar="RUN|FILE", help="A run, or a plan file.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Also write what a brake holds, without asking.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Do exactly what a plan says; rows whose inputs have moved are refused and named."""
    from prmsync.service.plan_file import read_plan, runs_of_file
    from prmsync.service.syncing import connection_of_run, is_undo, session_on
    from prmsync.sync import run

    with application() as app:
        wanted = (
            [int(what)] if what.isdigit() else runs_of_file(app.database, read_plan(Path(what)))
        )
        reports = []
        for run_id in wanted:
            _confirm(app, run_id, yes=yes, as_json=as_json)
            name = connection_of_run(app, run_id)
            paused_too = is_undo(app, run_id)
            with session_on(
                app, name, asked="apply", progress=plans.progress(), while_paused=paused_too
            ) as session:
                report = run.apply(session, run_id)
            reports.append(report)
            if not as_json:
                show_run(name, report)
        if as_json:
            emit_json([report_json(one) for one in reports])
    exit_with(reports)


def _confirm(app: Application, run_id: int, *, yes: bool, as_json: bool) -> None:
    """What a brake holds, or would hold, is written only by a clear yes."""
    from prmsync.errors import BrakeError
    from prmsync.store import runs

    with app.database.read() as connection:
        found = runs.get(connection, run_id)
    brakes = found.counts.get("brakes", [])
    if yes or (found.state != "waiting" and not (found.state == "planned" and brakes)):
        return
    tell = note if as_json else say
    tell(f"A brake holds run {run_id}. Look first: prmsync runs show {run_id}")
    tell(*(f"  {one}" for one in brakes))
    may_ask = sys.stdin.isatty() and not as_json
    if not may_ask or not typer.confirm("Write it now?", default=False):
        raise BrakeError(
            f"Nothing of run {run_id} was written.", hint=f"Write it: prmsync apply {run_id} --yes"
        )


def sync(
    connection: OneOrAll = None,
    stream: Stream = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read everything, not only changes.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write what a brake would hold.")] = False,
    as_json: AsJson = False,
) -> None:
    """One run now: read both sides, merge field by field, write what is decided."""
    from prmsync.service.syncing import session_on
    from prmsync.sync import run

    reports: list[Report] = []
    failures: list[PrmsyncError] = []
    with application() as app:
        for name in with_stream(app, connection, stream):
            with (
                _going_on(name, failures),
                session_on(app, name, progress=plans.progress(), only=stream) as session,
            ):
                report = run.sync(session, full=full, release=yes)
                reports.append(report)
                if not as_json:
                    show_run(name, report)
        if as_json:
            emit_json([report_json(one) for one in reports])
    _exit_if(failures)
    exit_with(reports)


@contextmanager
def _going_on(name: str, failures: list[PrmsyncError]) -> Iterator[None]:
    """What is wrong with one connection is told, and does not keep the others from their turn."""
    try:
        yield
    except PrmsyncError as error:
        failures.append(error)
        note(f"{name}:")
        show_error(error)


def _exit_if(failures: list[PrmsyncError]) -> None:
    if failures:
        raise typer.Exit(max(one.exit_code for one in failures))


def show_run(name: str, report: Report) -> None:
    """What a run did, what it left and why, and what a person is to answer."""
    say(f"{name} · run {report.run_id} · {report.state}")
    plans.show_schema(report.mapping_edits, report.paused)
    plans.show_left_out(name, report.left_out)
    if report.linked:
        say(f"  {counted(report.linked, 'record')} linked to what was there already")
    say_wrapped(plans.totals(report.counts), indent=2)
    told = "; ".join(
        one for one in (plans.calls_line(report.calls), plans.sent_line(report)) if one
    )
    say_wrapped(told, indent=2)
    for way in report.reading:
        say_wrapped(way, indent=2)
    for run_id, count in report.went_on.items():
        say(
            f"  went on with run {run_id}, which had been let go: {count:,} more written to the CRM"
        )
    if report.held:
        say(f"  {plans.needs_decision(report.held)}")
    for action in report.refused_rows[: plans.SHOWN]:
        fields = ", ".join(action.fields)
        say(f"  not written, its inputs have moved: action {action.id}, {action.op} of {fields}")
    if len(report.refused_rows) > plans.SHOWN:
        say(f"  … and {len(report.refused_rows) - plans.SHOWN:,} more")
    if report.message:
        say_wrapped(report.message, indent=2)
    _say_refused(report)
    _say_unfit(report)
    braking.show_brake(name, report)


def _say_refused(report: Report) -> None:
    if not any(key.endswith("/parked") for key in report.counts):
        return
    if report.listed:
        say("  some records were refused: prmsync parked list")
    else:
        say("  some records were refused; none of them is left on the list")
    if report.paused:
        say("  what was refused for a paused field alone is not listed: it waits with it")


def _say_unfit(report: Report) -> None:
    if report.unfit and report.listed:
        say(f"  {report.unfit:,} with a value that does not fit the CRM: prmsync parked list")


def report_json(report: Report) -> dict[str, Any]:
    """The same facts for programs."""
    data = asdict(report)
    data["refused_rows"] = [one.id for one in report.refused_rows]
    for key in ("trips", "waiting"):
        data[key] = [braking.as_json(one, report.names) for one in getattr(report, key)]
    del data["names"]
    return data


def exit_with(reports: list[Report]) -> None:
    """Exit 1 where something failed or is paused, else 3 where a brake waits."""
    if any(one.state in ("failed", "stopped") or one.refused_rows or one.paused for one in reports):
        raise typer.Exit(FAILED)
    if any(one.waiting_run is not None for one in reports):
        raise typer.Exit(WAITS)


def match(
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="One of prmsync.toml.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write possible pairs as CSV.")
    ] = None,
    use: Annotated[
        Path | None, typer.Option("--apply", metavar="FILE", help="Link the pairs that say yes.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find records that exist on both sides already, and link them."""
    from prmsync.service import matching
    from prmsync.service.out_files import require_folder
    from prmsync.service.syncing import session_on

    require_folder(out)

    with (
        application() as app,
        session_on(app, connection, asked="match", progress=plans.progress()) as session,
    ):
        if use is not None:
            linked, left = matching.apply_file(session, use)
            if as_json:
                emit_json({"linked": linked, "linked_before": left})
                return
            told = f"{linked:,} pair{'s' * (linked != 1)} linked"
            say(told + (f", {left:,} linked before" if left else ""))
            return
        rows = matching.find_pairs(session)
        if out is not None:
            matching.write_file(out, rows)
    if as_json:
        emit_json([asdict(row) for row in rows])
        return
    if not rows:
        say("No pairs: every record is linked, or has nothing like it on the other side.")
        return
    sure = sum(row.candidate.unique for row in rows)
    plans.show_pairs(rows)
    say("", f"{sure:,} sure pairs, {len(rows) - sure:,} for a person to judge (marked ?)")
    if out is None:
        say(f"As a file to edit: prmsync match {connection} --out matches.csv")
    else:
        say(f"Say yes or no in {out}, then: prmsync match {connection} --apply {out}")


def verify(
    connection: OneOrAll = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mark mismatches for a normal, braked run.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare every record of both sides; writes to neither."""
    from prmsync.service.syncing import session_on
    from prmsync.sync.verify import verify as compare

    clean = True
    failures: list[PrmsyncError] = []
    found: dict[str, Any] = {}
    with application() as app:
        for name in not_paused(app, connection):
            with (
                _going_on(name, failures),
                session_on(
                    app, name, asked="verify", progress=plans.progress(name), to_compare=True
                ) as session,
            ):
                reports = compare(session, repair=repair)
                clean = clean and all(one.is_clean for one in reports)
                found[name] = [asdict(one) for one in reports]
                if not as_json:
                    _show_verify(name, reports)
                    _show_erased(app, name)
    if as_json:
        emit_json(found)
    elif repair and not clean:
        say("Mismatches are marked; the next run decides them: prmsync sync")
    _exit_if(failures)
    if not clean:
        raise typer.Exit(FAILED)


def _show_verify(name: str, reports: list[StreamReport]) -> None:
    say(name)
    table(
        ["stream", "ours", "CRM", "linked", "equal", "explained", "mismatch", "only CRM",
         "only ours"],
        [
            (
                one.stream,
                *(
                    f"{count:,}"
                    for count in (
                        one.prm_records,
                        one.crm_records,
                        one.linked,
                        one.equal,
                        sum(one.explained.values()),
                        one.mismatched + one.missing_in_crm,
                        one.only_in_crm,
                        one.only_in_prm,
                    )
                ),
            )
            for one in reports
        ],
        indent=2,
    )  # fmt: skip
    for one in reports:
        for why, count in one.explained.items():
            say(f"  {one.stream}: {count:,} {why}")
        for line in merged_lines(one):
            say_wrapped(line, indent=4)
        if one.missing_in_crm:
            say(f"  {one.stream}: {one.missing_in_crm:,} linked records that the CRM does not show")
        for line in one.counters:
            say_wrapped(f"{one.stream}: {line}", indent=2)
        for diff in one.shown:
            ours, theirs = value_text(diff.prm), value_text(diff.crm)
            say(f"  {one.stream} {diff.crm_id} {diff.group}: ours {ours} | CRM {theirs}")
    strangers = sum(one.strangers for one in reports)
    if strangers:
        say(f"  {strangers:,} with keys of another partner database, or of a later state of ours")
    say_wrapped(totals([one.counts for one in reports]), indent=2)
    say(f"  {_verdict(name, reports)}")


def _show_erased(app: Application, name: str) -> None:
    """A value that was erased here is passed over where the CRM still shows it."""
    from prmsync.store import erasures

    with app.database.read() as connection:
        count = erasures.kept_by_crm(connection, name)
    if count:
        records = "1 record was" if count == 1 else f"{count:,} records were"
        say_wrapped(
            f"{records} erased here only: the CRM may still show the values, and they are not "
            "compared. To clear them there: prmsync erase OBJECT ID --crm",
            indent=2,
        )


def _verdict(name: str, reports: list[StreamReport]) -> str:
    """The comparison's result in one line."""
    wrong = sum(one.mismatched + one.missing_in_crm for one in reports)
    if wrong:
        return f"{wrong:,} differ unexplained. To have a run decide: prmsync verify {name} --repair"
    explained = sum(sum(one.explained.values()) for one in reports)
    single = sum(one.only_in_crm + one.only_in_prm for one in reports)
    if not explained and not single:
        return "Both sides are equal."
    return (
        f"Nothing is unexplained. Different for a reason: {explained:,}; "
        f"on one side only: {single:,}."
    )
