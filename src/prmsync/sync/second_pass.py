"""Optional references to records that do not exist on the other side yet, or no more.

They are left out of a record's first write and follow in a second one, once their record is there:
so records may refer to each other in a circle, and one that is never linked holds nothing up but
the reference itself. A reference that a record cannot be without makes the whole row wait.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from prmsync.domain.values import Scalar, Values
from prmsync.mapping.fields import CATALOGUE
from prmsync.reconcile.record import Decision
from prmsync.reconcile.rules import GroupRule
from prmsync.store import journal
from prmsync.store.journal import Action
from prmsync.store.row_checks import NO_SUCH_RECORD, RowProblem
from prmsync.sync import references
from prmsync.sync.session import Stream

LATER = "@later"
"""In a link's base: the reference was left out when our record was made from the CRM's."""
FOLLOWS = "left out of the first write: the record it names was not there yet"


def requires(stream: Stream, names: Collection[str]) -> bool:
    """Whether a record cannot be without one of these references."""
    return any(CATALOGUE[stream.name][name].required for name in names)


def split(
    connection: sa.Connection, stream: Stream, action: Action, values: Values, missing: set[str]
) -> bool:
    """Take the groups of these references out of a row and give them one of their own in the same
    run. False where the row has to wait: it cannot be made without them, or says nothing else."""
    if stream.spec.relation is not None or (action.op == "create" and requires(stream, missing)):
        return False  # a record that is there already has the reference: the rest need not wait
    late = [name for name in _members(stream, missing) if name in action.fields]
    first = {name: one for name, one in action.fields.items() if name not in late}
    if action.op == "update" and not first:
        return False
    second = {name: action.fields[name] for name in late}
    row = Action(action.link_id, action.stream_id, action.side, "update", second, FOLLOWS)
    row.state, row.cause, row.brake_id = action.state, action.cause, action.brake_id
    action.fields = first
    journal.set_fields(connection, action)
    journal.add(connection, action.run_id, [row])
    for name in late:
        values.pop(name, None)
    return True


def _members(stream: Stream, names: Collection[str]) -> list[str]:
    """All fields of the groups of these references: a group is one value."""
    return [
        member
        for group in stream.rule.groups
        if not set(names).isdisjoint(group.members)
        for member in group.members
    ]


def marks(stream: Stream, crm: Mapping[str, Scalar]) -> Values:
    """What the base says of references that could not be taken over at a creation."""
    unknown = [name for name in stream.references if references.is_marked(crm.get(name))]
    return dict.fromkeys(_members(stream, unknown), LATER) if unknown else {}


def gone_here(stream: Stream, problems: Sequence[RowProblem]) -> list[str]:
    """What a creation of ours is made without, as it names records that are gone here. Nothing
    where it was refused for something else too, or cannot be made without them."""
    names = {one.field for one in problems if one.code == NO_SUCH_RECORD}
    if len(names) < len(problems) or not names <= stream.references.keys():
        return []
    if stream.spec.relation is not None or requires(stream, names):
        return []
    return _members(stream, names)


def leave_out(
    connection: sa.Connection, action: Action, values: Values, names: Collection[str]
) -> None:
    """Take these fields out of a row and of what it is to write."""
    for name in names:
        values.pop(name, None)
    action.fields = {name: one for name, one in action.fields.items() if name not in names}
    if action.id:
        journal.set_fields(connection, action)


def left_out(stream: Stream, base: Values | None) -> list[GroupRule]:
    """The groups that are still to be taken over from the CRM."""
    if base is None or not any(base.get(name) == LATER for name in stream.references):
        return []
    return [one for one in stream.rule.groups if LATER in map(base.get, one.members)]


def as_blank(base: Values | None, groups: Collection[GroupRule]) -> Values | None:
    """The base as both sides would see it: nothing was agreed on but that ours is blank."""
    late = [name for group in groups for name in group.members]
    return {**base, **dict.fromkeys(late)} if base is not None and late else base


def take_over(
    decision: Decision,
    groups: Collection[GroupRule],
    prm: Values | None,
    crm: Values | None,
    skip: frozenset[str],
) -> None:
    """What was left out of our record comes now, whoever owns the field: nobody emptied it."""
    if prm is None or crm is None:
        return
    for group in groups:
        ours = [prm.get(name) for name in group.members]
        if group.name in skip or any(ours):
            continue
        to = decision.to_prm if any(map(crm.get, group.members)) else decision.base
        for name in group.members:
            decision.to_crm.pop(name, None)
            decision.base.pop(name, None)
            to[name] = crm.get(name)
        decision.held = [one for one in decision.held if one.group != group.name]
        decision.reasons[group.name] = FOLLOWS
