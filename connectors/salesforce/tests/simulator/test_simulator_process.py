"""`/process/rules` and `/process/approvals`: active rules and approval processes by object."""

from __future__ import annotations

import pytest


@pytest.fixture
def ruled(org):
    for name, values in (
        ("WorkflowRule", {"Name": "Tell the desk", "TableEnumOrId": "Opportunity"}),
        ("WorkflowRule", {"Name": "Greet", "TableEnumOrId": "Account"}),
        ("ProcessDefinition", {"Name": "Big", "TableEnumOrId": "Opportunity", "State": "Active"}),
        ("ProcessDefinition", {"Name": "Old", "TableEnumOrId": "Opportunity", "State": "Obsolete"}),
    ):
        status, _ = org.call("POST", "/_simulator/records", {"object": name, "values": values})
        assert status < 300
    return org


def names(answer, kind):
    return {on: [one["name"] for one in found] for on, found in answer[kind].items()}


def test_rules_stand_by_object(ruled):
    status, answer = ruled.call("GET", "/process/rules")
    assert status == 200
    assert names(answer, "rules") == {"Opportunity": ["Tell the desk"], "Account": ["Greet"]}
    [rule] = answer["rules"]["Account"]
    assert (rule["object"], rule["actions"], len(rule["id"])) == ("Account", [], 15)


def test_one_object_can_be_asked_for_in_any_case(ruled):
    _, answer = ruled.call("GET", "/process/rules/opportunity")
    assert names(answer, "rules") == {"Opportunity": ["Tell the desk"]}


def test_only_active_approvals_are_told(ruled):
    _, answer = ruled.call("GET", "/process/approvals")
    assert names(answer, "approvals") == {"Opportunity": ["Big"]}


@pytest.mark.parametrize("path", ["/process", "/process/other", "/process/rules/Account/x"])
def test_there_is_nothing_else_below_it(org, path):
    status, answer = org.call("GET", path)
    assert (status, answer[0]["errorCode"]) == (404, "NOT_FOUND")
