"""`prmsync status`: how every connection and stream stands, from what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from prmsync.cli import braking, plans
from prmsync.cli.comparisons import compared
from prmsync.cli.context import application
from prmsync.cli.options import AsJson
from prmsync.cli.output import ago, emit_json, say, say_wrapped, table
from prmsync.cli.pausing import going_on_with

if TYPE_CHECKING:
    from prmsync.service.wiring import Application
    from prmsync.store.runs import Run
    from prmsync.sync.status import CallsMade, ConnectionStatus

COUNTS = 7
"""Columns of counts in the table."""


def register(app: typer.Typer) -> None:
    app.command("status")(status)


def status(as_json: AsJson = False) -> None:
    """The state of every connection and stream; asks no CRM."""
    from prmsync.sync.status import status as read_status

    with application() as app:
        found = read_status(app.database, app.now())
        if as_json:
            emit_json([asdict(one) for one in found])
            return
        if not found:
            say("Nothing was synced yet. First: prmsync match CONNECTION, or prmsync sync")
            return
        now = app.now()
        table(
            ["connection", "ours", "linked", "only ours", "only CRM", "to decide", "refused",
             "to read", "CRM read"],
            [row for one in found for row in _rows(one, now)],
        )  # fmt: skip
        say("")
        for one in found:
            _show(app, one, now)


def _rows(one: ConnectionStatus, now: datetime) -> Iterator[tuple[str, ...]]:
    """The connection's name on a line of its own: beside its streams there is no room for it."""
    yield (one.name, *[""] * (COUNTS + 1))
    for stream in one.streams:
        counts = (
            stream.in_prm,
            stream.linked,
            stream.only_prm,
            stream.only_crm,
            stream.held,
            stream.parked,
            stream.to_read,
        )
        yield (f"  {stream.name}", *(f"{count:,}" for count in counts), ago(stream.read_at, now))


def _show(app: Application, one: ConnectionStatus, now: datetime) -> None:
    """What a connection's table does not say: its last run, and what waits, with the way on."""
    from prmsync.service.braking import held_brakes

    say(f"{one.name}: {_last(one.last_run, now)}")
    if one.last_run is not None and one.last_run.message:
        say_wrapped(one.last_run.message, indent=2)
    say_wrapped(compared(one.streams, now), indent=2, hang=2)
    waits = [f"{stream.waits:,} {stream.name}" for stream in one.streams if stream.waits]
    if waits:
        say(f"  waiting for another record: {', '.join(waits)}")
    if one.calls is not None:
        say(f"  {_calls(one.calls)}")
    if one.waiting is not None:
        say(f"  a brake holds run {one.waiting.id}: prmsync runs show {one.waiting.id}")
        trips, names = held_brakes(app.database, one.waiting.id)
        say(*braking.told(trips, names))
    if one.paused is not None:
        say_wrapped(
            f"paused: {one.paused}. {going_on_with(one.name, doubted=one.doubted)}",
            indent=2,
        )
    plans.show_left_out(
        one.name,
        [f"{each.name} is paused: {each.paused}" for each in one.streams if each.paused],
    )
    for part in one.paused_parts:
        say_wrapped(f"paused {part}", indent=2)
        say_wrapped(part.hint, indent=4)


def _calls(calls: CallsMade) -> str:
    told = f"{calls.made:,} of {calls.allowed:,} calls used in the CRM's present window"
    if not calls.forecast:
        return told
    return f"{told}; {calls.forecast:,} of {calls.forecast_allowed:,} for the forecast"


def _last(run: Run | None, now: datetime) -> str:
    if run is None:
        return "no run yet"
    return f"run {run.id} ({run.kind}) {run.state}, {ago(run.ended_at or run.started_at, now)}"
