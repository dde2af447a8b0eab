"""Bodies of another shape than HubSpot's endpoints take are refused, never crashed on."""

from __future__ import annotations

import pytest

from prmsync_hubspot.simulator.problems import ApiError
from prmsync_hubspot.simulator.shapes import items, mapping, objects, reference, texts, whole


def test_null_is_empty():
    assert mapping(None, "x") == {}
    assert items(None, "x") == texts(None, "x") == objects(None, "x") == []
    assert whole(None, "x", 7) == whole("", "x", 7) == 7


def test_numbers_come_as_text_too():
    assert (whole("200", "x", 1), whole(-1, "x", 1)) == (200, -1)
    assert texts(["a", 1], "x") == ["a", "1"]
    assert (reference({"id": 5}), reference({"id": "5"}), reference(None)) == ("5", "5", "")


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda value: mapping(value, "x"), []),
        (lambda value: items(value, "x"), {}),
        (lambda value: texts(value, "x"), [None]),
        (lambda value: texts(value, "x"), [True]),
        (lambda value: objects(value, "x"), [None]),
        (lambda value: objects(value, "x"), ["a"]),
        (lambda value: whole(value, "x", 0), "²"),
        (lambda value: whole(value, "x", 0), 1.5),
        (lambda value: whole(value, "x", 0), True),
        (lambda value: whole(value, "x", 0), "9" * 30),
    ],
)
def test_other_shapes_are_refused_by_name(read, value):
    with pytest.raises(ApiError, match="Invalid input JSON: x must be"):
        read(value)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/crm/v3/objects/deals", {"associations": [None]}),
        ("POST", "/crm/v3/objects/deals/search", {"properties": 5}),
        ("POST", "/crm/v3/objects/deals/search", {"after": "²"}),
        ("POST", "/crm/v3/objects/deals/batch/read", {"inputs": [], "properties": True}),
        ("POST", "/crm/v3/objects/deals/batch/read", {"inputs": [1]}),
        ("POST", "/crm/v3/objects/deals/batch/read", {}),
        ("POST", "/crm/v4/associations/deals/companies/batch/archive", {"inputs": [{"to": 5}]}),
        ("PATCH", "/crm/v3/pipelines/deals/default", {"displayOrder": "first"}),
        ("PATCH", "/crm/v3/schemas/prm_registration", {"labels": []}),
        ("PATCH", "/crm/v3/schemas/prm_registration", {"requiredProperties": ["nope"]}),
    ],
)
def test_endpoints_refuse_them(portal, method, path, body):
    answer = portal.http.request(method, path, json=body)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("path", ["/crm/v3/objects/deals/²", "/crm/v3/owners/²"])
def test_odd_ids_are_simply_not_there(portal, path):
    assert portal.get(path).status_code == 404
