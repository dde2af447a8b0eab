"""Which workflows are named, and what is said of each."""

from __future__ import annotations

import pytest


def flow(name, on="0-3", *sets, **more):
    actions = [
        {"actionTypeId": "0-5", "fields": {"property_name": one, "value": {}}, "type": "X"}
        for one in sets
    ]
    return {"name": name, "objectTypeId": on, "actions": actions, **more}


@pytest.fixture
def told(ground):
    """Adds workflows, and gives what is told of them."""

    def tell(*flows, objects=("companies", "deals"), token="pat-of-the-admin"):
        for one in flows:
            url = "http://crm.test/_simulator/flows"
            ground.runtime.http.post(url, json=one).raise_for_status()
        return ground.provisioner(token).automations(objects)

    return tell


def test_an_active_workflow_on_a_written_object_is_named_with_what_it_sets(told):
    (one,) = told(flow("Round amounts", "0-3", "amount", "dealstage")).found
    assert (one.object, one.kind, one.name) == ("deals", "workflow", "Round amounts")
    assert one.detail == "sets amount, dealstage"
    assert "policy: crm" in one.remedy
    assert one.where == "Automation > Workflows > Round amounts"


def test_one_that_is_off_or_on_another_object_is_not(told):
    off = flow("Off", "0-3", "amount", isEnabled=False)
    assert told(off, flow("Welcome", "0-1", "email")).found == ()


def test_one_that_sets_nothing_says_so_and_a_long_list_ends(told):
    many = [f"p{number}" for number in range(9)]
    first, second = told(flow("A mail"), flow("B many", "0-3", *many)).found
    assert first.detail == "sets no property by a step of its own"
    assert second.detail.endswith("p5 and 3 more")


def test_more_than_a_page_are_all_named_in_order(told):
    flows = [flow(f"W{number:03}", "0-2", "name") for number in range(105)]
    found = told(*flows, flow("On deals", "0-3", "amount")).found
    assert len(found) == 106
    assert [one.name for one in found][:2] == ["W000", "W001"]
    assert found[-1].object == "deals"


def test_an_object_that_is_not_there_has_none(told):
    assert told(flow("X", "0-3", "amount"), objects=("prm_registration",)).found == ()


def test_without_the_scope_it_is_said_not_left_out(told):
    automations = told(flow("X", "0-3", "amount"), token=None)
    assert automations.found == ()
    (gap,) = automations.unread
    assert "automation" in gap.message
    assert "Automation > Workflows" in gap.hint


def test_where_the_plan_has_no_custom_objects_the_others_workflows_are_named(new_ground):
    ground = new_ground(custom_objects=False)
    told = flow("Round amounts", "0-3", "amount")
    ground.runtime.http.post("http://crm.test/_simulator/flows", json=told).raise_for_status()
    automations = ground.provisioner("pat-of-the-admin").automations(["prm_registration", "deals"])
    assert [one.name for one in automations.found] == ["Round amounts"]
    assert automations.unread == ()
