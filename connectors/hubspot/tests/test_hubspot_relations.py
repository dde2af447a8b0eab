from __future__ import annotations

from typing import Any

import httpx
import pytest

from prmsync.connector.protocol import Change, NewRecord, ObjectSpec, RelationSpec
from prmsync.errors import GoneError, OutcomeUnknownError, RejectedError, SchemaError

RELATION = RelationSpec(
    "deal", "deals", "partner", "companies", "role", ("Reseller", "Distributor")
)
SPEC = ObjectSpec("relation", "deals", ("deal", "partner", "role"), relation=RELATION)
BASE = "/associations/2026-09/deals/companies"
LIST = "/objects/2026-09/deals"
LABELS = {
    "results": [
        {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"},
        {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": None},
        {"category": "USER_DEFINED", "typeId": 11, "label": "Reseller"},
        {"category": "USER_DEFINED", "typeId": 12, "label": "Distributor"},
    ]
}


def kind(type_id: int, label: str | None, category: str = "USER_DEFINED") -> dict[str, Any]:
    return {"category": category, "typeId": type_id, "label": label}


def linked(deal: str, *to: tuple[int, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "from": {"id": deal},
        "to": [{"toObjectId": company, "associationTypes": kinds} for company, kinds in to],
    }


def none_of(*deals: str) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": "No company is associated",
        "context": {"fromObjectId": list(deals)},
    }


PRIMARY = kind(5, "Primary", "HUBSPOT_DEFINED")
UNLABELLED = kind(341, None, "HUBSPOT_DEFINED")


def row(deal: str, partner: str, role: str) -> NewRecord:
    return NewRecord(f"{deal}:{partner}:{role}", {"deal": deal, "partner": partner, "role": role})


def test_only_labels_that_the_mapping_names_are_reported(api: Any, connect: Any) -> None:
    api.on("GET", LIST, {"results": [{"id": "1"}, {"id": "2"}, {"id": "3"}]})
    api.on(
        "POST",
        f"{BASE}/batch/read",
        {
            "results": [
                linked("1", (77, [PRIMARY, UNLABELLED, kind(11, "Reseller")])),
                linked("2", (78, [UNLABELLED, kind(99, "Someone else's")])),
            ],
            "errors": [none_of("3")],
        },
        status=207,
    )
    (page,) = connect().changes(SPEC, None)
    assert [(one.id, one.values) for one in page.records] == [
        ("1:77:11", {"deal": "1", "partner": "77", "role": "Reseller"})
    ]
    assert page.complete_for == ("1", "2", "3")
    assert page.cursor == '{"since":"2026-11-22T18:59:55.000Z"}'


def test_a_deal_that_could_not_be_read_is_not_complete(api: Any, connect: Any) -> None:
    gone = {"category": "OBJECT_NOT_FOUND", "message": "gone", "context": {"ids": ["2"]}}
    api.on("GET", LIST, {"results": [{"id": "1"}, {"id": "2"}]})
    answer = {"results": [linked("1")], "errors": [gone]}
    api.on("POST", f"{BASE}/batch/read", answer, status=207)
    (page,) = connect().changes(SPEC, None)
    assert page.complete_for == ("1",)


def test_deals_are_read_a_thousand_at_a_time(api: Any, connect: Any) -> None:
    pages = [
        {"results": [{"id": str(at + n)} for n in range(100)], "paging": {"next": {"after": "x"}}}
        for at in range(0, 1100, 100)
    ]
    api.on("GET", LIST, *pages, {"results": []})
    api.on("POST", f"{BASE}/batch/read", {"results": []})
    found = list(connect().changes(SPEC, None))
    assert [len(one["inputs"]) for one in api.asked(f"{BASE}/batch/read")] == [1000, 100]
    assert found[-1].cursor == '{"since":"2026-11-22T18:59:55.000Z"}'


def test_an_idle_read_is_one_search(api: Any, connect: Any) -> None:
    api.on("POST", f"{LIST}/search", {"results": [], "total": 0})
    hubspot = connect()
    (page,) = hubspot.changes(SPEC, '{"since":"2026-11-22T18:00:00.000Z"}')
    assert page.records == []
    assert hubspot.usage().calls == {"read": 1}


def test_a_deal_with_many_associations_is_complete_after_its_last_page(
    api: Any, connect: Any
) -> None:
    first = {**linked("1", (77, [kind(11, "Reseller")])), "paging": {"next": {"after": "78"}}}
    api.on("GET", LIST, {"results": [{"id": "1"}]})
    api.on(
        "POST",
        f"{BASE}/batch/read",
        {"results": [first]},
        {"results": [linked("1", (79, [kind(12, "Distributor")]))]},
    )
    (page,) = connect().changes(SPEC, None)
    assert [one.id for one in page.records] == ["1:77:11", "1:79:12"]
    assert page.complete_for == ("1",)
    assert api.asked(f"{BASE}/batch/read")[1] == {"inputs": [{"id": "1", "after": "78"}]}


def test_fetch_tells_what_is_gone_from_a_deal_that_was_read(api: Any, connect: Any) -> None:
    api.on(
        "POST",
        f"{BASE}/batch/read",
        {"results": [linked("1", (77, [kind(11, "Reseller")]))], "errors": [none_of("2")]},
        status=207,
    )
    found = connect().fetch(SPEC, ["1:77:11", "1:77:12", "2:78:11", "3:79:11", "nonsense"])
    assert {key: one.deleted for key, one in found.items()} == {
        "1:77:11": False,
        "1:77:12": True,
        "2:78:11": True,
    }


def test_find_is_by_deal_partner_and_role(api: Any, connect: Any) -> None:
    answer = {"results": [linked("1", (77, [kind(11, "Reseller"), kind(12, "Distributor")]))]}
    api.on("POST", f"{BASE}/batch/read", answer)
    found = connect().find(SPEC, ["1:77:Distributor", "1:78:Reseller"])
    assert {key: one.id for key, one in found.items()} == {"1:77:Distributor": "1:77:12"}


def test_labels_of_one_pair_are_created_together(api: Any, connect: Any) -> None:
    api.on("GET", f"{BASE}/labels", LABELS)
    done = {"fromObjectId": 1, "toObjectId": 77, "labels": ["Reseller", "Distributor"]}
    missing = {
        "category": "OBJECT_NOT_FOUND",
        "message": "x",
        "context": {"toObjectId": ["78"]},
    }
    answer = {"results": [done], "errors": [missing]}
    api.on("POST", f"{BASE}/batch/create", answer, status=207)
    rows = [row("1", "77", "Reseller"), row("2", "78", "Reseller"), row("1", "77", "Distributor")]
    results = connect().create(SPEC, rows)
    assert [one.id for one in results] == ["1:77:11", None, "1:77:12"]
    assert isinstance(results[1].error, GoneError)
    (asked,) = api.asked(f"{BASE}/batch/create")
    assert asked["inputs"][0] == {
        "from": {"id": "1"},
        "to": {"id": "77"},
        "types": [
            {"associationCategory": "USER_DEFINED", "associationTypeId": 11},
            {"associationCategory": "USER_DEFINED", "associationTypeId": 12},
        ],
    }


def test_a_created_pair_that_the_answer_forgets_is_unknown(api: Any, connect: Any) -> None:
    api.on("GET", f"{BASE}/labels", LABELS)
    api.on("POST", f"{BASE}/batch/create", {"results": []})
    (result,) = connect().create(SPEC, [row("1", "77", "Reseller")])
    assert isinstance(result.error, OutcomeUnknownError)


@pytest.mark.parametrize("role", ["Resellr", "Primary"])
def test_a_label_that_is_not_the_accounts_own_cannot_be_written(
    api: Any, connect: Any, role: str
) -> None:
    api.on("GET", f"{BASE}/labels", LABELS)
    with pytest.raises(SchemaError, match=role):
        connect().create(SPEC, [row("1", "77", role)])


def test_deleting_takes_the_label_off_and_nothing_else(api: Any, connect: Any) -> None:
    api.on("GET", f"{BASE}/labels", LABELS)
    api.on("POST", f"{BASE}/batch/labels/archive", httpx.Response(204))
    results = connect().delete(SPEC, ["1:77:11", "nonsense"])
    assert results[0].id == "1:77:11"
    assert isinstance(results[1].error, RejectedError)
    assert api.asked(f"{BASE}/batch/labels/archive") == [
        {
            "inputs": [
                {
                    "from": {"id": "1"},
                    "to": {"id": "77"},
                    "types": [{"associationCategory": "USER_DEFINED", "associationTypeId": 11}],
                }
            ]
        }
    ]


def test_a_relation_is_never_updated(connect: Any, api: Any) -> None:
    (result,) = connect().update(SPEC, [Change("1:77:11", {"role": "Distributor"})])
    assert isinstance(result.error, RejectedError)
    assert not api.requests


def test_a_label_on_an_archived_record_is_gone_and_the_others_are_still_taken_off(
    api: Any, connect: Any
) -> None:
    refused = httpx.Response(
        400,
        json={
            "status": "error",
            "category": "VALIDATION_ERROR",
            "subCategory": "crm.associations.INVALID_IDENTIFIER",
            "message": "2 is not a valid ID",
            "context": {"id": ["2"]},
        },
    )
    done = httpx.Response(204)
    api.on("GET", f"{BASE}/labels", LABELS)
    api.on("POST", f"{BASE}/batch/labels/archive", refused, done, refused)
    results = connect().delete(SPEC, ["1:77:11", "2:77:11"])
    assert [one.id for one in results] == ["1:77:11", "2:77:11"]
    asked = api.asked(f"{BASE}/batch/labels/archive")
    assert [[one["from"]["id"] for one in body["inputs"]] for body in asked] == [
        ["1", "2"],
        ["1"],
        ["2"],
    ]
