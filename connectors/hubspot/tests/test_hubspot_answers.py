"""2xx answers that the vendor's client takes for success or for nothing, and 207."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from prmsync.connector.protocol import Change, ObjectSpec, RelationSpec
from prmsync.errors import OutcomeUnknownError, RejectedError, RetryableError

DEALS = ObjectSpec("opportunity", "deals", ("prm_opportunity_id", "dealname"), "prm_opportunity_id")
ENDS = ("deal_id", "deals", "company_id", "companies")
RELATION = ObjectSpec(
    "relation",
    "deals",
    ("deal_id", "company_id", "label"),
    relation=RelationSpec(*ENDS, "label", ("Reseller",)),
)
LIST = "/objects/2026-09/deals"
UPDATE = f"{LIST}/batch/update"
LABELS = "/associations/2026-09/deals/companies/labels"


def odd(status: int, content: bytes = b"") -> httpx.Response:
    return httpx.Response(status, content=content)


@pytest.mark.parametrize(
    "answer", [odd(204), odd(202), odd(200, b"null"), odd(200, b"[]"), odd(200, b"{}"), odd(299)]
)
def test_a_listing_without_results_is_never_taken_for_an_empty_account(
    deals: Any, connect: Any, answer: httpx.Response
) -> None:
    deals.on("GET", LIST, answer)
    with pytest.raises(RetryableError):
        list(connect().changes(DEALS, None))


@pytest.mark.parametrize("answer", [odd(204), odd(200, b"{}")])
def test_metadata_that_is_missing_is_never_taken_for_none(
    api: Any, connect: Any, answer: httpx.Response
) -> None:
    api.on("GET", "/owners/2026-09", answer)
    with pytest.raises(RetryableError):
        connect().people()


@pytest.mark.parametrize("answer", [odd(202), odd(200, b"null"), odd(200, b"<html>")])
def test_a_write_whose_answer_cannot_be_read_may_have_happened(
    deals: Any, connect: Any, answer: httpx.Response
) -> None:
    deals.on("POST", UPDATE, answer)
    with pytest.raises(OutcomeUnknownError):
        connect().update(DEALS, [Change("1", {"dealname": "New"})])


@pytest.mark.parametrize("body", [b"{}", b'{"results": {"a": 1}}'])
def test_a_write_whose_answer_names_no_row_may_have_happened(
    deals: Any, connect: Any, body: bytes
) -> None:
    deals.on("POST", UPDATE, odd(200, body))
    (result,) = connect().update(DEALS, [Change("1", {"dealname": "New"})])
    assert isinstance(result.error, OutcomeUnknownError)


REFUSED = {
    "status": "COMPLETE",
    "results": [],
    "numErrors": 2,
    "errors": [
        {"status": "error", "category": "VALIDATION_ERROR", "message": "one is wrong"},
        {"status": "error", "category": "VALIDATION_ERROR", "message": "so is the other"},
    ],
}


def test_what_a_batch_refuses_is_raised_where_nobody_settles_it_row_by_row(
    deals: Any, connect: Any
) -> None:
    deals.on("POST", f"{LIST}/batch/archive", REFUSED, status=207)
    with pytest.raises(RejectedError, match="one is wrong") as caught:
        connect().delete(DEALS, ["1", "2"])
    assert "so is the other" in str(caught.value.findings)


def test_a_label_that_stays_is_not_reported_as_taken_off(deals: Any, connect: Any) -> None:
    label = {"label": "Reseller", "typeId": 17, "category": "USER_DEFINED"}
    deals.on("GET", LABELS, {"results": [label]})
    deals.on("POST", "/associations/2026-09/deals/companies/batch/labels/archive", REFUSED)
    with pytest.raises(RejectedError):
        connect().delete(RELATION, ["1:2:17"])
