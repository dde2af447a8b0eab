from __future__ import annotations

import pytest

from prmsync_hubspot.simulator import Settings


def where(name, operator, value=None, **more):
    given = {"propertyName": name, "operator": operator, **more}
    return given if value is None else {**given, "value": value}


@pytest.fixture
def deals(portal):
    """Three deals, a minute apart: small, medium, large."""
    ids = []
    for name, amount, close in (
        ("Small firewall", "900", "2026-11-30"),
        ("Medium backup", "10000", "2026-12-31"),
        ("Large firewall", "250000.50", None),
    ):
        values = {"dealname": name, "amount": amount, **({"closedate": close} if close else {})}
        ids.append(portal.make("deals", **values))
        portal.advance(60)
    return ids


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (where("amount", "EQ", "900.00"), [0]),
        (where("amount", "NEQ", "900"), [1, 2]),
        (where("amount", "GT", "900"), [1, 2]),
        (where("amount", "GTE", "10000"), [1, 2]),
        (where("amount", "LT", "10000"), [0]),
        (where("amount", "LTE", "10000"), [0, 1]),
        (where("amount", "BETWEEN", "900", highValue="10000"), [0, 1]),
        (where("amount", "IN", values=["900", "250000.5"]), [0, 2]),
        (where("amount", "NOT_IN", values=["900"]), [1, 2]),
        (where("closedate", "HAS_PROPERTY"), [0, 1]),
        (where("closedate", "NOT_HAS_PROPERTY"), [2]),
        (where("closedate", "GTE", "1798675200000"), [1]),
        (where("closedate", "LT", "2026-12-01T00:00:00-05:00"), [0]),
        (where("dealname", "EQ", "small FIREWALL"), [0]),
        (where("dealname", "CONTAINS_TOKEN", "firewall"), [0, 2]),
        (where("dealname", "CONTAINS_TOKEN", "fire*"), [0, 2]),
        (where("dealname", "CONTAINS_TOKEN", "fire"), []),
        (where("dealname", "NOT_CONTAINS_TOKEN", "firewall"), [1]),
        (where("hs_lastmodifieddate", "GT", "2026-11-22T09:30:00.250Z"), [1, 2]),
        (where("hs_lastmodifieddate", "LTE", "2026-11-22T09:31:00.250Z"), [0, 1]),
        (where("hs_lastmodifieddate", "GTE", "2030-01-01T00:00:00Z"), []),
    ],
)
def test_filters(portal, deals, condition, expected):
    assert portal.found("deals", condition) == [deals[place] for place in expected]


def test_filters_of_a_group_are_all_met_and_groups_are_alternatives(portal, deals):
    both = [where("dealname", "CONTAINS_TOKEN", "firewall"), where("amount", "GT", "1000")]
    assert portal.found("deals", *both) == [deals[2]]
    body = {"filterGroups": [{"filters": both}, {"filters": [where("amount", "EQ", "10000")]}]}
    results = portal.post("/crm/v3/objects/deals/search", body).json()["results"]
    assert [item["id"] for item in results] == deals[1:]


def test_windows_of_time_and_id_together(portal, deals):
    window = where("hs_lastmodifieddate", "BETWEEN", "1795339000000", highValue="1895339000000")
    assert portal.found("deals", window) == deals
    assert portal.found("deals", window, where("hs_object_id", "GT", deals[0])) == deals[1:]
    assert portal.found("deals", window, where("hs_object_id", "GTE", deals[2])) == deals[2:]
    assert portal.found("deals", window, where("hs_object_id", "LT", deals[1])) == deals[:1]
    assert portal.found("deals", where("hs_object_id", "IN", values=[deals[2], "5"])) == deals[2:]


def test_a_changed_record_moves_to_its_new_time_and_leaves_the_old(portal, deals):
    before = where("hs_lastmodifieddate", "LTE", "2026-11-22T09:30:00.250Z")
    after = where("hs_lastmodifieddate", "GTE", "2026-11-22T09:33:00.250Z")
    portal.edit("deals", deals[0], dealname="Small firewall (renewal)")
    assert portal.found("deals", before) == []
    assert portal.found("deals", after) == [deals[0]]
    portal.http.delete(f"/crm/v3/objects/deals/{deals[0]}")
    assert portal.found("deals", after) == []


def test_a_late_commit_has_an_older_time_than_what_was_seen_before(portal, deals):
    body = {
        "object": "deals",
        "values": {"dealname": "Late"},
        "stamp": "2026-11-22T09:30:30Z",
    }
    late = portal.post("/_simulator/records", body).json()["id"]
    old = where("hs_lastmodifieddate", "LTE", "2026-11-22T09:30:59Z")
    assert portal.found("deals", old) == [deals[0], late]


