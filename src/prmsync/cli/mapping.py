"""`prmsync mapping check|show`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli.context import application, settings
from prmsync.cli.options import AsJson
from prmsync.cli.output import emit_json, say, table

if TYPE_CHECKING:
    from prmsync.errors import ConnectorError, Finding
    from prmsync.mapping.model import GroupMap, StreamMapping

Connection = Annotated[
    str | None, typer.Option("--connection", metavar="NAME", help="Only this connection.")
]
ByConnection = Mapping[str, Sequence["StreamMapping"]]
Asked = Mapping[str, "ConnectorError | None"]
"""Connection → why its CRM could not be asked, or None where it was."""
PROBLEMS_FOUND = 2

_WAYS = {"both": "both ways", "to_crm": "to the CRM", "to_prm": "from the CRM"}


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Mapping files: check and read them.", no_args_is_help=True)
    group.command("check")(check)
    group.command("show")(show)
    app.add_typer(group, name="mapping")


def check(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILES", help="Files, folders or connector names; else all connections'."
        ),
    ] = None,
    connection: Connection = None,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--offline",
            help="Compare with the CRM's live schema (default: yes, unless FILES are given "
            "without a connection).",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find every problem of the mappings, with file, line and column. Writes nothing."""
    mappings, findings = _read(files or [], connection)
    compare = (not files or connection is not None) if live is None else live
    asked: Asked = {}
    if compare and not findings:
        names = _to_compare(mappings, files or [], connection)
        findings, asked = _compare(mappings, names)
    if as_json:
        emit_json(_as_json(mappings, findings, asked))
    else:
        _report(mappings, findings, asked)
    failed = [error.exit_code for error in asked.values() if error is not None]
    if findings or failed:
        raise typer.Exit(PROBLEMS_FOUND if findings else max(failed))


def _read(files: Sequence[str], connection: str | None) -> tuple[ByConnection, list[Finding]]:
    """The mappings by connection, and what is wrong with them without asking a CRM."""
    from prmsync.errors import MappingError
    from prmsync.mapping.check import check_mappings
    from prmsync.mapping.load import read_mappings
    from prmsync.mapping.locate import where_mappings
    from prmsync.service.wiring import load_all_mappings

    if not files:
        known = settings()
        if connection is not None:
            known.connection(connection)
        try:
            return load_all_mappings(known), []
        except MappingError as error:
            return {}, list(error.findings)
    mappings, findings = read_mappings([path for name in files for path in where_mappings(name)])
    grouped: dict[str, list[StreamMapping]] = {}
    for one in mappings:
        grouped.setdefault(connection or one.connector, []).append(one)
    return grouped, findings or check_mappings(grouped)


def _to_compare(mappings: ByConnection, files: Sequence[str], connection: str | None) -> list[str]:
    from prmsync.errors import ConfigurationError

    if connection is not None:
        return [connection]
    if files:
        raise ConfigurationError(
            "which account are these files to be compared with?",
            hint="name it: prmsync mapping check FILES --connection NAME",
        )
    return list(mappings)


def _compare(mappings: ByConnection, names: Sequence[str]) -> tuple[list[Finding], Asked]:
    """What does not fit the accounts; every account is asked, also after one that failed."""
    from prmsync.errors import ConnectorError
    from prmsync.sync.describing import forget_schema
    from prmsync.sync.live_schema import resolve_connection

    findings: list[Finding] = []
    asked: dict[str, ConnectorError | None] = {}
    with application() as app:
        for name in names:
            try:
                with app.connected(name) as connector:
                    findings += resolve_connection(mappings.get(name, []), connector)[1]
            except ConnectorError as error:
                asked[name] = error
                continue
            asked[name] = None
            # A repaired CRM counts at once, not when the schema kept by the last run expires.
            forget_schema(app.database, name, app.now())
    return findings, asked


