"""Why two records are no channel conflict any more, by the same rules that found them to be one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from prmsync.domain.opportunity import Opportunity
from prmsync.domain.program import ConflictRules
from prmsync.domain.registration import ACTIVE_STATES, Registration, ReviewState
from prmsync.program.conflicts import came_after_approval, is_active, is_direct, is_pair
from prmsync.program.customer_match import customer_keys, evidence

Party = Registration | Opportunity


def why_lapsed(
    registration: Registration | None, other: Party | None, now: datetime, rules: ConflictRules
) -> str:
    """In words for the people who would have decided it; None is a record that is gone."""
    if registration is None or other is None:
        return "one of the two records is gone"
    reasons = [*_no_claim(registration, now)]
    if isinstance(other, Registration):
        reasons += _no_claim(other, now)
        if is_pair(registration, other):
            reasons.append("both are of one partner, or of reseller and distributor of one deal")
    else:
        reasons += _not_against(registration, other, now, rules)
    reasons += _nothing_in_common(registration, other)
    return "; ".join(reasons) or "another record came first by now, and leads instead"


def _no_claim(one: Registration, now: datetime) -> Iterator[str]:
    if is_active(one, now):
        return
    if one.review_state not in ACTIVE_STATES:
        yield f"{one.number} is {one.review_state}"
    elif one.review_state is ReviewState.APPROVED:
        yield f"the protection of {one.number} ended{_day(one.protected_until)}"
    else:
        yield f"{one.number} was returned and not sent in again in time (due{_day(one.due_at)})"


def _not_against(
    registration: Registration, deal: Opportunity, now: datetime, rules: ConflictRules
) -> Iterator[str]:
    if registration.opportunity == deal.id:
        yield f"the deal is that of {registration.number} by now"
    elif not deal.is_direct:
        yield "the deal is not direct any more: it has a partner"
    elif not is_direct(deal, now - timedelta(days=rules.direct_activity_days)):
        days = rules.direct_activity_days
        yield f"the direct deal is closed and was not worked in the last {days} days"
    if came_after_approval(deal, registration):
        yield (
            f"the direct deal was made{_day(deal.created_at)}, after {registration.number} was "
            f"approved{_day(registration.approved_at)}: the partner is protected from it"
        )


def _nothing_in_common(one: Registration, other: Party) -> Iterator[str]:
    if not evidence(customer_keys(one.customer), customer_keys(other.customer)):
        yield "they do not name the same customer any more"
    if not one.product_lines & other.product_lines:
        yield "they have no product line in common any more"


def _day(at: datetime | None) -> str:
    return f" on {at.astimezone(UTC):%Y-%m-%d}" if at else ""