def test_a_unique_value_is_found_whatever_its_case(portal):
    one = portal.make("companies", prm_partner_id="Key-1")
    assert portal.found("companies", where("prm_partner_id", "EQ", "key-1")) == [one]
    assert portal.found("companies", where("prm_partner_id", "IN", values=["KEY-1", "k"])) == [one]


def test_sorts(portal, deals):
    by_amount = [{"propertyName": "amount", "direction": "DESCENDING"}]
    assert portal.found("deals", sorts=by_amount) == deals[::-1]
    assert portal.found("deals", sorts=["-hs_lastmodifieddate"]) == deals[::-1]
    assert portal.found("deals", sorts=["closedate"]) == deals
    assert portal.search("deals", sorts=["amount", "dealname"]).status_code == 400


def test_query_looks_into_searchable_properties(portal, deals):
    assert portal.found("deals", query="fire") == [deals[0], deals[2]]
    assert portal.found("deals", query="large fire") == [deals[2]]
    assert portal.search("deals", query="x" * 3_001).status_code == 400


def test_by_association(portal, deals):
    company = portal.make("companies", name="Acme")
    spec = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 341}]
    path = f"/crm/v4/objects/deals/{deals[1]}/associations/companies/{company}"
    assert portal.http.put(path, json=spec).status_code == 201
    assert portal.found("deals", where("associations.company", "EQ", company)) == [deals[1]]


def test_pages_go_by_offset_with_a_total(portal, deals):
    first = portal.search("deals", limit="2").json()
    assert (first["total"], first["paging"]) == (3, {"next": {"after": "2"}})
    second = portal.search("deals", limit=2, after="2").json()
    assert [item["id"] for item in first["results"] + second["results"]] == deals
    assert "paging" not in second


@pytest.mark.parametrize(
    "more", [{"limit": 201}, {"limit": 0}, {"limit": "x"}, {"limit": 200, "after": "9801"}]
)
def test_pages_and_the_wall_at_ten_thousand(portal, more):
    answer = portal.search("deals", **more)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert portal.search("deals", limit=200, after="9800").status_code == 200


@pytest.mark.parametrize(
    "groups",
    [
        [{"filters": []}] * 6,
        [{"filters": [where("amount", "HAS_PROPERTY")] * 7}],
        [{"filters": [where("amount", "HAS_PROPERTY")] * 5}] * 4,
        [{"filters": [where("nope", "HAS_PROPERTY")]}],
        [{"filters": [where("amount", "LIKE", "1")]}],
        [{"filters": [where("amount", "EQ")]}],
        [{"filters": [where("amount", "EQ", "much")]}],
        [{"filters": [where("amount", "BETWEEN", "1")]}],
        [{"filters": [where("amount", "IN")]}],
        [{"filters": [where("closedate", "EQ", "soon")]}],
        [{"filters": [{"operator": "EQ"}]}],
        [{}],
        "none",
    ],
)
def test_filters_that_hubspot_refuses(portal, groups):
    portal.make("deals", amount="1")
    answer = portal.post("/crm/v3/objects/deals/search", {"filterGroups": groups})
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


class TestIndexLag:
    @pytest.fixture
    def portal(self, new_portal):
        return new_portal(settings=Settings(index_lag_seconds=30))

    def test_new_records_are_missing_until_the_index_has_them(self, portal):
        one = portal.make("deals", dealname="New")
        assert portal.found("deals") == []
        assert portal.read("deals", one)["id"] == one
        portal.advance(30)
        assert portal.found("deals") == [one]

    def test_changed_records_show_their_old_values(self, portal):
        one = portal.make("deals", dealname="Old")
        portal.advance(60)
        portal.edit("deals", one, dealname="New")
        (shown,) = portal.search("deals", properties=["dealname"]).json()["results"]
        assert shown["properties"]["dealname"] == "Old"
        assert shown["updatedAt"] == "2026-11-22T09:30:00.250Z"
        since = where("hs_lastmodifieddate", "GTE", "2026-11-22T09:31:00Z")
        assert portal.found("deals", since) == []
        portal.advance(10)
        portal.edit("deals", one, dealname="Newer")
        portal.advance(20)
        (shown,) = portal.search("deals", since, properties=["dealname"]).json()["results"]
        assert shown["properties"]["dealname"] == "New"
        portal.advance(10)
        (shown,) = portal.search("deals", properties=["dealname"]).json()["results"]
        assert shown["properties"]["dealname"] == "Newer"

    def test_archived_records_are_still_found(self, portal):
        one = portal.make("deals", dealname="Old")
        portal.advance(60)
        portal.http.delete(f"/crm/v3/objects/deals/{one}")
        assert portal.found("deals") == [one]
        portal.advance(30)
        assert portal.found("deals") == []
