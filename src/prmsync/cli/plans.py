"""How plans and runs look: journal rows in the reader's words, with their reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from prmsync.cli.output import note, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from prmsync.domain.values import Scalar
    from prmsync.store.journal import Action
    from prmsync.sync.run import Report

SHOWN = 40
"""Rows of one stream that are listed; all are counted and `--json` has all."""
MARKS = {"create": "+", "update": "~", "delete": "-", "end": "x", "base": "="}
WHERE = {"crm": "prm → crm", "prm": "crm → prm", "base": ""}
SHOW = "prmsync runs show"
FIELD_WORDS = {"@key": "prmsync key"}


def shown(value: Scalar) -> str:
    """A canonical value for people; blank is an en dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if len(value) <= 40 else value[:37] + "…"


def action_lines(action: Action, title: str) -> Iterator[str]:
    """One line a changed field; creations and deletions in one line."""
    mark, reason = MARKS.get(action.op, "?"), action.reason
    if action.op in ("create", "delete", "end"):
        side = {"crm": "in the CRM", "prm": "in the partner database", "base": "link"}[action.side]
        detail = _headline(action) if action.op == "create" else ""
        yield f"  {mark} {title}  {action.op} {side}{detail}    {reason}"
        return
    if action.op == "base":
        yield f"  {mark} {title}  {', '.join(action.fields)}: {reason}, nothing to write"
        return
    changed = {name: pair for name, pair in action.fields.items() if pair[0] != pair[1]}
    for name, (old, new) in changed.items():
        word = FIELD_WORDS.get(name, name)
        yield (
            f"  {mark} {title}  {word}  {shown(old)} → {shown(new)}    "
            f"{WHERE[action.side]}    {reason}".rstrip()
        )


def _headline(action: Action) -> str:
    values = action.new_values
    parts = [values.get(key) for key in ("stage", "review_state", "tier")]
    if values.get("amount"):
        parts.append(f"{values['amount']} {values.get('currency') or ''}".strip())
    told = ", ".join(str(part) for part in parts if part)
    return f" ({told})" if told else ""


def as_json(action: Action, title: str, stream: str) -> dict[str, Any]:
    return {
        "action": action.id,
        "stream": stream,
        "record": title,
        "side": action.side,
        "op": action.op,
        "fields": {name: {"old": old, "new": new} for name, (old, new) in action.fields.items()},
        "reason": action.reason,
        "state": str(action.state),
        "cause": action.cause,
        "error": action.error,
    }


def totals(counts: dict[str, int]) -> str:
    """ "3 creates, 12 updates" of a report's counts, by what happened to the rows."""
    words: dict[str, int] = {}
    for key, count in counts.items():
        _, side, op, state = key.split("/")
        if side == "base" and op == "base":
            what = "equal edits"
        else:
            what = {"create": "creates", "update": "updates", "delete": "deletes"}.get(op, op)
        words[f"{what} {_STATES.get(state, state)}".strip()] = (
            words.get(f"{what} {_STATES.get(state, state)}".strip(), 0) + count
        )
    return ", ".join(f"{count:,} {what}" for what, count in words.items()) or "nothing to write"


_STATES = {
    "planned": "planned",
    "waiting": "waiting",
    "done": "written",
    "parked": "refused",
    "retry": "to retry",
    "unknown": "unknown",
    "superseded": "overtaken",
    "dropped": "dropped",
}


def calls_line(calls: dict[str, int]) -> str:
    """ "14 CRM calls (8 read, 4 write, 2 sign in)"."""
    named = {kind: count for kind, count in calls.items() if count}
    if not named:
        return "no CRM calls"
    parts = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in named.items())
    return f"{sum(named.values()):,} CRM calls ({parts})"


def show_brake(name: str, report: Report) -> None:
    """What a brake holds, why, and the three answers."""
    if not report.trips:
        if report.waiting_run is not None:
            say(f"  a brake still holds run {report.waiting_run}: {SHOW} {report.waiting_run}")
        return
    say("", f"Stopped before writing: {name} would change more than its limits allow.")
    for trip in report.trips:
        of = f" of {trip.total:,}" if trip.total and trip.cell.op == "update" else ""
        say(f"  {trip.count:,}{of} × {trip.cell}; {trip.why}")
    run_id = report.waiting_run or report.run_id
    if report.waiting_run is None:
        return
    say(
        f"These writes wait as run {run_id}; everything else went through.",
        f"  Look                    prmsync runs show {run_id}",
        f"  Write it                prmsync apply {run_id} --yes",
        f"  Leave until it moves    prmsync runs drop {run_id}",
    )


def progress() -> Callable[[str, int], None]:
    """Progress of a session on stderr: one line for each step of the run."""
    last = ""

    def tell(what: str, _: int) -> None:
        nonlocal last
        if what != last:
            last = what
            note(f"… {what}")

    return tell


def listing(rows: Sequence[tuple[str, Sequence[tuple[Action, str]], int]]) -> None:
    """Rows by stream: (stream, the first rows with their titles, how many there are)."""
    for stream, found, total in rows:
        if not total:
            continue
        say(stream)
        for action, title in found:
            say(*action_lines(action, title))
        if total > len(found):
            say(f"  … and {total - len(found):,} more; prmsync runs show N --all, or --json")
