"""Channel conflicts C1 (partner against partner) and C2 (partner against direct).

Same end customer and at least one product line in common. Records are found by index, never by
comparing all with all. In C1 a later registration stands against the first valid submission, not
against every other one; in C2 against the five longest-standing direct opportunities at most: a
person needs the leading party, not a list of all pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from prmsync.domain.conflict import ConflictFound, ConflictKind
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.program import ConflictRules
from prmsync.domain.registration import ACTIVE_STATES, Registration, ReviewState
from prmsync.domain.values import PrmId
from prmsync.program.customer_match import CustomerKeys, agree, customer_keys, evidence

DIRECT_PER_REGISTRATION = 5
_DEFAULT_RULES = ConflictRules()
_LATEST = datetime.max.replace(tzinfo=UTC)

_Key = tuple[tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class _Claim:
    registration: Registration
    keys: CustomerKeys

    @property
    def order(self) -> tuple[datetime, tuple[object, ...], str]:
        r = self.registration
        return (r.submitted_at or r.created_at or _LATEST, _sequence(r.number), r.id)


@dataclass(frozen=True, slots=True)
class _Direct:
    opportunity: Opportunity
    keys: CustomerKeys

    @property
    def order(self) -> tuple[bool, datetime, str]:
        o = self.opportunity
        return (o.stage.is_closed, o.created_at or _LATEST, o.id)


@dataclass(slots=True)
class _Findings:
    now: datetime
    rule_version: str
    found: dict[tuple[str, ...], ConflictFound] = field(default_factory=dict)

    def add(self, kind: ConflictKind, claim: _Claim, other: _Claim | _Direct) -> None:
        conflict = _conflict(kind, claim, other, self.now, self.rule_version)
        if conflict is not None:
            self.found.setdefault(conflict.key, conflict)


def find_conflicts(
    registrations: Iterable[Registration],
    opportunities: Iterable[Opportunity],
    now: datetime,
    rule_version: str,
    rules: ConflictRules = _DEFAULT_RULES,
) -> list[ConflictFound]:
    """All C1 and C2 conflicts of this moment, in order of the registrations' submission."""
    claims = sorted(
        (_Claim(r, customer_keys(r.customer)) for r in registrations if is_active(r, now)),
        key=lambda claim: claim.order,
    )
    findings = _Findings(now, rule_version)
    _partner_against_partner(claims, findings)
    linked = {claim.registration.opportunity for claim in claims}
    recent = now - timedelta(days=rules.direct_activity_days)
    direct = (o for o in opportunities if is_direct(o, recent) and o.id not in linked)
    _partner_against_direct(claims, direct, findings)
    return list(findings.found.values())


def is_active(registration: Registration, now: datetime) -> bool:
    """Whether the claim stands."""
    if registration.review_state not in ACTIVE_STATES:
        return False
    if registration.review_state is ReviewState.APPROVED:
        return registration.is_protected(now)
    if registration.review_state is ReviewState.RETURNED:
        return registration.due_at is None or now <= registration.due_at
    return True


def is_direct(opportunity: Opportunity, recent: datetime) -> bool:
    """Whether it is a direct deal that is open, or was worked since `recent`."""
    if not opportunity.is_direct:
        return False
    activity = opportunity.last_activity_at
    return not opportunity.stage.is_closed or (activity is not None and activity >= recent)


def _partner_against_partner(claims: list[_Claim], findings: _Findings) -> None:
    firsts: dict[_Key, dict[str | None, _Claim]] = {}
    for claim in claims:
        for key, facet in _places(claim.keys, claim.registration.product_lines):
            by_facet = firsts.setdefault(key, {})
            first = _first(by_facet, facet)
            if first is not None and not is_pair(claim.registration, first.registration):
                findings.add(ConflictKind.PARTNER_PARTNER, claim, first)
            by_facet.setdefault(facet, claim)


def _places(keys: CustomerKeys, products: frozenset[str]) -> Iterator[tuple[_Key, str | None]]:
    for key, facet in keys.index_keys():
        for product in sorted(products):
            yield (key, product), facet


