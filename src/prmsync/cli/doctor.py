"""`prmsync doctor`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli import context
from prmsync.cli.automations import automations_json, show_automations
from prmsync.cli.options import AsJson, OneOrAll
from prmsync.cli.output import emit_json, say, say_wrapped

if TYPE_CHECKING:
    from prmsync.service.doctor import Examined

PROBLEMS_FOUND = 2
_MARKS = {"fine": " ", "note": "·", "problem": "!"}
_HANG = 14


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(
    connection: OneOrAll = None,
    schema_file: Annotated[
        Path | None,
        typer.Option(
            "--save-schema",
            metavar="FILE",
            help="Save the definitions of the account's objects, for its simulator.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at everything a sync needs, and name each finding with its remedy. Writes nothing."""
    from prmsync.service.doctor import Level, examine

    settings = context.settings()
    names = list(settings.connections) if connection is None else [connection]
    for name in names:
        settings.connection(name)
    if schema_file is not None:
        _save(schema_file, connection)
        return
    found = []
    for one in examine(settings, names, os.environ):
        found.append(one)
        if not as_json:
            _show(one)
    if as_json:
        emit_json([_as_json(one) for one in found])
    problems = sum(told.level is Level.PROBLEM for one in found for told in one.told)
    if not as_json:
        say("", _counted(problems))
    if problems:
        raise typer.Exit(PROBLEMS_FOUND)


def _counted(problems: int) -> str:
    return {0: "No problems.", 1: "1 problem."}.get(problems, f"{problems} problems.")


def _save(file: Path, connection: str | None) -> None:
    from prmsync.errors import ConfigurationError
    from prmsync.service.doctor import save_schema

    if connection is None:
        raise ConfigurationError(
            "of which connection is the schema to be saved?",
            hint="Name it: prmsync doctor CONNECTION --save-schema FILE",
        )
    saved = save_schema(context.settings(), connection, os.environ)
    try:
        file.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}.") from error
    say(f"Written to {file}: definitions only, no records and no people.")
    section = context.settings().connection(connection)
    say(f"A twin of the account: prmsync simulator {section.connector} --schema {file}")


def _show(one: Examined) -> None:
    if one.name:
        say("", one.name)
    for told in one.told:
        mark = _MARKS[told.level.value]
        say_wrapped(f"{mark} {told.topic:<11} {told.says}", indent=0, hang=_HANG)
        if told.hint:
            say_wrapped(told.hint, indent=_HANG)
    show_automations(one.automations)


def _as_json(one: Examined) -> dict[str, Any]:
    told = [{**asdict(each), "level": each.level.value} for each in one.told]
    return {"connection": one.name or None, "told": told, **automations_json(one.automations)}
