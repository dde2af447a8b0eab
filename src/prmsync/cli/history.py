"""`prmsync history`: who changed what, when and why; for people and for auditors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prmsync.cli import plans
from prmsync.cli.context import application, known
from prmsync.cli.options import AsJson
from prmsync.cli.output import emit_json, say, say_wrapped
from prmsync.domain.counted import counted

if TYPE_CHECKING:
    from prmsync.service.wiring import Application
    from prmsync.store.audit import AuditRow, Wanted
    from prmsync.store.journal import Action


def register(app: typer.Typer) -> None:
    app.command("history")(history)


def history(
    kind: Annotated[
        str | None, typer.Argument(metavar="OBJECT", help="partner, registration …")
    ] = None,
    record: Annotated[str | None, typer.Argument(metavar="ID", help="Id, number or name.")] = None,
    run: Annotated[
        int | None, typer.Option("--run", metavar="RUN", help="Only what this run did.")
    ] = None,
    field: Annotated[
        str | None, typer.Option("--field", metavar="NAME", help="Only this field or group.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="A day, or a time in UTC.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="WHEN", help="That day included.")
    ] = None,
    connection: Annotated[
        str | None, typer.Option("--connection", metavar="NAME", help="Only this connection.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Everything as FILE.csv or FILE.jsonl."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Who changed what through prmsync, when, by which rule: of a record, a run, or a period."""
    from prmsync.errors import ConfigurationError

    if (kind is None) != (record is None):
        raise ConfigurationError("name a record by OBJECT and ID: history registration DR-1")
    if kind is None and run is None and export is None:
        raise ConfigurationError("name a record, --run RUN, or --export FILE for a whole period")
    with application() as app:
        title, wanted = _wanted(app, kind, record, run, field, since, until, connection)
        if export is not None:
            _export(app, export, wanted, as_json=as_json)
            return
        if as_json:
            emit_json(_json(app, wanted))
            return
        _show(app, title, wanted)


def _wanted(
    app: Application,
    kind: str | None,
    record: str | None,
    run: int | None,
    field: str | None,
    since: str | None,
    until: str | None,
    connection: str | None,
) -> tuple[str, Wanted]:
    from prmsync.service.names_meant import fields_meant
    from prmsync.store import links, runs
    from prmsync.store.audit import Wanted
    from prmsync.store.find import find_record

    title, ids = "", None
    with app.database.read() as db:
        if kind is not None:
            found = find_record(db, kind, record or "")
            title = f"{kind} {found.title}  {found.id}"
            ids = links.ids_of_record(db, kind, found.id)
        if run is not None:
            one = runs.get(db, run)
            title = title or f"run {run} · {one.connection} · {one.kind} · {one.state}"
    return title, Wanted(
        connection=known(app, connection),
        link_ids=None if ids is None else tuple(ids),
        run_id=run,
        fields=None if field is None else fields_meant(app, connection, field, kind),
        since=_moment(since, "--since"),
        until=_moment(until, "--until", end=True),
    )


def _moment(text: str | None, option: str, *, end: bool = False) -> datetime | None:
    """A day or time as people write it, in UTC; a day as an end is that whole day."""
    from prmsync.errors import ConfigurationError

    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{option} {text} is no day", hint="2026-11-22, or 2026-11-22T09:14"
        ) from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at + timedelta(days=1) if end and len(text) == len("2026-11-22") else at


def _export(app: Application, path: Path, wanted: Wanted, *, as_json: bool) -> None:
    from prmsync.service import audit_file
    from prmsync.store import audit

    count = audit_file.write(path, audit.rows(app.database, wanted))
    if as_json:
        emit_json({"file": str(path), "rows": count})
    else:
        say(f"{counted(count, 'row')} written to {path}, one for each field of each action.")


def _actions(rows: Iterable[AuditRow]) -> Iterator[tuple[Action, AuditRow]]:
    """Rows of one field each as the actions they belong to, each with its first row."""
    from prmsync.store.journal import Action

    for action_id, part in groupby(rows, key=lambda row: row.action):
        fields = list(part)
        one = fields[0]
        changes = {row.field: (row.old, row.new) for row in fields if row.field}
        action = Action(
            0, 0, one.side, one.op, changes, one.rule, None, action_id, one.run, one.state
        )
        action.error, action.done_at = one.error, one.at
        yield action, one


def _json(app: Application, wanted: Wanted) -> list[dict[str, object]]:
    from prmsync.store import audit, journal

    label = _labels(app)
    return [
        {
            **plans.as_json(action, label(row), row.stream),
            "run": row.run,
            "run_kind": row.run_kind,
            "at": row.at,
            "connection": row.connection,
            "by": row.by,
        }
        for action, row in _actions(audit.rows(app.database, wanted))
        if wanted.run_id is not None or row.state in journal.TOLD
    ]


def _show(app: Application, title: str, wanted: Wanted) -> None:
    from prmsync.service.naming import with_names
    from prmsync.store import audit, journal

    say_wrapped(title, hang=2)
    label = _labels(app)
    count = 0
    for action, row in _actions(audit.rows(app.database, wanted)):
        if wanted.run_id is None and row.state not in journal.TOLD:
            continue
        count += 1
        (named,) = with_names(app.database, row.stream, [action])
        at = (row.at or "")[:19].replace("T", " ")
        when = f"{at} UTC" if at else "not written"
        say(f"{when} · run {row.run} · {row.connection} · by {row.by}")
        whose = "" if wanted.link_ids is not None else f"{row.stream} {label(row)}"
        say(*plans.action_lines(named, whose))
    if not count:
        say("  nothing was written of it yet")
    _say_modifiers(app, wanted)


@dataclass(frozen=True, slots=True)
class _Named:
    """As much of a link as its title needs."""

    id: int
    prm_id: str | None
    crm_id: str | None
    crm: None = None


def _labels(app: Application) -> Callable[[AuditRow], str]:
    """What people call the record that an action is about; each record is looked up once."""
    from prmsync.sync.status import titles

    known: dict[tuple[str, str | None, str | None], str] = {}

    def label(row: AuditRow) -> str:
        key = (row.stream, row.record, row.crm_record)
        if key not in known:
            named = _Named(row.action, row.record, row.crm_record)
            with app.database.read() as connection:
                known[key] = titles(connection, row.stream, [named])[row.action]
        return known[key]

    return label


def _say_modifiers(app: Application, wanted: Wanted) -> None:
    """A CRM does not say who changed which field, only who changed the record last."""
    from prmsync.store.audit import last_modifiers

    if wanted.link_ids is None:
        return
    for name, crm_id, who in last_modifiers(app.database, wanted.link_ids):
        if who is not None:
            say_wrapped(
                f"In {name} the record {crm_id} was last modified by {who}; who changed which "
                "field there, the CRM does not say.",
                hang=2,
            )
