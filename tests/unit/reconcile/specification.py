"""What the merge has to decide, as tables: written from the description, not from the code.

A row of a table is (when, outcome, reason); the first row whose `when` holds counts. Only data is
taken from the code under test: the rules as a mapping states them, and a person's decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from prmsync.domain.merge import Direction, First, OnDelete, Policy, Side
from prmsync.domain.values import Scalar, Values
from prmsync.reconcile.record import Present, Winner
from prmsync.reconcile.rules import GroupRule, RecordRule, Taken

CRM, PRM, HELD, BASE = "to the CRM", "to us", "held", "base moves"

WON = "launched"
WAY_TO_A_WIN = (
    "prospect",
    "qualified",
    "technical_validation",
    "business_validation",
    "committed",
    WON,
)
ENDS = (WON, "closed_lost")


@dataclass(frozen=True)
class Sight:
    """One group that is not equal everywhere, as a person would lay it out."""

    rule: GroupRule
    base: tuple[Scalar, ...] | None
    prm: tuple[Scalar, ...]
    crm: tuple[Scalar, ...]

    def stage(self, value: tuple[Scalar, ...]) -> Scalar:
        return None if self.rule.stage is None else value[self.rule.stage]

    def forward(self, after: tuple[Scalar, ...]) -> bool:
        """One step or more nearer to a win, from a deal that is still open."""
        assert self.base is not None
        before, then = self.stage(self.base), self.stage(after)
        if before not in WAY_TO_A_WIN or before == WON or then not in WAY_TO_A_WIN:
            return False
        return WAY_TO_A_WIN.index(then) > WAY_TO_A_WIN.index(before)


When = Callable[[Sight], bool]
Row = tuple[When, str, str]


def always(_: Sight) -> bool:
    return True


def blank(value: tuple[Scalar, ...]) -> bool:
    return set(value) == {None}


def blank_in_crm(s: Sight) -> bool:
    return blank(s.crm)


def blank_in_prm(s: Sight) -> bool:
    return blank(s.prm)


def we_leave_an_end(s: Sight) -> bool:
    assert s.base is not None
    return s.stage(s.base) in ENDS and s.stage(s.prm) != s.stage(s.base)


def both_forward(s: Sight) -> bool:
    return s.forward(s.prm) and s.forward(s.crm)


def _index(s: Sight, value: tuple[Scalar, ...]) -> int:
    return [*WAY_TO_A_WIN].index(str(s.stage(value)))


def ours_is_further(s: Sight) -> bool:
    return both_forward(s) and _index(s, s.prm) > _index(s, s.crm)


def theirs_is_further(s: Sight) -> bool:
    return both_forward(s) and _index(s, s.crm) > _index(s, s.prm)


EDITED_BY_US: Row = (always, CRM, "edited in the partner database")
EDITED_BY_THEM: Row = (always, PRM, "edited in the CRM")
BOTH_CHANGED: Row = (always, HELD, "both sides changed")
NOT_BLANK: Row = (always, HELD, "the other side is not blank")

# policy → rows when only we changed, when only the CRM changed, when both changed to unequal
POLICIES: dict[Policy, tuple[list[Row], list[Row], list[Row]]] = {
    Policy.HOLD: ([EDITED_BY_US], [EDITED_BY_THEM], [BOTH_CHANGED]),
    Policy.PRM: (
        [(always, CRM, "partner database owns")],
        [(always, CRM, "put back: the partner database owns this")],
        [(always, CRM, "partner database owns")],
    ),
    Policy.CRM: (
        [(always, PRM, "put back: the CRM owns this")],
        [(always, PRM, "CRM owns")],
        [(always, PRM, "CRM owns")],
    ),
    Policy.PROPOSAL: (
        [(always, HELD, "proposal: the CRM owns this")],
        [(always, PRM, "CRM owns")],
        [BOTH_CHANGED],
    ),
    Policy.FILL_BLANK: (
        [(blank_in_crm, CRM, "fills a blank in the CRM"), NOT_BLANK],
        [(blank_in_prm, PRM, "fills a blank in the partner database"), NOT_BLANK],
        [BOTH_CHANGED],
    ),
    Policy.STAGE: (
        [(we_leave_an_end, HELD, "only the CRM reopens a closed deal"), EDITED_BY_US],
        [EDITED_BY_THEM],
        [
            (ours_is_further, CRM, "the further stage"),
            (theirs_is_further, PRM, "the further stage"),
            BOTH_CHANGED,
        ],
    ),
}

FIRST_LINK: Row = (always, HELD, "first link: both sides have a value")
FIRSTS: dict[First, list[Row]] = {
    First.CRM: [(always, PRM, "first link: crm")],
    First.PRM: [(always, CRM, "first link: prm")],
    First.HOLD: [FIRST_LINK],
    First.FILL_BLANK: [
        (blank_in_crm, CRM, "first link: blank in the CRM"),
        (blank_in_prm, PRM, "first link: blank in the partner database"),
        FIRST_LINK,
    ],
}

# What a one-way field does instead: the side it comes from owns it.
ONE_WAY: dict[Direction, tuple[Policy, list[Row]]] = {
    Direction.TO_CRM: (Policy.PRM, [(always, CRM, "first link: flows to the CRM")]),
    Direction.TO_PRM: (Policy.CRM, [(always, PRM, "first link: flows to the partner database")]),
}
FORBIDDEN = {
    (Direction.TO_CRM, PRM): "this field only flows to the CRM",
    (Direction.TO_PRM, CRM): "this field only flows to the partner database",
}


def verdict(s: Sight, taken: Taken | None) -> tuple[str, str]:
    """Where one group goes, and why."""
    if s.prm == s.crm:
        return BASE, "equal on both sides"
    if taken is not None and (taken.prm, taken.crm) == (s.prm, s.crm):
        wanted = CRM if taken.take is Side.PRM else PRM
        if (s.rule.direction, wanted) not in FORBIDDEN:
            return wanted, f"decision of {taken.by}"
    _, outcome, reason = next(row for row in _rows(s) if row[0](s))
    if (s.rule.direction, outcome) in FORBIDDEN:
        return HELD, FORBIDDEN[s.rule.direction, outcome]
    return outcome, reason


def _rows(s: Sight) -> list[Row]:
    """The cell of the tables that this group is in."""
    owned = s.rule.direction in ONE_WAY and s.rule.policy is not Policy.FILL_BLANK
    if s.base is None:
        return ONE_WAY[s.rule.direction][1] if owned else FIRSTS[s.rule.first]
    policy = ONE_WAY[s.rule.direction][0] if owned else s.rule.policy
    who = (s.crm == s.base, s.prm == s.base)
    return POLICIES[policy][{(True, False): 0, (False, True): 1, (False, False): 2}[who]]


Plain = dict[str, Any]
"""A decision without classes: op, to_prm, to_crm, base, held (as tuples), reasons."""


def nothing() -> Plain:
    return {"op": "none", "to_prm": {}, "to_crm": {}, "base": {}, "held": [], "reasons": {}}


def expected(
    base: Values | None,
    prm: Present,
    crm: Present,
    rule: RecordRule,
    decisions: Mapping[str, Taken],
    skip: frozenset[str],
) -> Plain:
    """The whole decision on one record: the cell of (our state, the CRM's state)."""
    plain = nothing()
    state = (_state(prm), _state(crm))
    record = decisions.get("@record")
    if state == ("here", "gone") and crm.into is not None:
        _merged_away(plain, base, prm.values or {}, crm.into, rule, record, skip)
        return plain
    if state == ("here", "here"):
        for group in rule.groups:
            if group.name not in skip:
                _merge(plain, base, prm.values or {}, crm.values or {}, group, decisions)
    elif state == ("here", "gone"):
        _deleted(plain, base, prm.values or {}, "crm", rule, record, skip)
    elif state == ("gone", "here"):
        _deleted(plain, base, crm.values or {}, "prm", rule, record, skip)
    elif state == ("gone", "gone"):
        plain |= {"op": "end", "reasons": {"@record": "deleted on both sides"}}
    elif "gone" in state and base is None:
        side = ("prm", "crm")[state.index("gone")]
        plain |= {"op": "end", "reasons": {"@record": f"deleted in {side}"}}
    elif state == ("here", "absent") and base is None and rule.create_crm:
        plain |= {"op": "create_crm", "to_crm": _given(prm.values or {}, "to_crm", rule, skip)}
    elif state == ("absent", "here") and base is None and rule.create_prm:
        plain |= {"op": "create_prm", "to_prm": _given(crm.values or {}, "to_prm", rule, skip)}
    return plain


def _state(side: Present) -> str:
    if side.values is not None:
        return "here"
    return "gone" if side.gone else "absent"


def _merge(
    plain: Plain,
    base: Values | None,
    prm: Values,
    crm: Values,
    group: GroupRule,
    decisions: Mapping[str, Taken],
) -> None:
    ours, theirs = (tuple(one.get(name) for name in group.members) for one in (prm, crm))
    agreed = None
    if base is not None and set(group.members) <= set(base):
        agreed = tuple(base[name] for name in group.members)
    if agreed == ours == theirs:
        return
    where, why = verdict(Sight(group, agreed, ours, theirs), decisions.get(group.name))
    if where == HELD:
        plain["held"].append((group.name, why, agreed, ours, theirs))
        return
    target = {CRM: "to_crm", PRM: "to_prm", BASE: "base"}[where]
    value = theirs if where == PRM else ours
    plain[target].update(dict(zip(group.members, value, strict=True)))
    plain["reasons"][group.name] = why


def _given(values: Values, flow: str, rule: RecordRule, skip: frozenset[str]) -> Values:
    """What a new record on the other side gets: what may flow there and can be read."""
    return {
        member: values.get(member)
        for group in rule.groups
        if group.direction.value in ("both", flow) and group.name not in skip
        for member in group.members
    }


def _merged_away(
    plain: Plain,
    base: Values | None,
    ours: Values,
    winner: Winner,
    rule: RecordRule,
    taken: Taken | None,
    skip: frozenset[str],
) -> None:
    """Somebody merged the CRM record into another one. A link follows its record, whatever was
    edited: the fields are merged afterwards. Where the winner has a partner of its own on our
    side, two records of ours mean one in the CRM, and only a person can say what is right: theirs
    (ours is let go as after a deletion) or ours (it gets a CRM record of its own again).

    What the winner leaves blank nobody emptied: both count as having agreed on a blank, so that our
    value goes there instead of being lost."""
    if winner.holder is None:
        plain |= {"op": "follow", "reasons": {"@record": f"merged in the CRM into {winner.id}"}}
        for group in rule.groups:
            blank_there = all(winner.values.get(name) is None for name in group.members)
            agreed = base is not None and set(group.members) <= set(base)
            if blank_there and agreed and any((base or {})[name] for name in group.members):
                plain["base"] |= dict.fromkeys(group.members)
        return
    names = [name for group in rule.groups for name in group.members]
    here, there = (tuple(one.get(name) for name in names) for one in (ours, winner.values))
    if taken is None or (taken.prm, taken.crm) != (here, there):
        why = f"merged in the CRM into {winner.id}, which is linked to {winner.holder}"
        plain["held"] = [("@record", why, None, here, there)]
        return
    plain["reasons"] = {"@record": f"decision of {taken.by}"}
    if taken.take.value == "prm":
        plain |= {"op": "create_crm", "to_crm": _given(ours, "to_crm", rule, skip)}
    else:
        plain["op"] = "delete_prm" if rule.on_delete is OnDelete.PROPAGATE else "end"


def _deleted(
    plain: Plain,
    base: Values | None,
    left: Values,
    gone: str,
    rule: RecordRule,
    taken: Taken | None,
    skip: frozenset[str],
) -> None:
    """The record is here on one side; there is evidence that it was deleted on the other."""
    names = [name for group in rule.groups for name in group.members]
    shown = tuple(left.get(name) for name in names)
    saw = (shown, ()) if gone == "crm" else ((), shown)
    untouched = all(left.get(name) == (base or {}).get(name) for name in names)
    again = {"op": f"create_{gone}", f"to_{gone}": _given(left, f"to_{gone}", rule, skip)}
    other = "prm" if gone == "crm" else "crm"
    follow = {"op": f"delete_{other}" if rule.on_delete is OnDelete.PROPAGATE else "end"}
    if taken is not None and (taken.prm, taken.crm) == saw:
        plain |= follow if taken.take.value == gone else again
        plain["reasons"] = {"@record": f"decision of {taken.by}"}
    elif gone == "crm" and rule.recreate:
        plain |= again | {"reasons": {"@record": "deleted in crm, made again"}}
    elif untouched:
        plain |= follow | {"reasons": {"@record": f"deleted in {gone}"}}
    else:
        seen = (shown, None) if gone == "crm" else (None, shown)
        plain["held"] = [("@record", f"deleted in {gone}, edited here", None, *seen)]
