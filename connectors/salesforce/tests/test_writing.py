"""Writes: one call for a batch, each row with its own result."""

from __future__ import annotations

import dataclasses
import json

import httpx
import pytest

from prmsync.connector.protocol import Change, NewRecord, ObjectSpec, RelationSpec
from prmsync.errors import (
    GoneError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    SchemaError,
)
from prmsync_salesforce import PLUGIN

PARTNERS = ObjectSpec("partner", "Account", ("PRM_Partner_Id__c", "Name"), "PRM_Partner_Id__c")
DEAL_PARTNERS = ObjectSpec(
    "relation",
    "OpportunityPartner",
    ("OpportunityId", "AccountToId", "Role"),
    relation=RelationSpec("OpportunityId", "Opportunity", "AccountToId", "Account", "Role", ("A",)),
)


def partner(number):
    return NewRecord(f"key-{number}", {"Name": f"Partner {number}"})


def test_more_rows_than_a_batch_are_our_own_mistake(bench):
    connector = bench.connector()
    with pytest.raises(ValueError, match="at most 200"):
        connector.create(PARTNERS, [partner(number) for number in range(201)])
    assert "write" not in connector.usage().calls


def test_a_locked_row_is_sent_again_and_the_others_are_done(bench):
    connector = bench.connector()
    made = connector.create(PARTNERS, [partner(number) for number in range(3)])
    bench.fault(record=made[1].id, code="UNABLE_TO_LOCK_ROW", status=400, times=1)
    changes = [Change(str(result.id), {"Name": "New"}) for result in made]
    writes = connector.usage().calls["write"]
    results = connector.update(PARTNERS, changes)
    assert [result.id for result in results] == [result.id for result in made]
    assert connector.usage().calls["write"] == writes + 2


def test_a_row_that_stays_locked_may_be_tried_again_by_the_next_run(bench):
    connector = bench.connector()
    (made,) = connector.create(PARTNERS, [partner(1)])
    bench.fault(record=made.id, code="UNABLE_TO_LOCK_ROW", status=400)
    (result,) = connector.update(PARTNERS, [Change(str(made.id), {"Name": "New"})])
    assert isinstance(result.error, RetryableError)
    assert bench.clock.slept == [1.0, 2.0, 4.0]


def test_a_record_locked_by_an_approval_waits(bench):
    connector = bench.connector()
    (made,) = connector.create(PARTNERS, [partner(1)])
    bench.fault(record=made.id, code="ENTITY_IS_LOCKED", status=400)
    (result,) = connector.update(PARTNERS, [Change(str(made.id), {"Name": "New"})])
    assert isinstance(result.error, RejectedError)
    assert "approval" in result.error.hint


def test_an_update_of_a_deleted_record_is_evidence(bench):
    connector = bench.connector()
    (made,) = connector.create(PARTNERS, [partner(1)])
    bench.user_deletes("Account", str(made.id))
    (result,) = connector.update(PARTNERS, [Change(str(made.id), {"Name": "New"})])
    assert isinstance(result.error, GoneError)
    assert result.id is None


def test_a_field_that_the_org_lacks_is_named_before_anything_is_sent(bench):
    connector = bench.connector()
    with pytest.raises(SchemaError, match="Nothing__c"):
        connector.update(PARTNERS, [Change("001000000000001AAA", {"Nothing__c": "x"})])
    assert "write" not in connector.usage().calls


def test_the_partner_flag_of_an_account_is_turned_on_and_never_off(bench):
    connector = bench.connector()
    spec = ObjectSpec("partner", "Account", ("PRM_Partner_Id__c", "IsPartner"), "PRM_Partner_Id__c")
    (made,) = connector.create(spec, [NewRecord("key", {"Name": "P", "IsPartner": True})])
    for off in (False, None):
        with pytest.raises(SchemaError, match="never turned off"):
            connector.update(spec, [Change(str(made.id), {"ispartner": off})])
    assert connector.fetch(spec, [str(made.id)])[str(made.id)].values["IsPartner"] is True


def test_a_deal_partner_is_never_updated(bench):
    with pytest.raises(RejectedError, match="cannot be changed"):
        bench.connector().update(DEAL_PARTNERS, [Change("00I000000000001AAA", {"Role": "B"})])


