"""Writes: one call for a batch, each row with its own result."""

from __future__ import annotations

import pytest

from prmsync.connector.protocol import Change, NewRecord, ObjectSpec, RelationSpec
from prmsync.errors import GoneError, RejectedError, RetryableError, SchemaError

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


def test_a_locked_row_may_be_tried_again_and_the_others_are_done(bench):
    connector = bench.connector()
    made = connector.create(PARTNERS, [partner(number) for number in range(3)])
    bench.fault(record=made[1].id, code="UNABLE_TO_LOCK_ROW", status=400, times=1)
    changes = [Change(str(result.id), {"Name": "New"}) for result in made]
    results = connector.update(PARTNERS, changes)
    assert isinstance(results[1].error, RetryableError)
    assert [result.id for result in results] == [made[0].id, None, made[2].id]
    assert connector.update(PARTNERS, changes)[1].error is None


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
