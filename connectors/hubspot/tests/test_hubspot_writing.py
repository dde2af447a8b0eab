from __future__ import annotations

from typing import Any

import httpx
import pytest

from prmsync.connector.protocol import Change, NewRecord, ObjectSpec
from prmsync.errors import GoneError, OutcomeUnknownError, RejectedError, SchemaError

DEALS = ObjectSpec(
    "opportunity", "deals", ("prm_opportunity_id", "dealname", "amount"), "prm_opportunity_id"
)
UPSERT = "/objects/2026-09/deals/batch/upsert"
UPDATE = "/objects/2026-09/deals/batch/update"
ARCHIVE = "/objects/2026-09/deals/batch/archive"
ROWS = [
    NewRecord("Key-A", {"dealname": "A", "amount": "5"}),
    NewRecord("Key-B", {"dealname": "B", "amount": None}),
    NewRecord("Key-C", {"dealname": "C"}),
]


def written(record: str, **properties: str) -> dict[str, Any]:
    return {
        "id": record,
        "properties": properties,
        "updatedAt": "2026-01-02T03:04:05Z",
        "new": True,
    }


def refused(**context: Any) -> dict[str, Any]:
    return {"status": "error", "category": "VALIDATION_ERROR", "message": "x", "context": context}


@pytest.mark.parametrize("status", [200, 201])
def test_a_create_is_an_upsert_whose_answers_are_put_in_our_order(
    deals: Any, connect: Any, status: int
) -> None:
    deals.on(
        "POST",
        UPSERT,
        {
            "results": [
                {**written("3", prm_opportunity_id="key-c"), "new": False},
                {**written("1"), "objectWriteTraceId": "row-0"},
                written("2", prm_opportunity_id="Key-B", amount="7.50"),
            ]
        },
        status=status,
    )
    results = connect().create(DEALS, ROWS)
    assert [one.id for one in results] == ["1", "2", "3"]
    assert [one.created for one in results] == [True, True, False]
    assert results[1].values == {"prm_opportunity_id": "Key-B", "amount": "7.5"}
    (asked,) = deals.asked(UPSERT)
    assert asked["inputs"][1] == {
        "id": "Key-B",
        "idProperty": "prm_opportunity_id",
        "objectWriteTraceId": "row-1",
        "properties": {"dealname": "B", "amount": "", "prm_opportunity_id": "Key-B"},
    }


def test_each_error_of_a_207_finds_its_row(deals: Any, connect: Any) -> None:
    errors = [refused(objectWriteTraceId=["row-0"]), refused(ids=["key-c"])]
    deals.on(
        "POST",
        UPSERT,
        {"results": [written("2", prm_opportunity_id="Key-B")], "errors": errors},
        status=207,
    )
    results = connect().create(DEALS, ROWS)
    assert [one.id for one in results] == [None, "2", None]
    assert [type(one.error) for one in results] == [RejectedError, type(None), RejectedError]


def test_an_error_that_names_no_row_is_that_of_the_rows_left_over(deals: Any, connect: Any) -> None:
    answer = {"results": [written("2", prm_opportunity_id="Key-B")], "errors": [refused()]}
    deals.on("POST", UPSERT, answer, status=207)
    results = connect().create(DEALS, ROWS)
    assert [type(one.error) for one in results] == [RejectedError, type(None), RejectedError]


def test_a_row_that_the_answer_forgets_is_unknown_not_done(deals: Any, connect: Any) -> None:
    deals.on("POST", UPSERT, {"results": [written("2", prm_opportunity_id="Key-B")]})
    results = connect().create(DEALS, ROWS)
    assert [type(one.error) for one in results] == [
        OutcomeUnknownError,
        type(None),
        OutcomeUnknownError,
    ]


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"<html>"])
def test_a_2xx_without_a_readable_body_is_never_taken_for_success(
    deals: Any, connect: Any, body: bytes
) -> None:
    deals.on("POST", UPSERT, httpx.Response(200, content=body))
    with pytest.raises(OutcomeUnknownError):
        connect().create(DEALS, ROWS)
    assert len(deals.asked(UPSERT)) == 1


def test_an_update_sends_only_the_named_properties(deals: Any, connect: Any) -> None:
    gone = {**refused(ids=["8"]), "category": "OBJECT_NOT_FOUND"}
    answer = {"results": [written("7", amount="9")], "errors": [gone]}
    deals.on("POST", UPDATE, answer, status=207)
    results = connect().update(DEALS, [Change("7", {"amount": "9"}), Change("8", {"amount": None})])
    assert results[0].id == "7"
    assert isinstance(results[1].error, GoneError)
    (asked,) = deals.asked(UPDATE)
    assert [one["properties"] for one in asked["inputs"]] == [{"amount": "9"}, {"amount": ""}]
    assert all("idProperty" not in one for one in asked["inputs"])


def test_an_update_of_a_record_that_was_merged_away_tells_the_survivor(
    deals: Any, connect: Any
) -> None:
    deals.on("POST", UPDATE, {"results": [written("99", amount="9")]})
    (result,) = connect().update(DEALS, [Change("7", {"amount": "9"})])
    assert result.id == "99"


def test_an_update_of_records_that_are_all_gone_fails_row_by_row(deals: Any, connect: Any) -> None:
    deals.on("POST", UPDATE, {"category": "OBJECT_NOT_FOUND", "message": "x"}, status=404)
    results = connect().update(DEALS, [Change("7", {"amount": "9"}), Change("8", {"amount": "9"})])
    assert [type(one.error) for one in results] == [GoneError, GoneError]


def test_archiving_what_is_archived_counts_as_done(deals: Any, connect: Any) -> None:
    deals.on("POST", ARCHIVE, httpx.Response(204))
    results = connect().delete(DEALS, ["7", "8"])
    assert [one.id for one in results] == ["7", "8"]
    assert deals.asked(ARCHIVE) == [{"inputs": [{"id": "7"}, {"id": "8"}]}]


def test_a_lost_answer_to_a_write_is_never_sent_again(deals: Any, connect: Any) -> None:
    deals.on("POST", UPSERT, httpx.ReadTimeout("slow"))
    with pytest.raises(OutcomeUnknownError):
        connect().create(DEALS, ROWS)
    assert len(deals.asked(UPSERT)) == 1


def test_a_rate_limit_is_waited_for_and_the_write_sent_again(deals: Any, connect: Any) -> None:
    deals.on(
        "POST",
        UPSERT,
        httpx.Response(
            429,
            json={"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"},
            headers={"Retry-After": "3"},
        ),
        {"results": [written("1"), written("2")]},
    )
    connect().create(DEALS, ROWS)
    assert deals.slept == [3.0]
    assert len(deals.asked(UPSERT)) == 2


def test_a_stream_without_key_cannot_create(deals: Any, connect: Any) -> None:
    with pytest.raises(SchemaError, match="key"):
        connect().create(ObjectSpec("opportunity", "deals", ("dealname",)), ROWS[:1])
