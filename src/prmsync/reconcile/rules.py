"""What a mapping says about merging, reduced to what the decision needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prmsync.domain.merge import Direction, First, OnDelete, Policy, Side
from prmsync.domain.values import Scalar

GroupValue = tuple[Scalar, ...]
"""The members' values in the order of `GroupRule.members`; a group merges as one value."""


@dataclass(frozen=True, slots=True)
class GroupRule:
    """How one group of fields merges. `stage` is the index of the stage among the members."""

    name: str
    members: tuple[str, ...]
    policy: Policy = Policy.HOLD
    direction: Direction = Direction.BOTH
    first: First = First.HOLD
    stage: int | None = None

    def flows_to(self, side: Side) -> bool:
        """Whether values may move to `side` at all."""
        return self.direction in (
            Direction.BOTH,
            Direction.TO_CRM if side is Side.CRM else Direction.TO_PRM,
        )

    def copy_to_crm(self) -> GroupRule:
        """The same fields where another connection's CRM owns the record: ours holds a copy."""
        return GroupRule(
            self.name, self.members, Policy.PRM, Direction.TO_CRM, First.PRM, self.stage
        )


@dataclass(frozen=True, slots=True)
class RecordRule:
    """How one stream's records merge, are created and deleted."""

    groups: tuple[GroupRule, ...]
    create_crm: bool = True
    create_prm: bool = False
    on_delete: OnDelete = OnDelete.UNLINK
    recreate: bool = False
    taken_by: Mapping[Side, tuple[str, ...]] = field(init=False, compare=False, repr=False)
    """The members that may flow to each side, in order."""

    def __post_init__(self) -> None:
        flows = {
            side: tuple(
                member for group in self.groups if group.flows_to(side) for member in group.members
            )
            for side in Side
        }
        object.__setattr__(self, "taken_by", flows)

    def copy_to_crm(self) -> RecordRule:
        """The rule for a record whose home is another connection: never created from here."""
        groups = tuple(group.copy_to_crm() for group in self.groups)
        return RecordRule(groups, self.create_crm, False, OnDelete.UNLINK, self.recreate)


@dataclass(frozen=True, slots=True)
class Taken:
    """A person's decision on a held group; valid only for the two values they saw."""

    take: Side
    prm: GroupValue
    crm: GroupValue
    by: str
