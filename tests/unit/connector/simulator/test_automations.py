"""What the automations of a simulated CRM's admin make of a write."""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.connector.simulator.automations import Automations, parse_automation

NAMES = ("account",)


def rewritten(raw: dict[str, Any], old: dict[str, Any], new: dict[str, Any]) -> list[Any]:
    rules = Automations()
    rules.add(parse_automation({"object": "Account", "field": "Name", **raw}))
    return rules.rewrites(NAMES, old, new)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ({"does": "upper"}, "NEW"),
        ({"does": "restore"}, "Old"),
        ({"does": "set", "value": "Third"}, "Third"),
        ({"does": "append"}, "New!"),
    ],
)
def test_a_written_field_is_rewritten(raw: dict[str, Any], value: str) -> None:
    found = rewritten({**raw, "user": "7"}, {"Name": "Old"}, {"Name": "New"})
    assert found == [("7", {"Name": value})]


def test_a_field_that_was_left_alone_is_rewritten_only_always() -> None:
    same = {"Name": "Same"}
    assert rewritten({"does": "upper"}, same, same) == []
    assert rewritten({"does": "upper", "always": True}, same, same) == [(None, {"Name": "SAME"})]


def test_it_stops_after_its_times() -> None:
    rules = Automations()
    rules.add(parse_automation({"object": "Account", "field": "Name", "does": "upper", "times": 1}))
    assert len(rules.rewrites(NAMES, {}, {"Name": "a"})) == 1
    assert rules.rewrites(NAMES, {}, {"Name": "b"}) == []
    assert rules.as_json()[0]["fired"] == 1


def test_every_mistake_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown key 'x'; field is missing; does must be one of"):
        parse_automation({"object": "Account", "x": 1, "does": "shout"})
