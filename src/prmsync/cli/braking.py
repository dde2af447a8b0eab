"""How brakes look: what waits, who caused it, whether it can wait until morning, the answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from prmsync.cli.output import WIDTH, say

if TYPE_CHECKING:
    from prmsync.reconcile.brakes import Trip
    from prmsync.sync.running import Report

SHOWN = 8
"""Kinds of writes that are told one by one; those of most writes first."""
SHOW = "prmsync runs show"


def told(trips: Sequence[Trip], names: Mapping[str, str]) -> Iterator[str]:
    """What brakes hold, what cannot wait first; what is common to several is said once. `names`
    are those of CRM users by id."""
    from prmsync.reconcile.brakes import can_wait
    from prmsync.reconcile.causes import words

    ordered = sorted(trips, key=lambda one: (can_wait(one.cell).can, -one.count))
    alike: dict[tuple[str, bool, str], list[Trip]] = {}
    for trip in ordered[:SHOWN]:
        answer = can_wait(trip.cell)
        key = (words(trip.cell.cause, names), answer.can, answer.why)
        alike.setdefault(key, []).append(trip)
    for (cause, can, meanwhile), some in alike.items():
        for trip in some:
            of = f" of {trip.total:,}" if trip.total and trip.cell.op != "create" else ""
            yield f"  {trip.count:,}{of} × {trip.cell}; {trip.why}"
        if cause:  # an undo has none but itself
            yield from _paragraph(f"Cause: {cause}")
        yield from _paragraph(
            f"Until morning: {'it can wait' if can else 'it cannot wait'}, {meanwhile}"
        )
    if len(ordered) > SHOWN:
        yield f"  … and {len(ordered) - SHOWN:,} more kinds of writes"


def _paragraph(text: str) -> list[str]:
    indent = " " * 6
    return wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def as_json(trip: Trip, names: Mapping[str, str]) -> dict[str, Any]:
    """The same facts for programs."""
    from prmsync.reconcile.brakes import can_wait
    from prmsync.reconcile.causes import words

    answer = can_wait(trip.cell)
    return {
        "what": str(trip.cell),
        **trip.cell._asdict(),
        "count": trip.count,
        "of": trip.total,
        "why": trip.why,
        "caused_by": words(trip.cell.cause, names),
        "can_wait": answer.can,
        "meanwhile": answer.why,
    }


def show_brake(name: str, report: Report) -> None:
    """What brakes hold after a run, why, and the answers."""
    if not report.trips:
        if report.waiting_run is not None:
            say(f"  a brake still holds run {report.waiting_run}: {SHOW} {report.waiting_run}")
        return
    say("", f"Stopped before writing: {name} would change more than its limits allow.")
    say(*told(report.waiting or report.trips, report.names))
    if report.waiting_run is None:
        return
    say(f"These writes wait as run {report.waiting_run}; everything else went through.")
    say(*answers(report.waiting_run, report.waiting))


def answers(
    run_id: int, trips: Sequence[Trip], *, waiting: bool = True, undo: bool = False
) -> list[str]:
    """The commands that answer a plan that waits; creations cannot be put back, and an undo puts
    back already."""
    yes = " --yes" if waiting else ""
    back = [f"  Put the other side back prmsync runs revert {run_id}"]
    return [
        f"  Look                    {SHOW} {run_id}",
        f"  Write it                prmsync apply {run_id}{yes}",
        *(back if not undo and any(one.cell.op != "create" for one in trips) else []),
        f"  Leave until it moves    prmsync runs drop {run_id}",
    ]
