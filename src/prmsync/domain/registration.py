"""Deal registrations and their review-state machine.

Review state says whether we accepted the registration; where the deal stands is the
opportunity's stage, and how it ended is `outcome`. The three are never mixed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from prmsync.domain.customer import NO_CUSTOMER, UNMARKED, ConflictMark, Customer
from prmsync.domain.money import Money
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.program import ReviewSettings
from prmsync.domain.values import PrmId
from prmsync.errors import StateError


class ReviewState(StrEnum):
    """Whether the vendor accepted a registration; says nothing of the deal's stage or outcome."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    UNDER_REVIEW = "under_review"
    RETURNED = "returned"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"
    CLOSED = "closed"


class RejectReason(StrEnum):
    """Why a registration was rejected."""

    DUPLICATE = "duplicate"
    DIRECT_ENGAGED = "direct_engaged"
    INCOMPLETE = "incomplete"
    INELIGIBLE_PRODUCT = "ineligible_product"
    INELIGIBLE_PARTNER = "ineligible_partner"
    NAMED_ACCOUNT = "named_account"
    OTHER = "other"


class Outcome(StrEnum):
    """How the deal of a closed registration ended."""

    WON = "won"
    LOST = "lost"


class Needs(StrEnum):
    """What a transition needs besides a right from-state."""

    REASON = "a reason"
    REJECT_REASON = "a reject reason"
    OPPORTUNITY = "a linked opportunity"
    EXTENSION = "an approved extension"
    ADMINISTRATOR = "an administrator"
    OUTCOME = "an outcome, won or lost"


_S = ReviewState
TRANSITIONS: dict[ReviewState, dict[ReviewState, tuple[Needs, ...]]] = {
    _S.DRAFT: {_S.SUBMITTED: (), _S.WITHDRAWN: ()},
    _S.SUBMITTED: {_S.UNDER_REVIEW: (), _S.WITHDRAWN: ()},
    _S.UNDER_REVIEW: {
        _S.APPROVED: (Needs.OPPORTUNITY,),
        _S.RETURNED: (Needs.REASON,),
        _S.REJECTED: (Needs.REJECT_REASON,),
        _S.WITHDRAWN: (),
    },
    _S.RETURNED: {_S.SUBMITTED: (), _S.WITHDRAWN: (), _S.EXPIRED: ()},
    _S.APPROVED: {_S.EXPIRED: (), _S.CANCELLED: (), _S.CLOSED: (Needs.OUTCOME,)},
    _S.EXPIRED: {_S.APPROVED: (Needs.OPPORTUNITY, Needs.EXTENSION)},
    _S.REJECTED: {_S.UNDER_REVIEW: (Needs.ADMINISTRATOR,)},
    _S.WITHDRAWN: {},
    _S.CANCELLED: {},
    _S.CLOSED: {},
}
"""From-state → to-state → what the move needs; a move that is not here does not exist."""

