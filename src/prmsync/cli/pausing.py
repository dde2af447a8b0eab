"""`prmsync pause|resume`, and what commands for all connections do about paused ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from prmsync.cli.context import application
from prmsync.cli.output import note, say, show_error
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
    every: Every = False,
    why: Annotated[
        str, typer.Option("--why", metavar="TEXT", help="Shown wherever its turn is skipped.")
    ] = "",
) -> None:
    """Start no run on a connection until it is resumed. A run under way goes to its end."""
    from prmsync.service.syncing import person
    from prmsync.store import pausing

    with application() as app:
        names = _chosen(app, connection, every=every)
        told = f"{why.strip() or pausing.BY_HAND} ({person()})"
        with app.database.begin() as transaction:
            for name in names:
                connector = app.settings.connection(name).connector
                pausing.pause(transaction, name, connector, told)
    say(*(f"{name} is paused: {told}" for name in names))
    say(f"Go on: prmsync resume {'--all' if every else names[0]}")


def resume(
    connection: Connection = None,
    every: Every = False,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Also where its database is a copy, without a comparison."),
    ] = False,
) -> None:
    """Let runs start again; what changed meanwhile is read by the next one.

    A connection whose database was copied or restored, or which opens another account, goes on
    after `prmsync verify` has compared both sides.
    """
    from prmsync.store import pausing
    from prmsync.sync.claims import take_over

    failures: list[PrmsyncError] = []
    with application() as app:
        for name in _chosen(app, connection, every=every):
            try:
                taken = take_over(app.database, name, unread=accept)
            except PrmsyncError as error:
                failures.append(error)
                show_error(error)
                continue
            with app.database.begin() as transaction:
                was_paused = pausing.resume(transaction, name)
            if taken:
                say(f"{name} goes on here: its next run reads both sides from the beginning")
            else:
                say(f"{name} goes on" if was_paused else f"{name} was not paused")
    if failures:
        raise typer.Exit(max(one.exit_code for one in failures))


def _chosen(app: Application, name: str | None, *, every: bool) -> list[str]:
    from prmsync.errors import ConfigurationError
    from prmsync.service.syncing import named_or_all

    if (name is None) == (not every):
        known = ", ".join(named_or_all(app, None))
        raise ConfigurationError(
            "name one connection, or all of them", hint=f"one of: {known}; or --all"
        )
    return named_or_all(app, name)


def not_paused(app: Application, name: str | None) -> Iterator[str]:
    """The named connection, paused or not; or all that are not paused, naming the others."""
    from prmsync.service.syncing import named_or_all
    from prmsync.store import pausing

    names = named_or_all(app, name)
    with app.database.read() as transaction:
        paused = pausing.paused(transaction) if name is None else {}
    for one in names:
        if one in paused:
            note(f"{one} is paused: {paused[one]}. Left out; go on with: prmsync resume {one}")
        else:
            yield one
