"""Undoing what a run wrote: a three-way merge of what it wrote, what is there now, what stood
before. Pure; one side of one record at a time.

A value that still stands as the run left it goes back to what stood before. A value that somebody
changed since is kept, and listed with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from prmsync.domain.merge import Side
from prmsync.domain.values import Values
from prmsync.reconcile.record import RECORD, Held, Present
from prmsync.reconcile.rules import GroupRule, RecordRule

CHANGED_SINCE = "changed since the run"
GONE_SINCE = "the record was deleted since the run"
USED_SINCE = "the record was changed since it was created"
FOUND_THERE = "it was there already when the run came to make it"
GONE_AGAIN = "it was made again since, and somebody took it away again"
IS_A_DELETION = "a deletion is not undone"
IS_A_MERGE = "records were merged in the CRM; that is not undone"
IS_AN_END = "the link ended with the record; that is not undone"
NOT_MAPPED = "the mapping has no such field any more"
REGROUPED = "the mapping merges this field together with others now"
ONE_WAY = "the mapping does not write this field there any more"

_UNDONE = "undone run "


@dataclass(frozen=True, slots=True)
class Written:
    """What a run did to one side of one record: `op` is create, update, delete or end; `before`
    and `after` are the values it replaced and wrote."""

    op: str
    before: Values
    after: Values


@dataclass(frozen=True, slots=True)
class Kept:
    """What is not undone, and why: the group's name, or `RECORD`, and the values that would have
    come back in place of those that are there now."""

    group: str
    why: str
    now: Values = field(default_factory=dict)
    before: Values = field(default_factory=dict)


@dataclass(slots=True)
class Reversal:
    """What is done about one side of one record: fields that go back, or the record that is taken
    away, or made again."""

    restore: Values = field(default_factory=dict)
    remove: bool = False
    recreate: Values | None = None
    kept: list[Kept] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.restore or self.remove or self.recreate is not None or self.kept)


def together(writes: Iterable[Written]) -> Written | None:
    """Several writes of one run to one side of one record as one: the first value replaced and the
    last one written count. None for no writes."""
    total: Written | None = None
    for one in writes:
        if total is None:
            total = one
            continue
        op = total.op if one.op == "update" else one.op
        total = Written(op, {**one.before, **total.before}, {**total.after, **one.after})
    return total


def reverse(
    written: Written,
    now: Present,
    rule: RecordRule,
    side: Side,
    *,
    whole: bool = False,
    used: bool = False,
    was_undo: bool = False,
) -> Reversal:
    """Decide what is undone on `side` of one record.

    `whole`: the record is written as one value (a relation). `used`: something that values do not
    show speaks against taking a created record away (somebody else touched it, others name it), or
    against making one again (that was done, and it is gone by another hand).
    `was_undo`: the run to undo was itself an undo, so a record that it took away is made again.
    """
    if written.op == "create":
        return _uncreate(written, now, rule, used=used)
    if written.op == "delete" and was_undo and now.values is None:
        if used:
            return Reversal(kept=[Kept(RECORD, GONE_AGAIN, {}, written.before)])
        return Reversal(recreate=dict(written.before))
    if written.op in ("delete", "end", "merge"):
        why = {"end": IS_AN_END, "merge": IS_A_MERGE}.get(written.op, IS_A_DELETION)
        return Reversal(kept=[Kept(RECORD, why, {}, written.before)])
    if now.values is None:
        return Reversal(kept=[Kept(RECORD, GONE_SINCE, {}, _plain(written.before))])
    return _restore(written, now.values, rule, side, whole=whole)


def _uncreate(written: Written, now: Present, rule: RecordRule, *, used: bool) -> Reversal:
    if now.values is None:
        return Reversal()
    members = [member for group in rule.groups for member in group.members]
    changed = [member for member in members if now.values.get(member) != written.after.get(member)]
    if not changed and not used:
        return Reversal(remove=True)
    shown = {member: now.values.get(member) for member in changed}
    return Reversal(kept=[Kept(RECORD, USED_SINCE, shown, {})])


def _restore(
    written: Written, now: Values, rule: RecordRule, side: Side, *, whole: bool
) -> Reversal:
    made = Reversal()
    known: set[str] = set()
    for group in _groups(rule, whole=whole):
        known.update(group.members)
        if any(member in written.after for member in group.members):
            _restore_group(made, group, written, now, side)
    for name in _plain(written.after):
        if name not in known and written.before.get(name) != written.after[name]:
            back = {name: written.before.get(name)}
            made.kept.append(Kept(name, NOT_MAPPED, {name: now.get(name)}, back))
    return made


def _groups(rule: RecordRule, *, whole: bool) -> Iterator[GroupRule]:
    if not whole:
        yield from rule.groups
        return
    members = tuple(member for group in rule.groups for member in group.members)
    yield GroupRule(RECORD, members)


def _restore_group(
    made: Reversal, group: GroupRule, written: Written, now: Values, side: Side
) -> None:
    before = {name: written.before.get(name) for name in group.members}
    wrote = {name: written.after.get(name) for name in group.members}
    there = {name: now.get(name) for name in group.members}
    part = [name for name in group.members if name in written.after]
    if all(before[name] == wrote[name] for name in part):
        return
    if len(part) < len(group.members):
        only = {name: before[name] for name in part}
        made.kept.append(Kept(group.name, REGROUPED, {one: there[one] for one in part}, only))
    elif there == before:
        return
    elif there != wrote:
        made.kept.append(Kept(group.name, CHANGED_SINCE, there, before))
    elif not group.flows_to(side):
        made.kept.append(Kept(group.name, ONE_WAY, there, before))
    else:
        made.restore.update(before)


def _plain(values: Values) -> Values:
    """Without the engine's own keys: they say which record this is, and stay."""
    return {name: value for name, value in values.items() if not name.startswith("@")}


def held_after(
    run: int, restored: Values, prm: Values, crm: Values, rule: RecordRule
) -> list[Held]:
    """The groups that wait for a person after an undo: restored on one side, and not equal to the
    other. Their base is the restored value. `prm` and `crm` are both sides after the undo."""
    found = []
    for group in rule.groups:
        if not any(member in restored for member in group.members):
            continue
        ours = tuple(prm.get(member) for member in group.members)
        theirs = tuple(crm.get(member) for member in group.members)
        if ours != theirs:
            base = tuple(restored.get(member) for member in group.members)
            found.append(Held(group.name, undone(run), base, ours, theirs))
    return found


def undone(run: int) -> str:
    """Why such a group is held."""
    return f"{_UNDONE}{run}"


def is_undone(kind: str) -> bool:
    """Whether a group is held because of an undo."""
    return kind.startswith(_UNDONE)
