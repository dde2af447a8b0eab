from __future__ import annotations

from typing import Any

import httpx
import pytest

from prmsync.connector.protocol import ObjectSpec
from prmsync.connector.values import in_utc
from prmsync.errors import AuthError, ConnectorError, SchemaError
from prmsync_hubspot.cursor import parse
from prmsync_hubspot.reading import JOINED

DEALS = ObjectSpec(
    "opportunity", "deals", ("prm_opportunity_id", "dealname", "amount"), "prm_opportunity_id"
)
TOLD = {"portalId": 1, "timeZone": "UTC", "companyCurrency": "EUR"}
LIST = "/objects/2026-09/deals"
SEARCH = f"{LIST}/search"
READ = f"{LIST}/batch/read"


def deal(number: int, name: str = "Firewall", **more: Any) -> dict[str, Any]:
    properties = {"dealname": name, "prm_opportunity_id": f"key-{number}", **more}
    return {
        "id": str(number),
        "properties": properties,
        "updatedAt": "2026-11-20T10:00:00.000Z",
        "archived": False,
    }


def page(*found: Any, after: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = {"results": list(found), "total": len(found)}
    if after:
        answer["paging"] = {"next": {"after": after}}
    return answer


def test_a_full_read_lists_every_page_and_then_what_is_archived(deals: Any, connect: Any) -> None:
    deals.on(
        "GET", LIST, page(deal(1), after="2"), page(deal(2)), page({**deal(3), "archived": True})
    )
    pages = list(connect().changes(DEALS, None))
    found = [(one.id, one.deleted) for one_page in pages for one in one_page.records]
    assert found == [("1", False), ("2", False), ("3", True)]
    asked = deals.asked(LIST)
    assert [one.get("after") for one in asked] == [None, "2", None]
    assert [one["archived"] for one in asked] == ["false", "false", "true"]
    assert {one["limit"] for one in asked} == {"100"}


def test_a_full_read_goes_on_where_its_cursor_stands(deals: Any, connect: Any) -> None:
    many = [deal(number) for number in range(1, JOINED + 1)]
    deals.on("GET", LIST, page(*many, after="2001"), page(deal(2001)), page())
    first = next(iter(connect(options={"prefetch": False}).changes(DEALS, None)))
    assert len(first.records) == JOINED
    deals.on("GET", LIST, page(deal(2001)), page())
    rest = list(connect().changes(DEALS, first.cursor))
    assert [one.id for one_page in rest for one in one_page.records] == ["2001"]
    assert deals.asked(LIST)[1]["after"] == "2001"


def test_what_was_read_before_a_read_ends_early_comes_first(deals: Any, connect: Any) -> None:
    deals.on("GET", LIST, page(deal(1), after="2"), httpx.Response(403, json={}))
    pages = connect().changes(DEALS, None)
    first = next(pages)
    assert [one.id for one in first.records] == ["1"]
    with pytest.raises(ConnectorError):
        next(pages)
    deals.on("GET", LIST, page(deal(2)), page())
    rest = list(connect().changes(DEALS, first.cursor))
    assert [one.id for one_page in rest for one in one_page.records] == ["2"]


def test_nothing_changed_is_exactly_one_search(deals: Any, connect: Any) -> None:
    deals.on("GET", LIST, page())
    deals.on("POST", SEARCH, page())
    cursor = list(connect().changes(DEALS, None))[-1].cursor
    hubspot = connect()
    pages = list(hubspot.changes(DEALS, cursor))
    assert hubspot.usage().calls == {"read": 1}
    assert [one.records for one in pages] == [[]]
    assert pages[0].cursor


def test_a_search_begins_ten_minutes_before_the_cursor_on_hubspots_clock(
    deals: Any, connect: Any
) -> None:
    deals.on("POST", SEARCH, page())
    list(connect().changes(DEALS, '{"since":"2026-11-22T18:00:00.000Z"}'))
    (asked,) = deals.asked(SEARCH)
    assert asked["filterGroups"] == [
        {
            "filters": [
                {
                    "propertyName": "hs_lastmodifieddate",
                    "operator": "GTE",
                    "value": "1795369800000",  # 17:50
                }
            ]
        }
    ]
    assert asked["limit"] == 200


def test_a_search_goes_on_by_object_id_so_that_no_wall_is_met(deals: Any, connect: Any) -> None:
    deals.on("POST", SEARCH, page(deal(9), deal(10), after="2"), page(deal(11)))
    pages = list(connect().changes(DEALS, '{"since":"2026-11-22T18:00:00.000Z"}'))
    assert [one.id for one_page in pages for one in one_page.records] == ["9", "10", "11"]
    assert pages[-1].cursor
    asked = deals.asked(SEARCH)
    assert "after" not in asked[1]
    assert asked[1]["filterGroups"][0]["filters"][1] == {
        "propertyName": "hs_object_id",
        "operator": "GT",
        "value": "10",
    }


def test_the_cursor_stays_behind_hubspots_clock_and_never_goes_back(
    deals: Any, connect: Any
) -> None:
    deals.on("POST", SEARCH, page())
    hubspot = connect()
    moved = list(hubspot.changes(DEALS, '{"since":"2026-11-22T18:00:00.000Z"}'))[-1].cursor
    ahead = list(hubspot.changes(DEALS, '{"since":"2026-11-22T20:00:00.000Z"}'))[-1].cursor
    assert in_utc(parse(moved).since) == "2026-11-22T18:59:55.000Z"
    assert in_utc(parse(ahead).since) == "2026-11-22T20:00:00.000Z"


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"since":5.5e99}', '{"since":"soon"}'])
def test_a_cursor_that_is_not_ours_is_refused(deals: Any, connect: Any, text: str) -> None:
    deals.on("GET", LIST, page())
    with pytest.raises(ConnectorError, match="cursor"):
        list(connect().changes(DEALS, text))