ACTIVE_STATES = frozenset({_S.SUBMITTED, _S.UNDER_REVIEW, _S.RETURNED, _S.APPROVED})
"""States in which a registration holds or claims a customer."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A partner's claim on a deal.

    `due_at` is when the next step is due: our decision while submitted or under review, the
    partner's answer while returned. `protected_until` is the last moment of protection.
    """

    id: PrmId
    number: str
    partner: PrmId
    distributor: PrmId | None = None
    opportunity: PrmId | None = None
    customer: Customer = NO_CUSTOMER
    customer_contact: str | None = None
    product_lines: frozenset[str] = frozenset()
    amount: Money | None = None
    expected_close: date | None = None
    review_state: ReviewState = ReviewState.DRAFT
    reason: str | None = None
    outcome: Outcome | None = None
    submitted_at: datetime | None = None
    due_at: datetime | None = None
    approved_at: datetime | None = None
    protected_until: datetime | None = None
    extensions: int = 0
    conflict: ConflictMark = UNMARKED
    margin: Money | None = None
    created_at: datetime | None = None

    def is_protected(self, at: datetime) -> bool:
        until = self.protected_until
        approved = self.review_state is ReviewState.APPROVED
        return approved and (until is None or at <= until)


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a review: where to, who, when, and what the transition needs."""

    to: ReviewState
    actor: str
    at: datetime
    reason: str | None = None
    outcome: Outcome | None = None
    opportunity: PrmId | None = None
    extension: bool = False
    administrator: bool = False


@dataclass(frozen=True, slots=True)
class ReviewEvent:
    """What a move leaves behind in the history of a registration."""

    registration: PrmId
    from_state: ReviewState | None
    to_state: ReviewState
    reason: str | None
    actor: str
    at: datetime


def move(
    registration: Registration, step: Move, settings: ReviewSettings
) -> tuple[Registration, ReviewEvent]:
    """The registration after a step, and its event.

    Raises StateError when the state has no such move, or lacks what the move needs; the message
    names everything that is missing.
    """
    _check(registration, step, settings)
    after = replace(registration, review_state=step.to, due_at=None, reason=step.reason)
    event = ReviewEvent(
        registration.id, registration.review_state, step.to, step.reason, step.actor, step.at
    )
    return _with_dates(after, registration, step, settings), event


def lacks(registration: Registration) -> tuple[str, ...]:
    """What a submission needs and this registration does not have."""
    customer = registration.customer
    have = {
        "a customer": customer.name or customer.domain or customer.duns,
        "a product line": registration.product_lines,
        "an amount with its currency": registration.amount,
    }
    return tuple(what for what, value in have.items() if not value)


def _check(registration: Registration, step: Move, settings: ReviewSettings) -> None:
    allowed = TRANSITIONS[registration.review_state]
    if step.to not in allowed:
        raise StateError(
            f"{registration.number} is {registration.review_state}, it cannot become {step.to}",
            hint=f"from here it can become: {', '.join(allowed) or 'nothing, this is an end'}",
        )
    lacking = lacks(registration) if step.to is ReviewState.SUBMITTED else ()
    if lacking:
        raise StateError(
            f"{registration.number} cannot be submitted without {' and '.join(lacking)}",
            hint="an incomplete registration takes no place in the queue: fill these in first",
        )
    missing = [need for need in allowed[step.to] if not _has(registration, step, need)]
    if missing:
        raise StateError(
            f"{registration.number} cannot become {step.to} without {' and '.join(missing)}",
            hint=_HINTS[missing[0]],
        )
    if Needs.EXTENSION in allowed[step.to] and registration.extensions >= settings.max_extensions:
        raise StateError(
            f"{registration.number} was extended {registration.extensions} times already",
            hint=f"the program allows {settings.max_extensions}",
        )


_HINTS = {
    Needs.REASON: "say what the partner has to change",
    Needs.REJECT_REASON: f"one of: {', '.join(RejectReason)}; a note may follow after a colon",
    Needs.OPPORTUNITY: "link an opportunity, or let one be created",
    Needs.EXTENSION: "an expired registration comes back by an approved extension only",
    Needs.ADMINISTRATOR: "only an administrator takes a rejected registration back into review",
    Needs.OUTCOME: "say whether the deal was won or lost",
}


def _has(registration: Registration, step: Move, need: Needs) -> bool:
    if need is Needs.REASON:
        return bool(step.reason and step.reason.strip())
    if need is Needs.REJECT_REASON:
        return reject_code(step.reason) is not None
    if need is Needs.OPPORTUNITY:
        return bool(step.opportunity or registration.opportunity)
    if need is Needs.EXTENSION:
        return step.extension
    if need is Needs.ADMINISTRATOR:
        return step.administrator
    return step.outcome is not None


def reject_code(reason: str | None) -> RejectReason | None:
    """The code at the head of "duplicate: same deal as DR-1031"; None if it is no code."""
    head = (reason or "").partition(":")[0].strip()
    return RejectReason(head) if head in set(RejectReason) else None


def _with_dates(
    after: Registration, before: Registration, step: Move, settings: ReviewSettings
) -> Registration:
    if step.to is ReviewState.SUBMITTED:
        in_time = before.submitted_at and (before.due_at is None or step.at <= before.due_at)
        first = before.submitted_at if in_time else step.at
        due = settings.end_after(step.at, settings.decision_days)
        return replace(after, submitted_at=first, due_at=due)
    if step.to is ReviewState.UNDER_REVIEW:
        late = settings.end_after(step.at, settings.decision_days)
        return replace(after, due_at=before.due_at or late)
    if step.to is ReviewState.RETURNED:
        return replace(after, due_at=settings.end_after(step.at, settings.resubmit_days))
    if step.to is ReviewState.APPROVED:
        return _approved(after, step, settings)
    if step.to is ReviewState.CLOSED:
        return replace(after, outcome=step.outcome)
    return after


def _approved(after: Registration, step: Move, settings: ReviewSettings) -> Registration:
    days = settings.extension_days if step.extension else settings.protection_days
    return replace(
        after,
        opportunity=step.opportunity or after.opportunity,
        approved_at=(after.approved_at if step.extension else None) or step.at,
        protected_until=settings.end_after(step.at, days),
        extensions=after.extensions + (1 if step.extension else 0),
    )


def extend(registration: Registration, at: datetime, settings: ReviewSettings) -> Registration:
    """Longer protection while it still runs, counted from its present end.

    Raises StateError unless the registration is approved and has an extension left.
    """
    if registration.review_state is not ReviewState.APPROVED:
        raise StateError(
            f"{registration.number} is {registration.review_state}, only approved ones are extended"
        )
    if registration.extensions >= settings.max_extensions:
        raise StateError(
            f"{registration.number} was extended {registration.extensions} times already",
            hint=f"the program allows {settings.max_extensions}",
        )
    start = max(registration.protected_until or at, at)
    until = settings.end_after(start, settings.extension_days)
    return replace(registration, protected_until=until, extensions=registration.extensions + 1)


def mark_opportunity(registration: Registration, opportunity: Opportunity) -> Opportunity:
    """The opportunity as the registration's state wants it shown in the CRM.

    Approval sets registered flag, partner and expiry; expiry and cancellation clear them; a
    closed registration keeps them for margin history. Other states change nothing.
    """
    if registration.review_state is ReviewState.APPROVED:
        return replace(
            opportunity,
            registered=True,
            partner=registration.partner,
            protected_until=registration.protected_until,
        )
    left = registration.review_state in (ReviewState.EXPIRED, ReviewState.CANCELLED)
    if left and opportunity.registered and opportunity.partner == registration.partner:
        return replace(opportunity, registered=False, partner=None, protected_until=None)
    return opportunity
