"""How plans and runs look: journal rows in the reader's words, with their reasons."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from prmsync.cli.output import WIDTH, note, say, say_wrapped
from prmsync.cli.reasons import sentence

if TYPE_CHECKING:
    from collections.abc import Callable

    from prmsync.domain.values import Scalar
    from prmsync.service.matching import Row
    from prmsync.store.journal import Action
    from prmsync.sync.running import Report

LONGEST = 36
"""Characters of a value that a line shows: an id is shown whole."""
SHOWN = 40
"""Rows of one stream that are listed; all are counted and `--json` has all."""
MARKS = {
    "create": "+",
    "update": "~",
    "delete": "-",
    "end": "x",
    "rest": "o",
    "base": "=",
    "merge": ">",
    "erase": "x",
}
IN = {"crm": "in the CRM", "prm": "in the partner database", "base": "link"}
WHERE = {"crm": "prm → crm", "prm": "crm → prm", "base": ""}
SHOW = "prmsync runs show"
FIELD_WORDS = {
    "@key": "prmsync key",
    "@state": "sync state",
    "@reason": "why",
    "@decision": "decision",
    "@record": "the whole record",
}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_AMOUNT = re.compile(r"-?\d{4,}\.\d+")


def shown(value: Scalar) -> str:
    """A canonical value for people; blank is an en dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if _TIME.fullmatch(value):
        return f"{value[:10]} {value[11:16]} UTC"
    if _AMOUNT.fullmatch(value):
        return f"{Decimal(value):,f}"
    return cut(value, LONGEST)


def cut(text: str, longest: int) -> str:
    """The beginning of a text, with an ellipsis where it is longer."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def action_lines(action: Action, title: str) -> Iterator[str]:
    """A change in one line where it fits, else below the record's line; a line for each field of
    several. What became of it follows where that is not said by the run itself."""
    head = f"  {MARKS.get(action.op, '?')} {cut(title, WIDTH - 4)}".rstrip()
    why = _reason(action)
    if action.state == "kept":
        yield from _kept_lines(action, title)
    elif action.op in ("create", "delete", "end"):
        detail = _headline(action) if action.op == "create" else ""
        yield from _fitted(head, f"{action.op} {IN[action.side]}{detail}", why)
    elif action.op == "rest":
        yield from _fitted(head, "link rests", why)
    elif action.op == "merge":
        yield from _fitted(head, "link moved", why)
    elif action.op == "erase":
        yield from _fitted(head, ", ".join(action.fields), why)
    elif action.op == "base":
        what = f"{', '.join(action.fields)}: {sentence(action.reason)}, nothing to write"
        yield from _fitted(head, what)
    else:
        changed = [
            (FIELD_WORDS.get(name, name), _change(action, name, old, new))
            for name, (old, new) in action.fields.items()
            if old != new
        ]
        yield from _change_lines(head, changed, _where(action), why)
    if action.state in _BECAME and action.error:
        yield from _paragraph(f"{_BECAME[action.state]}: {action.error}")


def _reason(action: Action) -> str:
    """Why, and what became of it since where that takes no words of its own."""
    became = "" if action.error or action.op == "base" else _BECAME.get(action.state, "")
    return " · ".join(part for part in (sentence(action.reason), became) if part)


def _where(action: Action) -> str:
    """Which way a change goes; an undo comes from neither side."""
    return IN[action.side] if action.reason.startswith("undo of ") else WHERE[action.side]


def _kept_lines(action: Action, title: str) -> Iterator[str]:
    """What an undo leaves as it is: the value that stays, and why."""
    stays = [
        f"{name} stays {shown(now)}" for name, (now, old) in action.fields.items() if now != old
    ]
    side = IN.get(action.side, "")
    yield from _fitted(
        f"  · {cut(title, WIDTH - 4)}", " ".join([", ".join(stays), side]).strip(), action.reason
    )


_BECAME = {
    "waiting": "held by a brake",
    "found": "found there already",
    "parked": "refused",
    "retry": "left for the next run",
    "released": "let go: sent by the next run that can",
    "unknown": "sent, no answer yet: the next run looks it up",
    "superseded": "overtaken: decided anew later",
}
"""States of a row that a reader of its run has to be told."""


_BARE = len("  +")
"""A head without a name: the list is of one record, which was named above it."""


def _fitted(head: str, *parts: str) -> Iterator[str]:
    told = [part for part in parts if part]
    line = "    ".join([f"{head}  {told[0]}", *told[1:]])
    if len(line) <= WIDTH:
        yield line
    elif len(head) <= _BARE:
        yield from wrap(line, WIDTH, subsequent_indent=" " * 6)
    else:
        yield head
        yield from _paragraph("    ".join(told))


def _paragraph(text: str) -> list[str]:
    indent = " " * 6
    return wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _change(action: Action, name: str, old: Scalar, new: Scalar) -> str:
    """Old and new value; an amount with its currency where the change says it."""
    told = f"{shown(old)} → {shown(new)}"
    before, after = action.fields.get("currency", (None, None))
    return f"{told} {after}" if name == "amount" and after and before == after else told


def _change_lines(
    head: str, changed: Sequence[tuple[str, str]], where: str, reason: str
) -> Iterator[str]:
    if len(changed) == 1:
        line = f"{head}  {'  '.join(changed[0])}    {where}    {reason}".rstrip()
        if len(line) <= WIDTH:
            yield line
            return
    below = ("", reason, f"{where}: {reason}" if where else reason)
    tops = (f"{head}    {where}    {reason}", f"{head}    {where}", head)
    fitting = next(index for index, top in enumerate(tops) if len(top.rstrip()) <= WIDTH)
    yield tops[fitting].rstrip()
    for name, change in changed:
        yield f"      {name:<17} {change}"
    yield from _paragraph(below[fitting])


def _headline(action: Action) -> str:
    values = action.new_values
    parts = [values.get(key) for key in ("stage", "review_state", "tier")]
    if values.get("amount"):
        parts.append(f"{shown(values['amount'])} {values.get('currency') or ''}".strip())
    told = ", ".join(str(part) for part in parts if part)
    return f" ({told})" if told else ""


def as_json(action: Action, title: str, stream: str) -> dict[str, Any]:
    """The same facts of a change for programs."""
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


def show_schema(edits: Sequence[str], paused: Sequence[str]) -> None:
    """What changed in the mappings or fits again, and what the CRM's schema keeps from use."""
    for line in edits:
        say_wrapped(f"changed: {line}", indent=2)
    for line in paused:
        say_wrapped(f"paused: {line}", indent=2)
    if paused:
        say("  the rest goes on; what to do: prmsync status, prmsync mapping check --live")


