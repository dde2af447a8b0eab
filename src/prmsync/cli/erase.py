"""`prmsync erase`: a person's values, everywhere they are stored."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli import plans
from prmsync.cli.context import application
from prmsync.cli.options import AsJson
from prmsync.cli.output import emit_json, say, say_wrapped

if TYPE_CHECKING:
    from prmsync.service.wiring import Application
    from prmsync.sync.erase import Erased
    from prmsync.sync.erase_crm import Cleared

REMAINS = 1


def register(app: typer.Typer) -> None:
    app.command("erase")(erase)


def erase(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="OBJECT", help="partner, opportunity, registration; or person, by e-mail."
        ),
    ],
    records: Annotated[list[str], typer.Argument(metavar="ID", help="Id, number or name.")],
    fields: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="NAME", help="These instead of what names a person."),
    ] = None,
    why: Annotated[
        str, typer.Option("--why", metavar="TEXT", help="Stays with the tombstone.")
    ] = "a person's right",
    in_crm: Annotated[
        bool, typer.Option("--crm", help="Also clear the values in the CRM records.")
    ] = False,
    only_plan: Annotated[bool, typer.Option("--plan", help="Only show what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person's values from records, history and everything else; it cannot be undone."""
    from prmsync.service.syncing import person as who
    from prmsync.sync.erase import PERSON, targets
    from prmsync.sync.erase import erase as erase_values

    with application() as app:
        with app.database.read() as connection:
            chosen = targets(connection, kind, records, fields or ())
        people = list(records) if kind == PERSON else [None]
        planned = erase_values(
            app.database, chosen, why=why, by=who(), now=app.now(), person=people[0], only_plan=True
        )
        if not as_json:
            _show(app, planned)
        if not only_plan:
            _confirm(yes=yes)
            for one in people:
                erase_values(
                    app.database,
                    chosen if one == people[0] else [],
                    why=why,
                    by=who(),
                    now=app.now(),
                    person=one,
                )
            app.database.rewrite()
        cleared = _clear(app, planned) if in_crm and not only_plan else {}
        if as_json:
            emit_json(_as_json(app, planned, cleared, done=not only_plan))
        elif not only_plan:
            _told(planned, cleared, in_crm=in_crm)
    if any(one.why for rows in cleared.values() for one in rows):
        raise typer.Exit(REMAINS)


def _confirm(*, yes: bool) -> None:
    from prmsync.errors import BrakeError

    if yes:
        return
    if not sys.stdin.isatty() or not typer.confirm(
        "Erase this? It cannot be undone.", default=False
    ):
        raise BrakeError("Nothing was erased.", hint="Look with --plan, then add --yes.")


def _clear(app: Application, erased: Sequence[Erased]) -> dict[str, list[Cleared]]:
    from prmsync.service.syncing import session_on
    from prmsync.sync.erase_crm import clear

    wanted: dict[str, list[int]] = {}
    for one in erased:
        for copy in one.copies:
            wanted.setdefault(copy.connection, []).append(copy.link_id)
    found = {}
    for name, link_ids in wanted.items():
        with session_on(app, name, asked="erase", progress=plans.progress()) as session:
            found[name] = clear(session, link_ids)
    return found


def _show(app: Application, erased: Sequence[Erased]) -> None:
    if not erased:
        say("No record names this person.")
    for one in erased:
        target = one.target
        places = ", ".join(f"{count:,} × {place}" for place, count in one.places.items())
        say_wrapped(f"{target.stream} {one.title}: {', '.join(target.fields)}", hang=2)
        say_wrapped(places or "nothing is stored of it", indent=4)
    urls = _urls(app, erased)
    for one in erased:
        for copy in one.copies:
            url = urls.get((copy.connection, copy.stream, copy.crm_id), copy.crm_id)
            say(f"    may still be shown in {copy.connection}: {url}")


def _urls(app: Application, erased: Sequence[Erased]) -> dict[tuple[str, str, str], str]:
    from prmsync.service.record_links import record_urls

    return record_urls(
        app, [(copy.connection, copy.stream, copy.crm_id) for one in erased for copy in one.copies]
    )


def _told(
    erased: Sequence[Erased],
    cleared: dict[str, list[Cleared]],
    *,
    in_crm: bool,
) -> None:
    say("", f"Erased here: {len(erased):,} record{'s' if len(erased) != 1 else ''}.")
    copies = [copy for one in erased for copy in one.copies]
    if copies and not in_crm:
        say_wrapped(
            "The CRM records were not touched: clear them there, or with --crm. What they still "
            "show of these values is not read again."
        )
    for name, rows in cleared.items():
        for one in rows:
            say(f"  {name} {one.crm_id}: {one.why or 'cleared'}")
    say_wrapped(
        "Backups and replicas made before keep what they had: let them expire, or erase there too."
    )


def _as_json(
    app: Application, erased: Sequence[Erased], cleared: dict[str, list[Cleared]], *, done: bool
) -> list[dict[str, Any]]:
    urls = _urls(app, erased)
    told = {one.link_id: one for rows in cleared.values() for one in rows}
    return [
        {
            "stream": one.target.stream,
            "record": one.target.record,
            "fields": list(one.target.fields),
            "erased": done,
            "places": one.places,
            "crm": [
                {
                    "connection": copy.connection,
                    "id": copy.crm_id,
                    "url": urls.get((copy.connection, copy.stream, copy.crm_id)),
                    "cleared": copy.link_id in told and not told[copy.link_id].why,
                    "why_not": told[copy.link_id].why if copy.link_id in told else None,
                }
                for copy in one.copies
            ],
        }
        for one in erased
    ]
