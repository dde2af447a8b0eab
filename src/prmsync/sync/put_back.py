"""Fields that two automations would write in turn through us for ever: held after three rounds.

A write is a *put-back* when it restores, on one side, the value both sides had agreed on, or when
it takes back what the last write to the other side had changed and another connection, not a
person, had brought that value. The journal is the count: a done write of another value, which is
a new edit, begins it anew, and so does a person's decision; a crash loses at most the one put-back
whose answer never came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.domain.values import Values
from prmsync.reconcile.record import Held
from prmsync.reconcile.rules import GroupRule, GroupValue
from prmsync.store import written
from prmsync.store.journal import Action
from prmsync.store.links import OURS, Link
from prmsync.store.written import DoneWrite

LIMIT = 3
"""Put-backs of one group without a new value; the next one waits for a person."""
TYPED_LIMIT = 2 * LIMIT
"""The same where a person may have typed each of the values on our side."""
PUT_BACK = f"put back {LIMIT} times"
"""How the reason of such a held group begins."""


@dataclass(slots=True)
class Chain:
    """The put-backs at the end of a group's writes, and what both sides agreed on after them."""

    base: GroupValue | None = None
    count: int = 0
    typed: bool = False
    side: str = ""
    old: GroupValue | None = None
    """Of the last write on this link, the value it replaced."""
    ours: GroupValue | None = None
    """What the last write of any connection left on our side."""
    other: str = ""
    """The connection that brought it, if it was another one."""

    def returns(self, side: str, old: GroupValue, new: GroupValue) -> bool:
        """Whether this write would be one more put-back."""
        if new == self.base:
            return True
        turned = self.side not in ("", side) and (old, new) == (self.base, self.old)
        return turned and (side == Side.PRM or self.ours == new)

    def add(self, side: str, old: GroupValue, new: GroupValue) -> None:
        """One done write of this link."""
        if self.returns(side, old, new):
            self.count += 1
        elif self.side not in ("", side) and (old, new) == (self.base, self.old):
            self.count, self.typed = self.count + 1, True
        else:
            self.count, self.typed = 0, False
        self.base, self.side, self.old = new, side, old
        if side == Side.PRM:
            self.ours, self.other = new, ""

    def is_full(self) -> bool:
        return self.count >= (TYPED_LIMIT if self.typed else LIMIT)


def chain_of(rule: GroupRule, link_id: int, writes: Sequence[DoneWrite]) -> Chain:
    """The chain of one group; `writes` are the record's, of all connections, oldest first."""
    chain = Chain()
    for write in writes:
        if not all(name in write.fields for name in rule.members):
            continue
        old = tuple(write.fields[name][0] for name in rule.members)
        new = tuple(write.fields[name][1] for name in rule.members)
        if write.link_id != link_id:
            if write.side == Side.PRM:
                chain.ours, chain.other = new, write.connection
        elif write.side == "base" or write.op == "create":
            chain = Chain(base=new, ours=new)
        else:
            chain.add(write.side, old, new)
    return chain


def long_written(
    connection: sa.Connection, actions: Sequence[Action]
) -> dict[int, list[DoneWrite]]:
    """The writes of records that these updates belong to, where there were enough to matter."""
    updates = {one.link_id for one in actions if one.op == "update" and one.side != "base"}
    return written.writes_of_records(connection, sorted(updates), least=LIMIT) if updates else {}


def hold_back(
    actions: Sequence[Action],
    rules: Sequence[GroupRule],
    link: Link,
    writes: Sequence[DoneWrite],
    asked: Mapping[str, str],
    crm: str,
    people: Mapping[str, str],
) -> list[Held]:
    """Take groups that were put back often enough out of these actions, and say why.

    `asked` are groups that a person has decided, and when they were asked, as text: the count
    begins anew there. `crm` is the CRM's title, `people` its users' names by id.
    """
    found = []
    for action in actions:
        if action.op != "update" or action.side == "base":
            continue
        for rule in rules:
            if not all(name in action.fields for name in rule.members):
                continue
            old = tuple(action.fields[name][0] for name in rule.members)
            new = tuple(action.fields[name][1] for name in rule.members)
            since = asked.get(rule.name)
            counted = [one for one in writes if since is None or one.done_at > since]
            chain = chain_of(rule, link.id, counted)
            if chain.returns(action.side, old, new) and chain.is_full():
                for name in rule.members:
                    del action.fields[name]
                prm, shown = (new, old) if action.side == Side.CRM else (old, new)
                agreed = _agreed(rule, link.base)
                found.append(Held(rule.name, _why(chain, link, crm, people), agreed, prm, shown))
    return found


def _agreed(rule: GroupRule, base: Values | None) -> GroupValue | None:
    if base is None or any(name not in base for name in rule.members):
        return None
    return tuple(base[name] for name in rule.members)


def _why(chain: Chain, link: Link, crm: str, people: Mapping[str, str]) -> str:
    """Who changes it again: the other system, and the user whose automation it seems to be."""
    who = (link.crm_modified_by or "").removeprefix(OURS)
    by = f", last by {people.get(who, 'its user ' + who)}" if who else ""
    if chain.other:
        return f"{PUT_BACK}: {crm}{by} and the connection {chain.other} change it in turn"
    if chain.side == Side.PRM and not chain.typed:
        return f"{PUT_BACK}: something in the partner database changes it again each time"
    if chain.typed:
        return f"{PUT_BACK}: {crm}{by} and the partner database change it in turn"
    return f"{PUT_BACK}: {crm} changes it again each time{by}"
