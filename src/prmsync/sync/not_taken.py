"""Values that a CRM acknowledged and did not take: held, never taken for somebody's edit.

A formula, an approval lock or an amount that follows its products keeps the old value although
the write was answered with success. Read back, it would look like an edit in the CRM and undo the
person's edit on our side, or be written again and again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.reconcile.record import Decision, Held
from prmsync.reconcile.rules import GroupRule, RecordRule
from prmsync.store import journal
from prmsync.store.held import HeldItem, HeldState
from prmsync.store.journal import FieldChange
from prmsync.store.links import OURS, Link

NOT_TAKEN = "not taken by the CRM"
OVERWRITTEN = "overwritten in the CRM by a record whose key somebody had put there"
STAND = (NOT_TAKEN, OVERWRITTEN)
"""Kinds that stay while their values do."""

Written = Mapping[str, FieldChange]
"""Field → (the value that was replaced, the value that was written), as last acknowledged."""


def last_written(
    connection: sa.Connection, links: Sequence[Link], our_user: str
) -> dict[int, Written]:
    """What we last wrote to the CRM records that moved without a person's known doing."""
    moved = [one.id for one in links if _by_nobody(one, our_user) and _differs(one)]
    return {**journal.last_crm_updates(connection, moved)} if moved else {}


def _by_nobody(link: Link, our_user: str) -> bool:
    """Whether no other person is known to have modified the record after our own write."""
    who = link.crm_modified_by
    return not who or who == our_user or who.startswith(OURS)


def _differs(link: Link) -> bool:
    base, crm = link.base, link.crm
    if not base or not crm or link.crm_gone:
        return False
    return any(name in base and base[name] != value for name, value in crm.items())


def withhold(
    decision: Decision, rule: RecordRule, link: Link, prm: Values | None, written: Written
) -> None:
    """Turn writes that answer a value the CRM did not take into held groups."""
    base, crm = link.base or {}, link.crm or {}
    for group in rule.groups:
        names = group.members
        if prm is None or group.name not in decision.reasons or _decided(decision, group.name):
            continue
        b, p, c = (tuple(side.get(name) for name in names) for side in (base, prm, crm))
        back = [name for name in names if crm.get(name) != base.get(name)]
        if p == b and all(written.get(name) == (crm.get(name), base.get(name)) for name in back):
            _take_out(decision, group)
            decision.held.append(Held(group.name, NOT_TAKEN, b, p, c))


def keep_held(
    decision: Decision,
    rule: RecordRule,
    link: Link,
    prm: Values | None,
    known: Sequence[HeldItem],
) -> None:
    """What was not taken stays held while its values stand, whoever edits something else."""
    crm = link.crm or {}
    for item in known:
        group = next((one for one in rule.groups if one.name == item.group), None)
        if item.state != HeldState.OPEN or item.kind not in STAND or group is None or prm is None:
            continue
        p, c = (tuple(side.get(name) for name in group.members) for side in (prm, crm))
        if group.name in decision.reasons and (item.prm, item.crm) == (p, c):
            _take_out(decision, group)
            decision.held.append(Held(group.name, item.kind, item.base, p, c))


def _take_out(decision: Decision, group: GroupRule) -> None:
    for name in group.members:
        decision.to_prm.pop(name, None)
        decision.to_crm.pop(name, None)
    del decision.reasons[group.name]


def _decided(decision: Decision, group: str) -> bool:
    """A person who saw that it was not taken has the last word."""
    return decision.reasons[group].startswith("decision of ")