def show_left_out(name: str, lines: Sequence[str]) -> None:
    """Streams that a run left alone because a person has paused them."""
    for line in lines:
        stream = line.split()[0]
        say_wrapped(
            f"{line}. Left out; go on with: prmsync resume {name} --stream {stream}", indent=2
        )


def totals(counts: dict[str, int], *, left: str = "left for the next run") -> str:
    """ "3 creates written, 1 update waiting" of a report's counts, by what happened to the rows;
    `left` says what becomes of writes that could not be made."""
    states = {**_STATES, "retry": left}
    words: Counter[tuple[str, str]] = Counter()
    for key, count in counts.items():
        _, side, op, state = key.split("/")
        if state == "kept":
            words["kept as they are", ""] += count
        elif side == "base" and op == "base":
            words["equal on both sides", ""] += count
        elif op == "merge":
            words["merged in the CRM", ""] += count
        elif op == "rest":
            words["record", "left the filter" if state == "done" else state] += count
        elif op == "end":
            words["link", "ended"] += count if state == "done" else 0
            words["link end", states.get(state, state)] += count if state != "done" else 0
        else:
            words[op, states.get(state, state)] += count
    told = (
        f"{count:,} {what}{'s' if state and count != 1 else ''} {state}".rstrip()
        for (what, state), count in words.items()
        if count
    )
    return ", ".join(told) or "nothing to write"


_STATES = {
    "planned": "planned",
    "waiting": "waiting",
    "released": "left for the next run",
    "done": "written",
    "found": "found there already",
    "parked": "refused",
    "unknown": "unknown",
    "superseded": "overtaken",
    "dropped": "dropped",
}


def needs_decision(count: int) -> str:
    """ "3 need a decision", and where they are listed."""
    return f"{count:,} need{'s' if count == 1 else ''} a decision: prmsync held list"


