"""`prmsync import`: CSV into the partner database."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prmsync.cli import context
from prmsync.cli.options import AsJson
from prmsync.cli.output import emit_json, note, progress, say, say_wrapped
from prmsync.cli.plans import SHOWN
from prmsync.domain.counted import counted

if TYPE_CHECKING:
    from prmsync.answers.told_history import Told
    from prmsync.errors import Finding
    from prmsync.service.importing.report import ImportReport
    from prmsync.service.importing.run import ImportOptions


class Object(StrEnum):
    """What `--as` takes."""

    PARTNER = "partner"
    OPPORTUNITY = "opportunity"
    REGISTRATION = "registration"
    RELATION = "relation"
    PERSON = "person"
    DEAL_HISTORY = "deal_history"
    TARGET = "target"


def register(app: typer.Typer) -> None:
    app.command("import")(import_csv)


def import_csv(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, plain or gzipped.")],
    stream: Annotated[Object, typer.Option("--as", help="What its rows are.")],
    column_map: Annotated[
        Path | None,
        typer.Option("--map", metavar="COLUMNS.yaml", help="Column map; see docs/import.md."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="OURS=THEIRS", help="Field and the column that fills it; repeat."),
    ] = None,
    constant: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=TEXT", help="The same for every row; repeat."),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Import the good rows although some are bad.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count only.")] = False,
    create_partners: Annotated[
        bool, typer.Option("--create-partners", help="Create partners that rows name.")
    ] = False,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of the file; UTF-8 if not given.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Between cells; found in the header if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import a CSV file. Dates are kept, nobody is notified, a second import updates.

    One bad row and nothing is imported, unless --skip-bad.
    """
    from prmsync.service.importing.columns import named_columns, read_column_map
    from prmsync.service.importing.csv_file import DEFAULT_ENCODING
    from prmsync.service.importing.report import BadRowsError
    from prmsync.service.importing.run import ImportOptions
    from prmsync.service.syncing import person

    options = ImportOptions(
        stream=stream.value,
        columns=None if column_map is None else read_column_map(column_map),
        extra=named_columns(column or [], constant or []),
        encoding=encoding or DEFAULT_ENCODING,
        delimiter=delimiter,
        skip_bad=skip_bad,
        dry_run=dry_run,
        create_partners=create_partners,
        actor=person(),
        rule="columns by name" if column_map is None else f"map {column_map.name}",
    )
    try:
        report = _run(file, options)
    except BadRowsError as error:
        if as_json:
            emit_json(_facts(error.report))
        note(error.message, *_capped(error.findings), error.hint)
        raise typer.Exit(error.exit_code) from error
    if as_json:
        emit_json(_facts(report))
    else:
        _show(file, report, options)
    if report.bad_rows:
        raise typer.Exit(1)


def _run(file: Path, options: ImportOptions) -> ImportReport:
    from prmsync.service.ids import new_id
    from prmsync.service.importing.run import import_file

    with context.application() as app, progress("rows") as advance:
        return import_file(
            app.database,
            file,
            options,
            now=app.now,
            new_id=new_id,
            advance=advance,
        )


def _show(file: Path, report: ImportReport, options: ImportOptions) -> None:
    from prmsync.service.importing.report import findings

    note(*_capped(findings(file, report.bad)))
    done = "would be " if options.dry_run else ""
    rows = "row" if report.rows == 1 else "rows"
    if report.told is not None:
        _say_told(report, report.told, rows, done)
    else:
        _say_rows(report, options, rows, done)
    if report.partners_created:
        say(f"partners {done}created from their names: {report.partners_created:,}")
    if report.unused:
        say(f"columns not used: {', '.join(report.unused)}")
    if options.dry_run:
        say("Nothing was written: this was a dry run.")


def _capped(found: Sequence[Finding]) -> list[str]:
    """The first findings; of a file that is bad all through nobody reads the rest here."""
    lines = [str(one) for one in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"… and {len(found) - SHOWN:,} more; --json has them all")
    return lines


def _say_rows(report: ImportReport, options: ImportOptions, rows: str, done: str) -> None:
    say(
        f"{report.rows:,} {options.stream} {rows}: {report.created:,} {done}created, "
        f"{report.updated:,} {done}updated, {report.unchanged:,} unchanged, "
        f"{report.bad_rows:,} bad and left out"
    )


def _say_told(report: ImportReport, told: Told, rows: str, done: str) -> None:
    say(
        f"{report.rows:,} {rows} of deal history: {told.new:,} past states {done}kept, "
        f"{told.gone:,} {done}replaced, {told.same:,} known already, "
        f"{report.bad_rows:,} bad rows left out"
    )
    say_told(told, "the file's")


def say_told(told: Told, whose: str) -> None:
    """Where the past that was told and the one that was seen do not meet."""
    if told.late:
        say_wrapped(
            f"Left out, for what prmsync saw itself counts: {counted(told.late, 'event')} later "
            "than the day on which it began to see the deal."
        )
    if told.unmet:
        say_wrapped(
            f"Otherwise than {whose} last event says: {counted(told.unmet, 'deal')}, taken to have "
            "changed at the close, where open at the end of what it tells."
        )


def _facts(report: ImportReport) -> dict[str, object]:
    return {
        "rows": report.rows,
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "bad_rows": report.bad_rows,
        "partners_created": report.partners_created,
        "unused_columns": list(report.unused),
        "bad": [dataclasses.asdict(row) for row in report.bad],
        **({"told": dataclasses.asdict(report.told)} if report.told is not None else {}),
    }
