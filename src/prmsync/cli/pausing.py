"""`prmsync pause|resume`, and what commands for all connections do about paused ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli.context import application
from prmsync.cli.options import AsJson, Stream
from prmsync.cli.output import emit_json, note, say, say_wrapped, show_error
from prmsync.errors import PrmsyncError

if TYPE_CHECKING:
    from prmsync.service.wiring import Application

Connection = Annotated[
    str | None, typer.Argument(metavar="CONNECTION", help="One of prmsync.toml; or --all.")
]
Every = Annotated[bool, typer.Option("--all", help="All connections of prmsync.toml.")]


def register(app: typer.Typer) -> None:
    app.command("pause")(pause)
    app.command("resume")(resume)


def pause(
    connection: Connection = None,
    stream: Stream = None,
    every: Every = False,
    why: Annotated[
        str, typer.Option("--why", metavar="TEXT", help="Shown wherever its turn is skipped.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Start no run on a connection until it is resumed. A run under way goes to its end.

    With --stream runs leave only this stream alone: they neither read, decide nor write it.
    """
    from prmsync.service.syncing import person
    from prmsync.store import pausing

    with application() as app:
        names = _chosen(app, connection, stream, every=every)
        told = f"{why.strip() or pausing.BY_HAND} ({person()})"
        streams = {name: _streams(app, name) for name in names} if stream else {}
        with app.database.begin() as transaction:
            for name in names:
                connector = app.settings.connection(name).connector
                if stream is None:
                    pausing.pause(transaction, name, connector, told)
                else:
                    pausing.pause_stream(transaction, name, connector, streams[name], stream, told)
    if as_json:
        emit_json(
            [{"connection": one, "stream": stream, "paused": True, "why": told} for one in names]
        )
        return
    say(*(f"{_what(name, stream)} is paused: {told}" for name in names))
    back = "--all" if every else names[0]
    say(f"Go on: prmsync resume {back}" + (f" --stream {stream}" if stream else ""))


def resume(
    connection: Connection = None,
    stream: Stream = None,
    every: Every = False,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Also where its database is a copy, without a comparison."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let runs start again; what changed meanwhile is read by the next one.

    A connection whose database was copied or restored, or which opens another account, goes on
    after `prmsync verify` has compared both sides.
    """
    failures: list[PrmsyncError] = []
    found: list[dict[str, Any]] = []
    with application() as app:
        for name in _chosen(app, connection, stream, every=every):
            try:
                found.append(_resume(app, name, stream, accept=accept))
            except PrmsyncError as error:
                failures.append(error)
                show_error(error)
    if as_json:
        emit_json(found)
    else:
        for one in found:
            _show_resumed(one)
    if failures:
        raise typer.Exit(max(one.exit_code for one in failures))


def _resume(app: Application, name: str, stream: str | None, *, accept: bool) -> dict[str, Any]:
    from prmsync.store import pausing
    from prmsync.sync.claims import take_over

    taken = stream is None and take_over(app.database, name, unread=accept)
    with app.database.begin() as transaction:
        if stream is None:
            was_paused = pausing.resume(transaction, name) or taken
        else:
            was_paused = pausing.resume_stream(transaction, name, stream)
        left = pausing.paused_streams(transaction, name)
        whole = pausing.paused(transaction).get(name)
    return {
        "connection": name,
        "stream": stream,
        "was_paused": was_paused,
        "reads_everything": taken,
        "connection_paused": whole,
        "paused_streams": left,
    }


def _show_resumed(one: dict[str, Any]) -> None:
    name, stream = one["connection"], one["stream"]
    if one["reads_everything"]:
        say(f"{name} goes on here: its next run reads both sides from the beginning")
    else:
        say(f"{_what(name, stream)} " + ("goes on" if one["was_paused"] else "was not paused"))
    if stream is not None and one["connection_paused"]:
        say_wrapped(f"but {name} is paused: {one['connection_paused']}", indent=2)
    if stream is None:
        for other, why in one["paused_streams"].items():
            say_wrapped(
                f"{other} stays paused: {why}. Go on with: prmsync resume {name} --stream {other}",
                indent=2,
            )


def _what(name: str, stream: str | None) -> str:
    return name if stream is None else f"{stream} of {name}"


def _chosen(app: Application, name: str | None, stream: str | None, *, every: bool) -> list[str]:
    from prmsync.errors import ConfigurationError
    from prmsync.service.syncing import named_or_all

    if (name is None) == (not every):
        known = ", ".join(named_or_all(app, None))
        raise ConfigurationError(
            "name one connection, or all of them", hint=f"one of: {known}; or --all"
        )
    return _with_stream(app, named_or_all(app, name), stream)


def _streams(app: Application, name: str) -> list[str]:
    return [one.stream for one in app.mappings(name)]


def _with_stream(app: Application, names: list[str], stream: str | None) -> list[str]:
    """Those of the connections whose mapping has the stream. Raises ConfigurationError where none
    has."""
    from prmsync.errors import ConfigurationError

    if stream is None or not names:
        return names
    known = {name: _streams(app, name) for name in names}
    having = [name for name in names if stream in known[name]]
    if not having:
        there = dict.fromkeys(one for streams in known.values() for one in streams)
        raise ConfigurationError(
            f"no stream `{stream}` in the mapping of {' or '.join(names)}",
            hint=f"one of: {', '.join(there)}",
        )
    return having


def with_stream(app: Application, name: str | None, stream: str | None) -> list[str]:
    """`not_paused`, of those connections only that have this stream and have not paused it."""
    from prmsync.store import pausing

    names = _with_stream(app, list(not_paused(app, name)), stream)
    if name is not None or stream is None:
        return names
    with app.database.read() as transaction:
        aside = {one: pausing.paused_streams(transaction, one).get(stream) for one in names}
    for one, why in aside.items():
        if why:
            note(
                f"{_what(one, stream)} is paused: {why}. Left out; go on with: "
                f"prmsync resume {one} --stream {stream}"
            )
    return [one for one, why in aside.items() if not why]


def going_on_with(name: str, *, doubted: bool) -> str:
    """How a person lets a paused connection go on."""
    if doubted:
        return f"Look first: prmsync verify {name}; then go on with: prmsync resume {name}"
    return f"Go on with: prmsync resume {name}"


def not_paused(app: Application, name: str | None) -> Iterator[str]:
    """The named connection, paused or not; or all but those that a person has paused, which are
    named. One that a doubt keeps paused is no decision of anybody: what is asked of it fails."""
    from prmsync.service.syncing import named_or_all
    from prmsync.store import claims

    names = named_or_all(app, name)
    with app.database.read() as transaction:
        paused = claims.paused_by_person(transaction) if name is None else {}
        doubted = {one for one in paused if claims.is_doubted(transaction, one)}
    for one in names:
        if one in paused:
            way_on = going_on_with(one, doubted=one in doubted)
            note(f"{one} is paused: {paused[one]}. Left out. {way_on}")
        else:
            yield one