def _report(mappings: ByConnection, findings: Sequence[Finding], asked: Asked) -> None:
    from prmsync.mapping.load import count

    if findings:
        say(*(str(one) for one in findings))
        say(f"{count(findings)}. Nothing was read or written.")
    for name, error in asked.items():
        if error is not None:
            say(f"{name}: the CRM could not be asked: {error.message}")
            say(f"    {error.hint or 'without the CRM: prmsync mapping check --offline'}")
    for name, found in mappings.items():
        if findings or asked.get(name) is not None:
            continue
        how = "fits the live schema" if name in asked else "not compared with the CRM"
        streams = ", ".join(one.stream for one in found)
        say(f"{name}: {streams}: no problems, {how}")


def _as_json(mappings: ByConnection, findings: Sequence[Finding], asked: Asked) -> dict[str, Any]:
    return {
        "problems": [
            {"where": one.where, "message": one.message, "hint": one.hint} for one in findings
        ],
        "connections": [
            {
                "name": name,
                "streams": [one.stream for one in found],
                "files": [one.at.file for one in found],
                "live": name in asked and asked[name] is None,
                "error": str(asked.get(name) or "") or None,
            }
            for name, found in mappings.items()
        ],
    }


def show(
    stream: Annotated[
        str,
        typer.Argument(metavar="STREAM", help="partner, opportunity, registration or relation."),
    ],
    connection: Connection = None,
    as_json: AsJson = False,
) -> None:
    """Show which field goes where, and by which rule."""
    from prmsync.errors import NotFoundError
    from prmsync.mapping.model import STREAM_ORDER
    from prmsync.mapping.spelling import did_you_mean
    from prmsync.service.wiring import load_all_mappings

    if stream not in STREAM_ORDER:
        raise NotFoundError(
            f"there is no stream `{stream}`", hint=did_you_mean(stream, STREAM_ORDER)
        )
    known = settings()
    names = list(known.connections) if connection is None else [connection]
    for name in names:
        known.connection(name)
    loaded = load_all_mappings(known)
    found = [(name, one) for name in names for one in loaded[name] if one.stream == stream]
    if not found:
        where = f"connection {connection}" if connection else "any connection"
        raise NotFoundError(
            f"stream {stream} is not mapped in {where}",
            hint="add a mapping file for it: docs/mapping-reference.md",
        )
    if as_json:
        emit_json([_mapping_json(name, one) for name, one in found])
        return
    for place, (name, one) in enumerate(found):
        if place:
            say("")
        _show(name, one)


def _show(name: str, mapping: StreamMapping) -> None:
    sides = (("the CRM", mapping.create_crm), ("the partner database", mapping.create_prm))
    creates = " and ".join(side for side, on in sides if on) or "neither"
    home = " · each record has a home" if mapping.home else ""
    say(
        f"{name} · {mapping.stream} ↔ {mapping.object} · {mapping.at.file}",
        f"  key {mapping.key or 'the pair and its role'} · creates in {creates}{home}",
    )
    rows = [
        (
            one["field"],
            one["crm"],
            _WAYS[one["direction"]],
            one["policy"],
            one["group"],
            one["owner"],
        )
        for one in _fields(mapping)
    ]
    table(["field", "CRM field", "flows", "policy", "group", "owner"], rows, indent=2)


def _mapping_json(name: str, mapping: StreamMapping) -> dict[str, Any]:
    return {
        "connection": name,
        "connector": mapping.connector,
        "stream": mapping.stream,
        "object": mapping.object,
        "key": mapping.key,
        "file": mapping.at.file,
        "match": [list(names) for names in mapping.match],
        "create": {"crm": mapping.create_crm, "prm": mapping.create_prm},
        "home": mapping.home,
        "fields": _fields(mapping),
    }


def _fields(mapping: StreamMapping) -> list[dict[str, str]]:
    return [
        {
            "field": one.prm,
            "crm": one.crm,
            "direction": group.direction.value,
            "policy": group.policy.value,
            "first": group.first.value,
            "group": group.name if len(group.members) > 1 else "",
            "owner": _owner(group),
            "transform": one.transform,
            "at": str(one.at),
        }
        for one in mapping.fields.values()
        for group in (mapping.groups[one.group],)
    ]


def _owner(group: GroupMap) -> str:
    if group.direction.value == "to_crm" or group.policy.value == "prm":
        return "partner database"
    if group.direction.value == "to_prm" or group.policy.value in ("crm", "proposal"):
        return "CRM"
    return "both"
