"""Channel conflict: kinds C1 to C8, severity, status and resolution.

A matter of business (two parties after one customer), never a disagreement between two systems.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from prmsync.domain.values import PrmId


class ConflictKind(StrEnum):
    """What kind of conflict it is, by the program's rule numbers."""

    PARTNER_PARTNER = "C1"
    PARTNER_DIRECT = "C2"
    NAMED_ACCOUNT = "C3"
    INCUMBENT = "C4"
    DIRECT_AFTER_PROTECTION = "C5"
    WEAK_MATCH = "C6"
    RESELLER_DISTRIBUTOR = "C7"
    DRIFT = "C8"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def severity(self) -> Severity:
        return _SEVERITIES[self]


class Severity(StrEnum):
    """How much a conflict matters; `none` is noted and asks nothing of anybody."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"


_LABELS = {
    ConflictKind.PARTNER_PARTNER: "partner against partner",
    ConflictKind.PARTNER_DIRECT: "partner against direct",
    ConflictKind.NAMED_ACCOUNT: "named account",
    ConflictKind.INCUMBENT: "incumbent partner on a renewal",
    ConflictKind.DIRECT_AFTER_PROTECTION: "direct after protection",
    ConflictKind.WEAK_MATCH: "weak match",
    ConflictKind.RESELLER_DISTRIBUTOR: "reseller and distributor",
    ConflictKind.DRIFT: "drift in the CRM",
}

_SEVERITIES = {
    ConflictKind.PARTNER_PARTNER: Severity.HIGH,
    ConflictKind.PARTNER_DIRECT: Severity.HIGH,
    ConflictKind.NAMED_ACCOUNT: Severity.HIGH,
    ConflictKind.INCUMBENT: Severity.MEDIUM,
    ConflictKind.DIRECT_AFTER_PROTECTION: Severity.HIGH,
    ConflictKind.WEAK_MATCH: Severity.LOW,
    ConflictKind.RESELLER_DISTRIBUTOR: Severity.NONE,
    ConflictKind.DRIFT: Severity.MEDIUM,
}


class ConflictStatus(StrEnum):
    """Where a conflict stands; how it was decided is its `Resolution`."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """`upheld_a` is the registration's side, `upheld_b` the other party's.

    `lapsed` is written by the check alone, when the evidence has gone; people use the others.
    """

    UPHELD_A = "upheld_a"
    UPHELD_B = "upheld_b"
    SPLIT = "split"
    DISMISSED = "dismissed"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason to believe that two records mean one customer; score from 0 to 100."""

    kind: str
    value: str
    score: int

    def __str__(self) -> str:
        return f"same {self.kind} {self.value} ({self.score})"


@dataclass(frozen=True, slots=True)
class ConflictFound:
    """What a rule found. Exactly one of `other_registration` and `opportunity` is set.

    In C1 `registration` is the later submission and `other_registration` the first valid one.
    `reason` is told on the registration, `other_reason` on the other party's record.
    """

    kind: ConflictKind
    registration: PrmId
    other_registration: PrmId | None
    opportunity: PrmId | None
    score: int
    evidence: tuple[Evidence, ...]
    products: tuple[str, ...]
    reason: str
    other_reason: str
    rule_version: str
    at: datetime

    @property
    def key(self) -> tuple[str, ...]:
        """The same for the same pair, whichever side of it came first."""
        parties = sorted(p for p in (self.registration, self.other_registration) if p)
        return (self.kind, *parties, self.opportunity or "")


@dataclass(frozen=True, slots=True)
class Conflict:
    """A stored conflict; `evidence` is JSON text with what a replay needs."""

    id: int
    kind: ConflictKind
    severity: Severity
    status: ConflictStatus
    registration: PrmId
    other_registration: PrmId | None
    opportunity: PrmId | None
    score: int
    reason: str
    evidence: str
    rule_version: str
    opened_at: datetime
    resolution: Resolution | None = None
    resolved_by: str | None = None
    resolved_why: str | None = None
    resolved_at: datetime | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """See `ConflictFound.key`."""
        parties = sorted(p for p in (self.registration, self.other_registration) if p)
        return (self.kind, *parties, self.opportunity or "")