def _first(by_facet: dict[str | None, _Claim], facet: str | None) -> _Claim | None:
    candidates = [claim for other, claim in by_facet.items() if agree(facet, other)]
    return min(candidates, key=lambda claim: claim.order, default=None)


def is_pair(a: Registration, b: Registration) -> bool:
    """One partner twice, or reseller and distributor on one deal (C7): no conflict."""
    return a.partner == b.partner or b.partner == a.distributor or a.partner == b.distributor


def _partner_against_direct(
    claims: list[_Claim], opportunities: Iterable[Opportunity], findings: _Findings
) -> None:
    index = _direct_index(opportunities)
    for claim in claims:
        met: dict[PrmId, _Direct] = {}
        for key, facet in _places(claim.keys, claim.registration.product_lines):
            for other, ranked in index.get(key, {}).items():
                if agree(facet, other):
                    met.update(_leading(claim.registration, ranked))
        leading = sorted(met.values(), key=lambda direct: direct.order)
        for direct in leading[:DIRECT_PER_REGISTRATION]:
            findings.add(ConflictKind.PARTNER_DIRECT, claim, direct)


def _direct_index(
    opportunities: Iterable[Opportunity],
) -> dict[_Key, dict[str | None, list[_Direct]]]:
    index: dict[_Key, dict[str | None, list[_Direct]]] = {}
    direct = [_Direct(o, customer_keys(o.customer)) for o in opportunities]
    for entry in sorted(direct, key=lambda direct: direct.order):
        for key, facet in _places(entry.keys, entry.opportunity.product_lines):
            index.setdefault(key, {}).setdefault(facet, []).append(entry)
    return index


def _leading(registration: Registration, ranked: list[_Direct]) -> dict[PrmId, _Direct]:
    met: dict[PrmId, _Direct] = {}
    for direct in ranked:
        if len(met) == DIRECT_PER_REGISTRATION:
            break
        if not came_after_approval(direct.opportunity, registration):
            met[direct.opportunity.id] = direct
    return met


def came_after_approval(opportunity: Opportunity, registration: Registration) -> bool:
    """Such a direct deal is rule C5, the partner is protected from it."""
    created, approved = opportunity.created_at, registration.approved_at
    protected = registration.review_state is ReviewState.APPROVED
    return bool(protected and created and approved and created > approved)


def _conflict(
    kind: ConflictKind, claim: _Claim, other: _Claim | _Direct, now: datetime, rule_version: str
) -> ConflictFound | None:
    against = other.registration if isinstance(other, _Claim) else other.opportunity
    reasons = evidence(claim.keys, other.keys)
    products = tuple(sorted(claim.registration.product_lines & against.product_lines))
    if not reasons or not products:
        return None
    same = f"{', '.join(map(str, reasons))}; common product {', '.join(products)}"
    return ConflictFound(
        kind=kind,
        registration=claim.registration.id,
        other_registration=against.id if isinstance(against, Registration) else None,
        opportunity=against.id if isinstance(against, Opportunity) else None,
        score=max(reason.score for reason in reasons),
        evidence=reasons,
        products=products,
        reason=f"{_against(against)}: {same}",
        other_reason=f"{_claimed(claim.registration, kind)}: {same}",
        rule_version=rule_version,
        at=now,
    )


def _against(other: Registration | Opportunity) -> str:
    if isinstance(other, Registration):
        return f"{other.number} of another partner came first{_day(other.submitted_at)}"
    state = "closed" if other.stage.is_closed else "open"
    return f"{state} direct opportunity, created{_day(other.created_at) or ' on an unknown day'}"


def _claimed(registration: Registration, kind: ConflictKind) -> str:
    who = "another partner" if kind is ConflictKind.PARTNER_PARTNER else "a partner"
    return f"{registration.number} of {who} claims it too{_day(registration.submitted_at)}"


def _day(at: datetime | None) -> str:
    return f" on {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""


def _sequence(number: str) -> tuple[object, ...]:
    """ "DR-998" before "DR-1042": digits compare as numbers."""
    parts = re.split(r"(\d+)", number)
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts))