def cost_line(report: Report) -> str:
    """ "Sending it takes about 4 calls (2 guard, 2 write), 1 % of the 500 left to prmsync"."""
    if not report.cost:
        return ""
    total = sum(report.cost.values())
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.cost.items()))
    head = f"Sending it takes about {total:,} call{'s' * (total != 1)} ({kinds}{_saved(report)})"
    if report.left is None:
        return f"{head}{_of_forecast(report)}"
    if total > report.left:
        more = "so it takes more than one of the CRM's days"
        return f"{head}; {report.left:,} are left now, {more}{_of_forecast(report)}"
    share = f"{100 * total / report.left:.0f} %" if 50 * total > report.left else "1 % or less"
    return f"{head}, {share} of the {report.left:,} that are left now{_of_forecast(report)}"


def _of_forecast(report: Report) -> str:
    """ "; 4 of them carry the forecast, whose own share has 96 left"."""
    if not report.forecast_cost:
        return ""
    carry = "carries" if report.forecast_cost == 1 else "carry"
    told = f"; {report.forecast_cost:,} of them {carry} the forecast"
    left = report.forecast_left
    return told if left is None else f"{told}, whose own share has {left:,} left"


def _saved(report: Report) -> str:
    """ "; jobs for many rows save 40"."""
    return f"; jobs for many rows save {report.saved:,}" if report.saved > 0 else ""


_SENDING = ("guard", "write", "history")
"""Kinds of calls that sending takes."""


def sent_line(report: Report) -> str:
    """ "Sending took 4 calls, 4 were expected" where they differ or there were any."""
    if not report.cost:
        return ""
    made = sum(report.calls.get(kind, 0) for kind in _SENDING)
    expected = sum(report.cost.get(kind, 0) for kind in _SENDING)
    were = "was" if expected == 1 else "were"
    return f"sending took {made:,} call{'s' * (made != 1)}, {expected:,} {were} expected"


def calls_line(calls: dict[str, int]) -> str:
    """ "14 CRM calls (8 read, 4 write, 2 sign in)"."""
    named = {kind: count for kind, count in calls.items() if count}
    if not named:
        return "no CRM calls"
    parts = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in named.items())
    total = sum(named.values())
    return f"{total:,} CRM call{'s' * (total != 1)} ({parts})"


def progress(of: str = "") -> Callable[[str, int], None]:
    """Progress of a session on stderr: one line for each step of the run; `of` says whose."""
    last = ""
    whose = f"{of}: " if of else ""

    def tell(what: str, _: int) -> None:
        nonlocal last
        if what != last:
            last = what
            note(f"… {whose}{what}")

    return tell


def written_streams(counts: dict[str, int]) -> list[str]:
    """The streams of which a plan with these counts writes records in the CRM."""
    places = (key.split("/")[:2] for key, count in counts.items() if count)
    return list(dict.fromkeys(stream for stream, side in places if side == "crm"))


def listing(run_id: int, rows: Sequence[tuple[str, Sequence[tuple[Action, str]], int]]) -> None:
    """Rows of a run by stream: (stream, the first rows with their titles, how many there are)."""
    for stream, found, total in rows:
        if not total:
            continue
        say(stream)
        for action, title in found:
            say(*action_lines(action, title))
        if total > len(found):
            say(f"  … and {total - len(found):,} more: {SHOW} {run_id} --all")


def show_pairs(rows: Sequence[Row]) -> None:
    """Possible pairs of a match by stream, those for a person first."""
    shown_rows = sorted(rows, key=lambda row: row.candidate.unique)[:SHOWN]
    for stream in dict.fromkeys(row.candidate.stream for row in shown_rows):
        mine = [row for row in shown_rows if row.candidate.stream == stream]
        say(f"{stream:<40} in the CRM")
        for row in mine:
            pair = row.candidate
            by = pair.by.replace("customer_", "")
            mark, how = ("=", by) if pair.unique else ("?", f"{by}, {pair.score} %")
            say(f"  {mark} {cut(row.prm_name, 36):<36} {cut(row.crm_name, 42):<42} {how}")
    if len(rows) > len(shown_rows):
        say(f"  … and {len(rows) - len(shown_rows):,} more")