def test_a_delete_of_an_unknown_record_is_told_apart_from_a_deleted_one(bench):
    connector = bench.connector()
    (made,) = connector.create(PARTNERS, [partner(1)])
    bench.user_deletes("Account", str(made.id))
    gone, unknown = connector.delete(PARTNERS, [str(made.id), "001000000000999AAA"])
    assert gone.error is None
    assert unknown.error is not None


def test_records_open_under_the_orgs_own_address(bench):
    connector = bench.connector()
    url = connector.record_url("Account", "001000000000001AAA")
    assert url == "http://crm.test/lightning/r/Account/001000000000001AAA/view"
    assert connector.record_url("Account", "no id") is None
    assert bench.calls() == 0


def test_a_strict_update_is_refused_when_somebody_edited_after_the_look(bench):
    connector = bench.connector()
    strict = dataclasses.replace(PARTNERS, strict=True)
    made = [str(one.id) for one in connector.create(PARTNERS, [partner(n) for n in range(3)])]
    bench.clock.advance(60)
    seen = connector.fetch(strict, made)
    bench.clock.advance(2)
    bench.user_edits("Account", made[1], {"Name": "Typed"})
    changes = [Change(one, {"Name": "Ours"}, seen[one].version) for one in made]
    results = connector.update(strict, changes)
    assert [result.id for result in results] == [made[0], None, made[2]]
    assert isinstance(results[1].error, RetryableError)
    assert results[1].error.code == "PRECONDITION_FAILED"
    now = connector.fetch(strict, made)
    assert [now[one].values["Name"] for one in made] == ["Ours", "Typed", "Ours"]


def test_an_edit_within_the_second_of_the_look_is_not_seen_by_the_condition(bench):
    """The bound of what the header can do, said in the decision record: to the second."""
    connector = bench.connector()
    strict = dataclasses.replace(PARTNERS, strict=True)
    (made,) = connector.create(PARTNERS, [partner(1)])
    seen = connector.fetch(strict, [str(made.id)])[str(made.id)]
    bench.user_edits("Account", str(made.id), {"Name": "Typed"})
    (result,) = connector.update(strict, [Change(str(made.id), {"Name": "Ours"}, seen.version)])
    assert result.error is None


def test_a_strict_update_tells_every_rows_own_refusal(bench):
    connector = bench.connector()
    strict = dataclasses.replace(PARTNERS, strict=True)
    made = [str(one.id) for one in connector.create(PARTNERS, [partner(n) for n in range(30)])]
    bench.clock.advance(60)
    bench.user_deletes("Account", made[7])
    seen = connector.fetch(strict, made)
    before = connector.usage().calls["write"]
    names = {made[3]: "x" * 300}
    results = [
        result
        for some in (made[:25], made[25:])
        for result in connector.update(
            strict,
            [Change(one, {"Name": names.get(one, "New")}, seen[one].version) for one in some],
        )
    ]
    assert isinstance(results[3].error, RejectedError)
    assert isinstance(results[7].error, GoneError)
    assert sum(result.error is None for result in results) == 28
    assert connector.usage().calls["write"] == before + 2


def test_a_lost_reply_to_a_strict_update_is_an_unknown_outcome(bench):
    connector = bench.connector()
    strict = dataclasses.replace(PARTNERS, strict=True)
    (made,) = connector.create(PARTNERS, [partner(1)])
    seen = connector.fetch(strict, [str(made.id)])[str(made.id)]
    bench.fault(path="/composite$", drop=True, times=1)
    with pytest.raises(OutcomeUnknownError):
        connector.update(strict, [Change(str(made.id), {"Name": "Ours"}, seen.version)])
    assert connector.fetch(strict, [str(made.id)])[str(made.id)].values["Name"] == "Ours"


DUPLICATE = {
    "statusCode": "DUPLICATES_DETECTED",
    "message": "You're creating a duplicate record. We recommend you use an existing record.",
    "fields": [],
    "duplicateResut": {
        "allowSave": True,
        "matchResults": [
            {
                "entityType": "Account",
                "matchRecords": [
                    {"record": {"attributes": {"type": "Account"}, "Id": f"00100000000000{n}AAA"}}
                    for n in range(5)
                ],
            }
        ],
    },
}


