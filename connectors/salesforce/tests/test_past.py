"""How opportunities stood before, from both of the org's histories."""

from __future__ import annotations

from datetime import timedelta

import pytest

from prmsync.connector.protocol import ObjectSpec
from prmsync.connector.testing import Bench
from prmsync_salesforce import PLUGIN

WORTH = "PRM_Forecast_Amount__c"
"""Stands for an amount of the org's own, which OpportunityHistory does not know."""
FIELDS = ["StageName", WORTH]
DEALS = ObjectSpec("opportunity", "Opportunity", tuple(FIELDS), "PRM_Opportunity_Id__c")
VALUES = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2027-01-31", WORTH: 100}


def moved(bench):
    """A deal whose own amount is edited, then its stage, then its amount is cleared: a day each."""
    record = bench.user_creates("Opportunity", VALUES)
    for values in ({WORTH: 150}, {"StageName": "Qualification"}, {WORTH: None}):
        bench.clock.advance(86400)
        bench.user_edits("Opportunity", record, values)
    return record


def told(bench, record):
    found = bench.connector().past(DEALS, [record], FIELDS)
    assert {one.id for one in found} == {record}
    start = min(one.at for one in found)
    days = [(round((one.at - start) / timedelta(days=1)), one.values) for one in found]
    return sorted(days, key=lambda one: one[0])


def test_a_field_of_the_orgs_own_is_told_by_the_history_of_fields_from_its_first_value_on():
    with Bench.in_process(PLUGIN, {"settings": {"tracked_fields": [WORTH]}}) as bench:
        days = told(bench, moved(bench))
    assert days == [
        (0, {"StageName": "Prospecting"}),
        (0, {WORTH: "100.00"}),
        (1, {WORTH: "150.00"}),
        (2, {"StageName": "Qualification"}),
        (3, {WORTH: None}),
    ]


def test_what_no_history_keeps_is_left_out(bench):
    days = told(bench, moved(bench))
    assert days == [(0, {"StageName": "Prospecting"}), (2, {"StageName": "Qualification"})]


def test_an_org_without_the_history_of_fields_tells_the_rest(bench):
    record = moved(bench)
    bench.fault(
        path=r"/query\?q=.*OpportunityFieldHistory", status=400, code="INVALID_TYPE", message="no"
    )
    assert [day for day, _ in told(bench, record)] == [0, 2]


@pytest.mark.parametrize(("days", "kept"), [(700, 2), (729, 1), (740, 0)])
def test_field_history_is_kept_for_24_months(days, kept):
    with Bench.in_process(PLUGIN, {"settings": {"tracked_fields": [WORTH]}}) as bench:
        record = moved(bench)
        bench.clock.advance(days * 86400)
        found = bench.connector().past(DEALS, [record], [WORTH])
    assert len([one for one in found if WORTH in one.values]) == (kept + 1 if kept else 0)
