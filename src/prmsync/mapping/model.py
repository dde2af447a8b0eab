"""A mapping as data: one file maps one stream of one connector. See docs/mapping-reference.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prmsync.domain.merge import Direction, First, Guard, OnDelete, Policy
from prmsync.domain.stage import Stage


@dataclass(frozen=True, slots=True)
class Position:
    """Where a key stands in its file; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class FieldMap:
    """One field of the partner database and its CRM counterpart.

    `transform` names a function of `prmsync.mapping.transforms`. `picklist` maps our code to the
    CRM's codes or labels: the first is written, all are read. `to` is the stream a reference
    points to. `group` is the field's own name unless it merges together with others.
    """

    prm: str
    crm: str
    transform: str
    group: str
    at: Position
    picklist: Mapping[str, tuple[str, ...]] | None = None
    to: str | None = None


@dataclass(frozen=True, slots=True)
class GroupMap:
    """Fields that merge as one value; a field outside any group is a group of one."""

    name: str
    members: tuple[str, ...]
    """prm field names, in file order; for policy `stage` the stage itself is a member."""
    policy: Policy
    direction: Direction
    first: First
    at: Position


@dataclass(frozen=True, slots=True)
class StageMap:
    """Neutral stages by pipeline label (HubSpot) or record type developer name (Salesforce).

    For each neutral stage the CRM stage labels: the first is written, all are read. `field` is
    the CRM field that names the record's pipeline or record type, None where there is only one.
    """

    default: str
    pipelines: Mapping[str, Mapping[Stage, tuple[str, ...]]]
    at: Position
    places: Mapping[tuple[str, Stage], Position] = field(default_factory=dict)
    """Where the labels of each pipeline's neutral stage stand."""
    field: str | None = None


@dataclass(frozen=True, slots=True)
class OwnerMap:
    """People by e-mail: overrides (ours → theirs), and who owns what nobody known owns."""

    fallback: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    at: Position = Position("", 0, 0)


@dataclass(frozen=True, slots=True)
class RelationMap:
    """For the relation stream: CRM objects of both ends, and roles (our code → CRM label)."""

    from_field: str
    from_object: str
    to_field: str
    to_object: str
    role_field: str
    roles: Mapping[str, str]
    at: Position = Position("", 0, 0)


@dataclass(frozen=True, slots=True)
class StatusMap:
    """CRM fields in which a record carries its sync state (`prmsync.mapping.status`)."""

    state: str
    reason: str | None = None
    decision: str | None = None
    at: Position = Position("", 0, 0)
    places: Mapping[str, Position] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BrakeLimits:
    """What each cause may do in a run; see `prmsync.reconcile.brakes.Limits`."""

    absolute: int = 50
    percent: int = 20
    creates: int = 50
    deletes: int = 10
    ends: int = 20
    blanks: int = 20
    regressions: int = 10
    empty: int = 50


@dataclass(frozen=True, slots=True)
class StreamMapping:
    """Everything a mapping file says.

    `match` lists match keys in order, each a tuple of prm field names compared normalised.
    `filter` admits records by prm field values; a record that leaves it becomes dormant.
    `home`: each record has one home connection whose CRM owns it; other connections keep a copy.
    """

    connector: str
    stream: str
    object: str
    key: str | None
    fields: Mapping[str, FieldMap]
    groups: Mapping[str, GroupMap]
    at: Position
    match: tuple[tuple[str, ...], ...] = ()
    create_crm: bool = True
    create_prm: bool = False
    stamp_key: bool = True
    """Write the external key into CRM records that were matched or came from the CRM."""
    on_delete: OnDelete = OnDelete.UNLINK
    recreate: bool = False
    guard: Guard = Guard.LOOK
    allow_duplicates: bool = False
    home: bool = False
    filter: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stages: StageMap | None = None
    owners: OwnerMap = OwnerMap()
    relation: RelationMap | None = None
    brakes: BrakeLimits = BrakeLimits()
    status: StatusMap | None = None
    places: Mapping[str, Position] = field(default_factory=dict)
    """Where `object` and `key` stand."""

    def place(self, name: str) -> Position:
        """Where `object` or `key` stands; the file's beginning where that is not known."""
        return self.places.get(name, self.at)


STREAM_ORDER = ("partner", "opportunity", "registration", "relation")
"""Parents first: a stream refers only to itself and to streams before it."""
