"""Search filters: what HubSpot takes, as functions over the properties of a record."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from prmsync_hubspot.simulator.definitions import Property
from prmsync_hubspot.simulator.problems import ApiError, bad_request
from prmsync_hubspot.simulator.shapes import texts
from prmsync_hubspot.simulator.stamps import parse_ms

MOST_GROUPS = 5
MOST_FILTERS_PER_GROUP = 6
MOST_FILTERS = 18
MOST_VALUES = 100

OPERATORS = (
    "EQ",
    "NEQ",
    "LT",
    "LTE",
    "GT",
    "GTE",
    "BETWEEN",
    "IN",
    "NOT_IN",
    "HAS_PROPERTY",
    "NOT_HAS_PROPERTY",
    "CONTAINS_TOKEN",
    "NOT_CONTAINS_TOKEN",
)
_TOKEN = re.compile(r"[^\W_]+")

Comparable = Any
"""A value in the form its type is compared in: Decimal, milliseconds, or text in one case."""
Test = Callable[[Mapping[str, str]], bool]


class Filter:
    """One filter. `low` and `high` are inclusive bounds in whole numbers for ids and times (None:
    open), which let a search look only where there may be something; `values` are wanted keys."""

    __slots__ = ("high", "low", "name", "operator", "test", "values")

    def __init__(self, definition: Property, raw: Mapping[str, Any]) -> None:
        self.name = definition.name
        self.operator = str(raw["operator"])
        self.values: list[str] = []
        self.low: int | None = None
        self.high: int | None = None
        self.test = self._compile(definition, raw)

    def _compile(self, definition: Property, raw: Mapping[str, Any]) -> Test:
        name, operator = self.name, self.operator
        if operator == "HAS_PROPERTY":
            return lambda props: name in props
        if operator == "NOT_HAS_PROPERTY":
            return lambda props: name not in props
        if operator in ("IN", "NOT_IN"):
            return self._among(definition, raw)
        if "value" not in raw or raw["value"] is None:
            raise bad_request(f"operator {operator} requires a value", propertyName=[name])
        if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
            return _tokens_test(name, str(raw["value"]), wanted=operator == "CONTAINS_TOKEN")
        return self._compared(definition, raw)

    def _among(self, definition: Property, raw: Mapping[str, Any]) -> Test:
        name, given = self.name, texts(raw.get("values"), "values")
        if not given:
            raise bad_request(f"operator {self.operator} requires values", propertyName=[name])
        if len(given) > MOST_VALUES:
            raise bad_request(f"operator {self.operator} takes at most {MOST_VALUES} values")
        key = comparable(definition)
        wanted = {_comparable_input(definition, item) for item in given}
        if self.operator == "IN":
            self.values = given
            return lambda props: name in props and key(props[name]) in wanted
        return lambda props: name in props and key(props[name]) not in wanted

    def _compared(self, definition: Property, raw: Mapping[str, Any]) -> Test:
        name, operator, key = self.name, self.operator, comparable(definition)
        value = _comparable_input(definition, raw["value"])
        if operator == "BETWEEN":
            if raw.get("highValue") is None:
                raise bad_request("operator BETWEEN requires a highValue", propertyName=[name])
            high = _comparable_input(definition, raw["highValue"])
            self._bound(value, high)
            return lambda props: name in props and value <= key(props[name]) <= high
        if operator == "EQ":
            self.values = [str(raw["value"])]
            self._bound(value, value)
            return lambda props: name in props and key(props[name]) == value
        if operator == "NEQ":
            return lambda props: name in props and key(props[name]) != value
        return self._ordered(name, operator, key, value)

    def _ordered(
        self, name: str, operator: str, key: Callable[[str], Comparable], value: Comparable
    ) -> Test:
        if operator == "GT":
            self._bound(value, None, above=1)
            return lambda props: name in props and key(props[name]) > value
        if operator == "GTE":
            self._bound(value, None)
            return lambda props: name in props and key(props[name]) >= value
        if operator == "LT":
            self._bound(None, value, below=1)
            return lambda props: name in props and key(props[name]) < value
        self._bound(None, value)
        return lambda props: name in props and key(props[name]) <= value

    def _bound(self, low: Comparable, high: Comparable, above: int = 0, below: int = 0) -> None:
        if isinstance(low, int | Decimal):
            self.low = int(low) + above
        if isinstance(high, int | Decimal):
            self.high = int(high) - below


def comparable(definition: Property) -> Callable[[str], Comparable]:
    """How stored values of a property compare."""
    if definition.type == "number":
        return Decimal
    if definition.type in ("date", "datetime"):
        return lambda text: parse_ms(text) or 0
    return str.casefold


def _comparable_input(definition: Property, value: object) -> Comparable:
    text = str(value)
    if definition.type in ("date", "datetime"):
        ms = parse_ms(text)
        if ms is None:
            raise bad_request(f"{text} is not a valid time", propertyName=[definition.name])
        return ms
    try:
        return comparable(definition)(text)
    except InvalidOperation:
        raise bad_request(f"{text} is not a valid number", propertyName=[definition.name]) from None


def tokens(text: str) -> list[str]:
    """Words as the index knows them."""
    return _TOKEN.findall(text.casefold())


def _tokens_test(name: str, value: str, *, wanted: bool) -> Test:
    """Every word of the value must be a word of the property; `*` stands for any letters."""
    patterns = [
        re.compile(re.escape(word).replace(r"\*", r"[^\W_]*"))
        for word in re.findall(r"[^\W_*]*\*?[^\W_*]*\*?", value.casefold())
        if word
    ]

    def test(props: Mapping[str, str]) -> bool:
        words = tokens(props.get(name, ""))
        found = all(any(pattern.fullmatch(word) for word in words) for pattern in patterns)
        return found is wanted

    return test


def parse_groups(
    properties: Mapping[str, Property], raw: object
) -> list[list[tuple[str, Mapping[str, Any]]]]:
    """(property name, filter) lists, one per group. Raises ApiError for what HubSpot refuses."""
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise bad_request("filterGroups must be a list")
    groups = [group.get("filters") if isinstance(group, dict) else None for group in raw]
    if any(not isinstance(group, list) for group in groups):
        raise bad_request("every filter group needs filters")
    _within_limits([group for group in groups if isinstance(group, list)])
    return [[_named(properties, item) for item in group or []] for group in groups]


def _within_limits(groups: Sequence[Sequence[object]]) -> None:
    if len(groups) > MOST_GROUPS:
        raise bad_request(f"too many filterGroups: {len(groups)}, at most {MOST_GROUPS}")
    if any(len(group) > MOST_FILTERS_PER_GROUP for group in groups):
        raise bad_request(f"too many filters in a group, at most {MOST_FILTERS_PER_GROUP}")
    if sum(map(len, groups)) > MOST_FILTERS:
        raise bad_request(f"too many filters, at most {MOST_FILTERS} in all groups")


def _named(properties: Mapping[str, Property], raw: object) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(raw, dict) or not isinstance(raw.get("propertyName"), str):
        raise bad_request("a filter needs a propertyName")
    name, operator = raw["propertyName"], raw.get("operator")
    if operator not in OPERATORS:
        raise bad_request(f"Invalid input JSON: operator {operator!r} is not known")
    if name not in properties and not name.startswith("associations."):
        raise unknown_property(name)
    return name, raw


def unknown_property(name: str) -> ApiError:
    """400 for a property that a search names and the object lacks."""
    return ApiError(
        400,
        "There was a problem with the request.",
        extra={
            "errors": [
                {
                    "message": f"Property '{name}' does not exist",
                    "code": "PROPERTY_DOESNT_EXIST",
                    "context": {"propertyName": [name]},
                }
            ]
        },
    )
