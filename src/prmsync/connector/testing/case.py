"""What the contract has to know of one CRM: an object to work on, and how the CRM misbehaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from prmsync.connector.protocol import ObjectSpec
from prmsync.domain.values import Scalar, Values

FaultRule = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class End:
    """One end of a relation: its stream, and values of a record that can be created."""

    spec: ObjectSpec
    values: Values


@dataclass(frozen=True, slots=True)
class RelationCase:
    """A relation stream and its ends; `roles` are two CRM role codes."""

    spec: ObjectSpec
    from_end: End
    to_end: End
    roles: tuple[str, str]


@dataclass(frozen=True, slots=True)
class ContractCase:
    """All values are canonical unless a name says `raw` (the CRM's own form)."""

    spec: ObjectSpec
    """A stream with an external key."""
    new: Callable[[int], Values]
    """Values of the n-th record, without the key; every field of `spec` but the key is set."""
    changed: tuple[str, Scalar]
    """A field, and a value that `new` never gives."""
    cleared: str
    """A field that may be emptied."""
    raw_edit: Mapping[str, Any]
    """What a CRM user types, in the CRM's own form …"""
    edited: Values
    """… and how it reads."""
    refused: Values
    """Values of a new record that the CRM refuses."""
    round_trip: Mapping[str, tuple[Scalar, ...]]
    """Field → canonical values that must read back as they were written."""
    page_size: int
    """Records of one page of a full read."""
    token_expired: FaultRule
    """The answer to a session that ended, on any call but the sign-in."""
    rate_limited: FaultRule
    """The answer when calls come too fast: passes soon."""
    quota_used_up: FaultRule
    """The answer when the day's calls are used up."""
    write_path: str
    """Regular expression of the path of creates and updates."""
    read_path: str
    """Regular expression of the path of full reads, further pages included."""
    look_back: int = 600
    """Seconds before the cursor that are read again."""
    relation: RelationCase | None = None
    raw_new: Mapping[str, Any] | None = None
    """What a CRM user types to make a record by hand, without our key; None where users cannot."""
    merges: End | None = None
    """A stream whose records CRM users merge by the control path, where the simulator has it."""
    quiet_calls: int = 2
    """At most so many calls for one stream's `changes` when nothing changed."""
    sees_deletes_in_changes: bool = True
    settle: float = 0.0
    """Seconds until a write shows in the CRM's change feed (a search index's lag)."""