def duplicate_org(scripted):
    org = scripted(lambda request: answer(request))

    def answer(request):
        if request.url.path.endswith("/composite"):
            with_account = describe_answers(request)
            return httpx.Response(200, json={"compositeResponse": with_account})
        return httpx.Response(200, json=[{"success": False, "errors": [DUPLICATE]}])

    return org


def describe_answers(request):
    fields = [
        {"name": name, "type": kind, "createable": True, "updateable": True}
        for name, kind in (("Id", "id"), ("Name", "string"), ("PRM_Partner_Id__c", "string"))
    ]
    organization = {
        "Id": "00D000000000001EAA",
        "Name": "A",
        "IsSandbox": False,
        "TimeZoneSidKey": "UTC",
    }
    bodies = {
        "organization": {"records": [organization]},
        "currency": {"records": [{"IsoCode": "EUR"}]},
        "account": {"name": "Account", "fields": fields},
    }
    return [
        {
            "referenceId": part["referenceId"],
            "httpStatusCode": 200,
            "body": bodies.get(part["referenceId"], {"records": []}),
        }
        for part in json.loads(request.content)["compositeRequest"]
    ]


def test_a_duplicate_is_refused_with_the_records_it_matches_and_where_to_open_them(scripted):
    org = duplicate_org(scripted)
    (result,) = PLUGIN.connect(org.settings, org.runtime).create(PARTNERS, [partner(1)])
    assert isinstance(result.error, RejectedError)
    hint = result.error.hint
    page = "https://acme.my.salesforce.com/lightning/r/Account/001000000000000AAA/view"
    assert f"Account 001000000000000AAA ({page})" in hint
    assert "and 2 more" in hint
    assert "sforce-duplicate-rule-header" not in org.requests[-1].headers


def test_duplicate_alerts_are_passed_over_only_where_the_mapping_says_so(scripted):
    org = duplicate_org(scripted)
    allowed = dataclasses.replace(PARTNERS, allow_duplicates=True)
    PLUGIN.connect(org.settings, org.runtime).create(allowed, [partner(1)])
    assert org.requests[-1].headers["sforce-duplicate-rule-header"] == "allowSave=true"


def test_a_taken_unique_value_names_its_holder_and_never_the_value(bench):
    connector = bench.connector()
    first, second = connector.create(PARTNERS, [partner(1), partner(2)])
    change = Change(str(second.id), {"PRM_Partner_Id__c": "key-1"})
    (result,) = connector.update(PARTNERS, [change])
    assert str(first.id)[:15] in result.error.hint
    assert "key-1" not in f"{result.error.message}{result.error.hint}"


OWNED = ObjectSpec(
    "partner", "Account", ("PRM_Partner_Id__c", "Name", "OwnerId", "Website"), "PRM_Partner_Id__c"
)


@pytest.mark.parametrize("strict", [False, True])
def test_no_assignment_rule_takes_a_record_from_the_owner_that_was_written(bench, strict):
    rule = {"Name": "Desk", "SobjectType": "Account", "Active": True}
    bench.user_creates("AssignmentRule", rule)
    connector = bench.connector()
    spec = dataclasses.replace(OWNED, strict=strict)
    owner = connector.account().user_id
    rows = [NewRecord(f"key-{n}", {"Name": f"Partner {n}", "OwnerId": owner}) for n in range(3)]
    made = [str(one.id) for one in connector.create(spec, rows)]
    seen = connector.fetch(spec, made)
    changes = [Change(one, {"Name": "New"}, seen[one].version) for one in made]
    assert not [one.error for one in connector.update(spec, changes) if one.error]
    now = connector.fetch(spec, made)
    assert {(one.values["Name"], one.values["OwnerId"]) for one in now.values()} == {("New", owner)}


@pytest.mark.parametrize("strict", [False, True])
def test_an_alert_is_passed_over_in_updates_that_are_conditional_too(bench, strict):
    bench.control("POST", "duplicate_rules", {"object": "Account", "fields": ["Website"]})
    connector = bench.connector()
    spec = dataclasses.replace(OWNED, strict=strict, allow_duplicates=True)
    rows = [NewRecord(f"key-{n}", {"Name": f"Partner {n}"}) for n in range(2)]
    for made in connector.create(spec, rows):
        (seen,) = connector.fetch(spec, [str(made.id)]).values()
        change = Change(str(made.id), {"Website": "acme.example"}, seen.version)
        (result,) = connector.update(spec, [change])
        assert result.error is None