def test_fetch_reads_a_hundred_a_call_and_then_looks_in_the_archive(
    deals: Any, connect: Any
) -> None:
    found = [deal(number) for number in range(1, 151)]
    deals.on(
        "POST",
        READ,
        page(*found[:100]),
        page(*found[100:149]),
        page({**deal(150), "archived": True}),
    )
    records = connect().fetch(DEALS, [str(number) for number in range(1, 152)])
    assert len(records) == 150
    assert records["150"].deleted
    assert "151" not in records
    assert [len(one["inputs"]) for one in deals.asked(READ)] == [100, 51, 2]
    archive = [one.url.params.get("archived") for one in deals.requests if "batch" in one.url.path]
    assert archive == [None, None, "true"]


def test_a_merged_record_is_found_as_deleted_with_its_survivor(deals: Any, connect: Any) -> None:
    deals.on("POST", READ, page(deal(9, hs_merged_object_ids="5;6")))
    records = connect().fetch(DEALS, ["5"])
    assert records["5"].deleted
    assert records["5"].merged_into == "9"


def test_find_asks_by_the_key_and_never_searches(deals: Any, connect: Any) -> None:
    missing = {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": "Could not get some DEAL objects",
        "context": {"ids": ["key-2"]},
    }
    deals.on("POST", READ, {**page(deal(1)), "errors": [missing]}, status=207)
    deals.on("GET", LIST, page())
    found = connect().find(DEALS, ["key-1", "key-2"])
    assert {key: one.id for key, one in found.items()} == {"key-1": "1"}
    (asked,) = deals.asked(READ)
    assert asked["idProperty"] == "prm_opportunity_id"
    assert not deals.asked(SEARCH)


def test_find_shows_the_last_archived_record_of_a_key_that_nobody_holds(
    deals: Any, connect: Any
) -> None:
    none = httpx.Response(404, json={"category": "OBJECT_NOT_FOUND", "message": "none"})
    gone = {"archived": True, "archivedAt": "2026-11-20T11:00:00Z"}
    later = {**deal(2), **gone, "archivedAt": "2026-11-21T11:00:00Z"}
    later["properties"]["prm_opportunity_id"] = "KEY-1"
    deals.on("GET", LIST, page({**deal(1), **gone}, {**deal(5), **gone}, after="6"), page(later))
    deals.on("POST", READ, none, none, page(later))
    found = connect().find(DEALS, ["key-1", "key-9"])
    assert {key: (one.id, one.deleted) for key, one in found.items()} == {"key-1": ("2", True)}
    assert [one["archived"] for one in deals.asked(LIST)] == ["true", "true"]


def test_a_property_that_is_missing_is_named_with_a_near_spelling(deals: Any, connect: Any) -> None:
    with pytest.raises(SchemaError) as caught:
        list(connect().changes(ObjectSpec("x", "deals", ("dealnam", "zzz", "prm_duns")), None))
    assert caught.value.fields == ("dealnam", "zzz", "prm_duns")
    assert 'dealnam: did you mean "dealname"?' in caught.value.hint
    assert "prm_duns: create the property in HubSpot" in caught.value.hint
    assert not deals.asked(LIST)


def test_nothing_is_read_or_written_in_another_account_than_the_pinned_one(
    deals: Any, connect: Any
) -> None:
    deals.on("GET", "/account-info/2026-09/details", TOLD)
    hubspot = connect(org="2")
    for call in (
        lambda: list(hubspot.changes(DEALS, None)),
        lambda: hubspot.fetch(DEALS, ["1"]),
        lambda: hubspot.find(DEALS, ["k"]),
        lambda: hubspot.delete(DEALS, ["1"]),
        lambda: hubspot.describe("deals"),
        hubspot.people,
    ):
        with pytest.raises(AuthError):
            call()
    assert set(hubspot.usage().calls) == {"metadata"}
    assert {one.url.path for one in deals.requests} == {"/account-info/2026-09/details"}


def test_what_was_merged_away_is_archived_but_not_deleted(deals: Any, connect: Any) -> None:
    gone = {"id": "5", "archived": True, "archivedAt": "2026-11-22T18:30:00.000Z"}
    known = {"id": "4", "archived": True, "archivedAt": "2026-11-22T17:30:00.000Z"}
    deals.on("POST", SEARCH, page())
    deals.on("GET", LIST, page(known, gone))
    deals.on("POST", READ, page(deal(9, hs_merged_object_ids="5")))
    archive = '{"known":"2026-11-22T18:00:00.000Z","began":"2026-11-22T18:00:00.000Z","after":null}'
    cursor = f'{{"since":"2026-11-22T18:00:00.000Z","archive":{archive}}}'
    pages = list(connect().changes(DEALS, cursor))
    found = [one for one_page in pages for one in one_page.records]
    assert [(one.id, one.merged_into) for one in found] == [("5", "9")]
    assert [[one["id"] for one in asked["inputs"]] for asked in deals.asked(READ)] == [["5"]]
