"""The contract's cases on HubSpot: what to work on in an account made for the shipped mappings."""

from __future__ import annotations

import dataclasses

from prmsync.connector.protocol import ObjectSpec, RelationSpec
from prmsync.connector.testing import ContractCase, End, RelationCase
from prmsync.domain.values import Values

REGISTRATION = ObjectSpec(
    stream="registration",
    object="prm_registration",
    fields=(
        "prm_registration_id",
        "number",
        "customer_name",
        "amount",
        "expected_close",
        "review_state",
        "submitted_at",
        "extensions",
        "conflict",
        "conflict_reason",
    ),
    key="prm_registration_id",
)
OPPORTUNITY = ObjectSpec(
    stream="opportunity",
    object="deals",
    fields=(
        "prm_opportunity_id",
        "dealname",
        "amount",
        "pipeline",
        "dealstage",
        "closedate",
        "prm_registered",
    ),
    key="prm_opportunity_id",
)
PARTNER = ObjectSpec(
    stream="partner",
    object="companies",
    fields=("prm_partner_id", "name", "domain", "prm_types"),
    key="prm_partner_id",
)
DEAL_PARTNER = ObjectSpec(
    stream="relation",
    object="deals",
    fields=("deal_id", "company_id", "label"),
    relation=RelationSpec(
        from_field="deal_id",
        from_object="deals",
        to_field="company_id",
        to_object="companies",
        role_field="label",
        roles=("Reseller", "Distributor"),
    ),
)
DEAL = {"dealname": "Firewalls", "dealstage": "appointmentscheduled", "pipeline": "default"}
READ_PATH = r"/objects/([^/]+/)?(0-\d+|2-\d+|deals|companies)(/search)?$"


def new_registration(number: int) -> Values:
    return {
        "number": f"R-{number:05d}",
        "customer_name": f"O'Brien & Søns {number}",
        "amount": f"{number}.5",
        "expected_close": "2026-12-24",
        "review_state": "submitted",
        "submitted_at": "2026-11-20T08:15:00.000Z",
        "extensions": "0",
        "conflict": False,
        "conflict_reason": "First line\nsecond line",
    }


def registrations() -> ContractCase:
    return ContractCase(
        spec=REGISTRATION,
        new=new_registration,
        changed=("amount", "48000.1"),
        cleared="customer_name",
        raw_edit={"amount": "77000.10", "expected_close": "2027-01-31"},
        edited={"amount": "77000.1", "expected_close": "2027-01-31"},
        refused={**new_registration(9), "review_state": "no such state"},
        round_trip={
            "amount": ("0", "-12.3", "1234567890123.45", None),
            "extensions": ("3", None),
            "conflict": (True, False, None),
            "expected_close": ("2028-02-29", None),
            "submitted_at": ("2026-03-29T00:59:59.000Z", None),
            "customer_name": ("Ü 'quoted\" \\ back; slash", "日本", None),
            "conflict_reason": ("one\ntwo\n\nfour", None),
            "review_state": ("under_review", None),
        },
        page_size=100,
        token_expired={"status": 401, "body": {"category": "EXPIRED_AUTHENTICATION"}},
        rate_limited={
            "status": 429,
            "body": {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"},
        },
        quota_used_up={
            "status": 429,
            "body": {"errorType": "RATE_LIMIT", "policyName": "DAILY"},
        },
        write_path=r"/batch/(upsert|update)$",
        read_path=READ_PATH,
        quiet_calls=1,
        sees_deletes_in_changes=False,
        raw_new={"number": "R-1", "customer_name": "Walk-in"},
        relation=RelationCase(
            spec=DEAL_PARTNER,
            from_end=End(OPPORTUNITY, DEAL),
            to_end=End(PARTNER, {"name": "Reseller AG"}),
            roles=("Reseller", "Distributor"),
        ),
        merges=End(PARTNER, {"name": "Reseller AG"}),
    )


def new_deal(number: int) -> Values:
    return {
        **DEAL,
        "dealname": f"Deal {number}",
        "amount": str(1000 + number),
        "closedate": "2026-12-24T11:00:00.000Z",
        "prm_registered": True,
    }


def deals() -> ContractCase:
    return dataclasses.replace(
        registrations(),
        spec=OPPORTUNITY,
        new=new_deal,
        changed=("dealname", "Renamed"),
        cleared="amount",
        raw_new=DEAL,
        raw_edit={"amount": "9000", "closedate": "1798714800000"},
        edited={"amount": "9000", "closedate": "2026-12-31T11:00:00.000Z"},
        refused={**new_deal(9), "dealstage": "no such stage"},
        round_trip={
            "closedate": ("2027-02-28T23:30:00.000Z", None),
            "prm_registered": (False, True),
            "dealname": ("日本", None),
        },
        rate_limited={"status": 429, "body": {"category": "RATE_LIMITS"}},
    )
