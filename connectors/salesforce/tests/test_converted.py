"""A converted lead refuses edits: whoever reads that is shown what the lead became."""

from __future__ import annotations

import pytest

from prmsync.connector.protocol import Change, ObjectSpec

LEADS = ObjectSpec("registration", "Lead", ("LastName", "Company"))


@pytest.fixture
def converted(bench):
    """Ids of two leads, each with what it was converted into."""
    leads = [
        bench.user_creates("Lead", {"LastName": f"Lead {n}", "Company": "Northwind"})
        for n in range(2)
    ]
    return {one: bench.control("POST", "convert_lead", {"id": one}) for one in leads}


def refusals(connector, ids):
    changes = [Change(one, {"Company": "Hooli"}) for one in ids]
    return [result.error for result in connector.update(LEADS, changes)]


def test_each_refusal_names_its_own_opportunity_and_where_to_open_it(bench, converted):
    other = bench.user_creates("Lead", {"LastName": "Open", "Company": "Acme"})
    connector = bench.connector()
    first, second, none = refusals(connector, [*converted, other])
    assert none is None
    for error, made in zip((first, second), converted.values(), strict=True):
        heir = made["ConvertedOpportunityId"]
        assert error.code == "CANNOT_UPDATE_CONVERTED_LEAD"
        page = f"http://crm.test/lightning/r/Opportunity/{heir}/view"
        assert error.hint.endswith(f"It went on as Opportunity {heir} ({page}).")


def test_a_lead_that_became_no_opportunity_names_its_account(bench):
    lead = bench.user_creates("Lead", {"LastName": "Doe", "Company": "Northwind"})
    made = bench.control("POST", "convert_lead", {"id": lead, "opportunity": False})
    (error,) = refusals(bench.connector(), [lead])
    heir = made["ConvertedAccountId"]
    page = f"http://crm.test/lightning/r/Account/{heir}/view"
    assert error.hint.endswith(f"It went on as Account {heir} ({page}).")


def test_all_of_a_batch_are_looked_up_together(bench, converted):
    connector = bench.connector()
    refusals(connector, converted)
    assert connector.usage().calls["guard"] == 1


def test_one_that_cannot_be_looked_up_is_refused_all_the_same(bench, converted):
    bench.fault(path="/query", method="GET", status=400, code="MALFORMED_QUERY", message="no")
    first, second = refusals(bench.connector(), converted)
    assert first.code == second.code == "CANNOT_UPDATE_CONVERTED_LEAD"
    assert "went on as" not in first.hint
