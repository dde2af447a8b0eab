"""The Salesforce connector meets the contract, in process and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from prmsync.connector.protocol import ObjectSpec, RelationSpec
from prmsync.connector.testing import Bench, ConnectorContract, ContractCase, End, RelationCase
from prmsync.domain.values import Values
from prmsync_salesforce import PLUGIN

REGISTRATION = ObjectSpec(
    stream="registration",
    object="PRM_Registration__c",
    fields=(
        "PRM_Registration_Id__c",
        "Name",
        "Customer_Name__c",
        "Product_Lines__c",
        "Amount__c",
        "Expected_Close__c",
        "Review_State__c",
        "Submitted_At__c",
        "Extensions__c",
        "Conflict__c",
        "Conflict_Reason__c",
    ),
    key="PRM_Registration_Id__c",
)
PARTNER = ObjectSpec(
    stream="partner",
    object="Account",
    fields=("PRM_Partner_Id__c", "Name", "Website"),
    key="PRM_Partner_Id__c",
)
OPPORTUNITY = ObjectSpec(
    stream="opportunity",
    object="Opportunity",
    fields=("PRM_Opportunity_Id__c", "Name", "StageName", "CloseDate", "Amount"),
    key="PRM_Opportunity_Id__c",
)
DEAL_PARTNER = ObjectSpec(
    stream="relation",
    object="OpportunityPartner",
    fields=("OpportunityId", "AccountToId", "Role"),
    relation=RelationSpec(
        from_field="OpportunityId",
        from_object="Opportunity",
        to_field="AccountToId",
        to_object="Account",
        role_field="Role",
        roles=("VAR/Reseller", "Distributor"),
    ),
)


def new_registration(number: int) -> Values:
    return {
        "Name": f"R-{number:05d}",
        "Customer_Name__c": f"O'Brien & Søns {number}",
        "Product_Lines__c": "backup;firewall",
        "Amount__c": f"{number}.50",
        "Expected_Close__c": "2026-12-24",
        "Review_State__c": "submitted",
        "Submitted_At__c": "2026-11-20T08:15:00.000Z",
        "Extensions__c": "0",
        "Conflict__c": False,
        "Conflict_Reason__c": "First line\nsecond line",
    }


@pytest.fixture
def case() -> ContractCase:
    limit = {"status": 403, "code": "REQUEST_LIMIT_EXCEEDED"}
    return ContractCase(
        spec=REGISTRATION,
        new=new_registration,
        changed=("Amount__c", "48000.10"),
        cleared="Customer_Name__c",
        raw_edit={"Amount__c": 77000.1, "Expected_Close__c": "2027-01-31"},
        edited={"Amount__c": "77000.10", "Expected_Close__c": "2027-01-31"},
        refused={**new_registration(9), "Review_State__c": "no such state"},
        round_trip={
            "Amount__c": ("0.00", "-12.30", "1234567890123.45", None),
            "Extensions__c": ("3", None),
            "Conflict__c": (True, False),
            "Expected_Close__c": ("2028-02-29", None),
            "Submitted_At__c": ("2026-03-29T00:59:59.000Z", None),
            "Product_Lines__c": ("antivirus", "a;b;c", None),
            "Customer_Name__c": ("Ü 'quoted\" \\ back", "日本", None),
            "Conflict_Reason__c": ("one\ntwo\n\nfour", None),
            "Review_State__c": ("under_review", None),
        },
        page_size=2000,
        token_expired={"status": 401, "code": "INVALID_SESSION_ID"},
        rate_limited={**limit, "message": "ConcurrentRequests (Concurrent API Requests) Limit"},
        quota_used_up={**limit, "message": "TotalRequests Limit exceeded."},
        write_path=r"/composite/sobjects(/PRM_Registration__c/.*)?$",
        read_path=r"/query(All)?(/|$)",
        quiet_calls=1,
        raw_new={"Name": "R-99999", "Review_State__c": "draft"},
        merges=End(PARTNER, {"Name": "Reseller AG"}),
        relation=RelationCase(
            spec=DEAL_PARTNER,
            from_end=End(
                OPPORTUNITY,
                {"Name": "Firewalls", "StageName": "Prospecting", "CloseDate": "2026-12-31"},
            ),
            to_end=End(PARTNER, {"Name": "Reseller AG"}),
            roles=("VAR/Reseller", "Distributor"),
        ),
    )


class TestInProcess(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with Bench.in_process(PLUGIN) as bench:
            yield bench


class TestOverHttp(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with Bench.over_http(PLUGIN) as bench:
            yield bench
