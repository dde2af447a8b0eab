"""The whole space that the merge is proved over, in parts that a test walks in a second or two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from prmsync.domain.merge import Direction, First, OnDelete, Policy, Side
from prmsync.domain.stage import Stage
from prmsync.domain.values import Scalar, Values
from prmsync.reconcile.record import RECORD, Decision, Present, Winner, reconcile
from prmsync.reconcile.rules import GroupRule, RecordRule, Taken

VALUES: tuple[Scalar, ...] = (None, "v1", "v2", "v3")
WAYS = tuple(product(Policy, Direction))
NOBODY: Mapping[str, Taken] = {}
ABSENT, GONE = Present(None), Present(None, gone=True)


@dataclass(frozen=True)
class Case:
    """Everything that one decision depends on."""

    base: Values | None
    prm: Present
    crm: Present
    rule: RecordRule
    decisions: Mapping[str, Taken] = field(default_factory=dict)
    skip: frozenset[str] = frozenset()

    def decide(self) -> Decision:
        return reconcile(self.base, self.prm, self.crm, self.rule, self.decisions, self.skip)


def plain(decision: Decision) -> dict[str, Any]:
    return {
        "op": decision.op.value,
        "to_prm": decision.to_prm,
        "to_crm": decision.to_crm,
        "base": decision.base,
        "held": [(one.group, one.kind, one.base, one.prm, one.crm) for one in decision.held],
        "reasons": decision.reasons,
    }


def flags(groups: tuple[GroupRule, ...]) -> Iterator[RecordRule]:
    """Every rule on creating, deleting and making again."""
    for to_crm, to_prm, on_delete, again in product(
        (True, False), (True, False), OnDelete, (True, False)
    ):
        yield RecordRule(groups, to_crm, to_prm, on_delete, again)


def one_field(policy: Policy, direction: Direction) -> Iterator[Case]:
    """Both sides have the record: base × prm × crm × first rule × decisions, with stale evidence
    of deletion and with the other record rules, none of which may matter."""
    bases: list[Values | None] = [None, {}, *({"f": value} for value in VALUES)]
    for first, base, ours, theirs in product(First, bases, VALUES, VALUES):
        group = GroupRule("f", ("f",), policy, direction, first)
        rule = RecordRule((group,))
        prm, crm = Present({"f": ours}), Present({"f": theirs})
        for taken in decisions_on("f", (ours,), (theirs,)):
            yield Case(base, prm, crm, rule, taken)
        yield Case(base, prm, crm, rule, skip=frozenset({"f"}))
        other = RecordRule((group,), False, True, OnDelete.PROPAGATE, recreate=True)
        yield Case(base, prm._replace(gone=True), crm._replace(gone=True), other)


def decisions_on(
    group: str, prm: tuple[Scalar, ...], crm: tuple[Scalar, ...]
) -> Iterator[Mapping[str, Taken]]:
    """None; each side taken on what is there now, on older values, and for another group."""
    yield NOBODY
    for take in Side:
        yield {group: Taken(take, prm, crm, "dana")}
        yield {group: Taken(take, ("old", *prm[1:]), crm, "dana")}
        yield {group: Taken(take, prm, ("old", *crm[1:]), "dana")}
        yield {"another": Taken(take, prm, crm, "dana")}


def one_sided(direction: Direction, policy: Policy = Policy.HOLD) -> Iterator[Case]:
    """At least one side has no record: base × sides × record rules × decisions × skip. A second
    field that flows both ways stands beside the one with `direction`."""
    groups = (GroupRule("f", ("f",), policy, direction), GroupRule("g", ("g", "h")))
    here = [Present({"f": value, "g": "w", "h": None}) for value in VALUES]
    stale = Present({"f": "v1", "g": "w", "h": None}, gone=True)
    away = [ABSENT, GONE]
    pairs = [*product(away, away), *product(away, [*here, stale]), *product([*here, stale], away)]
    agreed: list[Values] = [{"f": value, "g": "w", "h": None} for value in VALUES]
    bases: list[Values | None] = [None, {}, {"f": "v1"}, {"f": "v1", "g": "x", "h": None}, *agreed]
    for base, (prm, crm), rule, skip in product(
        bases, pairs, flags(groups), (frozenset[str](), frozenset({"f"}))
    ):
        for taken in _record_decisions(prm.values, crm.values):
            yield Case(base, prm, crm, rule, taken, skip)


def _record_decisions(prm: Values | None, crm: Values | None) -> Iterator[Mapping[str, Taken]]:
    ours, theirs = (tuple((values or {}).values()) for values in (prm, crm))
    yield NOBODY
    for take in Side:
        yield {RECORD: Taken(take, ours, theirs, "dana")}
    yield {RECORD: Taken(Side.PRM, ("old",), theirs, "dana")}
    yield {RECORD: Taken(Side.CRM, ours, ("old",), "dana")}


def merged_away(direction: Direction) -> Iterator[Case]:
    """The CRM record went into another one: base × our side × winner × record rules × decisions."""
    groups = (GroupRule("f", ("f",), Policy.HOLD, direction), GroupRule("g", ("g", "h")))
    here = [Present({"f": value, "g": "w", "h": None}) for value in VALUES]
    shown: list[Values] = [{"f": value, "g": "w", "h": None} for value in ("v1", "v2", None)]
    shown += [{"f": "v1", "g": None, "h": None}, {"f": None}]
    winners = [
        *(Winner("W", values) for values in shown),
        *(Winner("W", values, "Initech") for values in (*shown, {"f": "v1"})),
    ]
    bases: list[Values | None] = [
        None,
        {},
        {"f": "v1", "g": "w", "h": None},
        {"f": None, "g": None, "h": "x"},
        {"f": "v2", "g": "w"},
    ]
    for base, prm, winner, rule, skip in product(
        bases, [ABSENT, GONE, *here], winners, flags(groups), (frozenset[str](), frozenset({"f"}))
    ):
        crm = Present(None, gone=True, into=winner)
        for taken in _merge_decisions(prm.values, winner.values):
            yield Case(base, prm, crm, rule, taken, skip)
    for prm, winner, rule in product([ABSENT, *here], winners, flags(groups)):
        # Who is there was merged into nothing, and what is merely absent is no merge.
        yield Case(bases[2], prm, Present({"f": "v1", "g": "w"}, into=winner), rule)
        yield Case(bases[2], prm, Present(None, into=winner), rule)


def _merge_decisions(ours: Values | None, theirs: Values) -> Iterator[Mapping[str, Taken]]:
    prm = tuple((ours or {}).values())
    crm = tuple(theirs.get(name) for name in ("f", "g", "h"))
    yield NOBODY
    for take in Side:
        yield {RECORD: Taken(take, prm, crm, "dana")}
    yield {RECORD: Taken(Side.PRM, ("old",), crm, "dana")}
    yield {RECORD: Taken(Side.CRM, prm, ("old",), "dana")}
    yield {RECORD: Taken(Side.CRM, prm, (), "dana")}


def two_members(policy: Policy, direction: Direction) -> Iterator[Case]:
    """A group of two fields: every combination of blank and two values in each place, agreed,
    never agreed, and agreed for one of the two only."""
    pairs = list(product((None, "a", "b"), repeat=2))
    agreed: list[Values] = [{"m": m, "n": n} for m, n in pairs]
    never: Values = {"m": "a"}
    starts: list[tuple[Values | None, First]] = [
        *((base, first) for base in (None, never) for first in First),
        *((base, First.HOLD) for base in agreed),  # any first rule: see `one_field`
    ]
    for (base, first), ours, theirs in product(starts, pairs, pairs):
        rule = RecordRule((GroupRule("pair", ("m", "n"), policy, direction, first),))
        prm, crm = (Present({"m": m, "n": n}) for m, n in (ours, theirs))
        yield Case(base, prm, crm, rule)
        yield Case(base, prm, crm, rule, {"pair": Taken(Side.PRM, ours, theirs, "dana")})


def two_groups(first: GroupRule, second: GroupRule) -> Iterator[Case]:
    """Two groups beside each other, each with base × prm × crm of its own."""
    rule = RecordRule((first, second))
    cells = list(product(("v1", "v2", None), repeat=3))
    for one, other in product(cells, cells):
        agreed, prm, crm = (_named(pair) for pair in zip(one, other, strict=True))
        yield Case(agreed, Present(prm), Present(crm), rule)


def _named(values: tuple[Scalar, Scalar]) -> Values:
    return {"f": values[0], "g": values[1]}


STAGES: tuple[Scalar, ...] = (None, "no stage of ours", *(stage.value for stage in Stage))


def stages(direction: Direction) -> Iterator[Case]:
    """The stage by itself and with a close date before it: every stage in all three places."""
    alone = RecordRule((GroupRule("s", ("s",), Policy.STAGE, direction, stage=0),))
    for base, ours, theirs in product(STAGES, repeat=3):
        yield Case({"s": base}, Present({"s": ours}), Present({"s": theirs}), alone)
    dated = RecordRule((GroupRule("p", ("day", "s"), Policy.STAGE, direction, stage=1),))
    days = (("d1", "d1", "d1"), ("d1", "d2", "d1"), ("d1", "d1", "d2"), ("d1", "d2", "d3"))
    for codes, (d1, d2, d3) in product(product(STAGES, repeat=3), days):
        agreed, prm, crm = (
            _dated(day, code) for day, code in zip((d1, d2, d3), codes, strict=True)
        )
        yield Case(agreed, Present(prm), Present(crm), dated)


def _dated(day: str, code: Scalar) -> Values:
    return {"day": day, "s": code}


def samples(cases: Sequence[Any], many: int = 5) -> str:
    """The first few of a list, one a line, and how many there are."""
    return "\n".join([f"{len(cases)} cases:", *(str(one) for one in cases[:many])])
