"""The sample's registrations and opportunities as rows of the partner database."""

from __future__ import annotations

from prmsync.domain.customer import Customer, joined
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.registration import Registration, ReviewEvent
from prmsync.service.sample_types import Row


def opportunity_row(deal: Opportunity) -> Row:
    return _customer(deal.customer) | {
        "id": deal.id,
        "number": deal.number,
        "name": deal.name,
        "partner": deal.partner,
        "product_lines": joined(deal.product_lines),
        "stage": deal.stage.value,
        "amount": deal.amount.amount if deal.amount else None,
        "currency": deal.amount.currency if deal.amount else None,
        "close_date": deal.close_date,
        "loss_reason": deal.loss_reason,
        "owner": deal.owner,
        "source": deal.source,
        "registered": deal.registered,
        "protected_until": deal.protected_until,
        "home": deal.home,
        "last_activity_at": deal.last_activity_at,
        "created_at": deal.created_at,
    }


def registration_row(r: Registration) -> Row:
    return _customer(r.customer) | {
        "id": r.id,
        "number": r.number,
        "partner": r.partner,
        "distributor": r.distributor,
        "opportunity": r.opportunity,
        "customer_contact": r.customer_contact,
        "product_lines": joined(r.product_lines),
        "amount": r.amount.amount if r.amount else None,
        "currency": r.amount.currency if r.amount else None,
        "expected_close": r.expected_close,
        "review_state": r.review_state.value,
        "reason": r.reason,
        "outcome": r.outcome.value if r.outcome else None,
        "submitted_at": r.submitted_at,
        "due_at": r.due_at,
        "approved_at": r.approved_at,
        "protected_until": r.protected_until,
        "extensions": r.extensions,
        "created_at": r.created_at,
    }


def event_row(event: ReviewEvent) -> Row:
    return {
        "registration": event.registration,
        "from_state": event.from_state.value if event.from_state else None,
        "to_state": event.to_state.value,
        "reason": event.reason,
        "actor": event.actor,
        "at": event.at,
    }


def _customer(customer: Customer) -> Row:
    return {
        "customer_name": customer.name,
        "customer_domain": customer.domain,
        "customer_duns": customer.duns,
        "customer_country": customer.country,
    }
