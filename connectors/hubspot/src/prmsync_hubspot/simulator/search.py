"""The search endpoint: an index that may lag, pages by offset, and a wall at 10,000."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from prmsync_hubspot.simulator.answers import live_links, shower
from prmsync_hubspot.simulator.filters import (
    Filter,
    comparable,
    parse_groups,
    tokens,
    unknown_property,
)
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import JSON, bad_request
from prmsync_hubspot.simulator.rows import Row, Table
from prmsync_hubspot.simulator.shapes import is_number, texts, whole

WALL = 10_000
LONGEST_QUERY = 3_000
LARGEST_PAGE = 200
_EVER = 2**62
_BY_ID = {"propertyName": "hs_object_id"}

RowTest = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A search's results, true until the table changes."""

    table: Table
    generation: int
    question: bytes
    rows: list[Row]

    def answers(self, table: Table, question: bytes) -> bool:
        same = self.table is table and self.generation == table.generation
        return same and self.question == question


class Searcher:
    """Answers searches; the last results are kept while nothing changes, for their next pages."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._kept: dict[str, _Kept] = {}

    def search(self, kind: ObjectType, body: Mapping[str, Any]) -> JSON:
        """Raises ApiError for what HubSpot refuses."""
        limit = whole(body.get("limit"), "limit", 10)
        after = whole(body.get("after"), "after", 0)
        if not 1 <= limit <= LARGEST_PAGE:
            raise bad_request(f"limit must be between 1 and {LARGEST_PAGE}, was {limit}")
        if not 0 <= after <= WALL - limit:
            raise bad_request(f"search gives at most {WALL} results, asked for {after + limit}")
        if len(str(body.get("query") or "")) > LONGEST_QUERY:
            raise bad_request(f"query is longer than {LONGEST_QUERY} characters")
        found = self._found(kind, body)
        requested = texts(body.get("properties"), "properties")
        show = shower(self._portal, kind, kind.shown(requested))
        answer: JSON = {
            "total": len(found),
            "results": [show(row) for row in found[after : after + limit]],
        }
        if after + limit < len(found):
            answer["paging"] = {"next": {"after": str(after + limit)}}
        return answer

    def _found(self, kind: ObjectType, body: Mapping[str, Any]) -> list[Row]:
        """All results. What is kept has no bounds on the id, so that a client that pages by "id
        above the last one" finds its next page there too."""
        lagging = kind.table.lagging(self._portal.now_ms())
        if lagging:
            return self._search(kind, body, lagging)
        unbounded, bounds = _without_id_bounds(body)
        question = orjson.dumps([unbounded.get(key) for key in ("filterGroups", "sorts", "query")])
        kept = self._kept.get(kind.type_id)
        if kept is None or not kept.answers(kind.table, question):
            found = self._search(kind, unbounded, lagging)
            kept = _Kept(kind.table, kind.table.generation, question, found)
            self._kept[kind.type_id] = kept
        return _bounded(kind, kept.rows, bounds) if bounds else kept.rows

    def _search(
        self, kind: ObjectType, body: Mapping[str, Any], lagging: Mapping[int, Row | None]
    ) -> list[Row]:
        groups = parse_groups(kind.properties, body.get("filterGroups"))
        prepared = [self._prepare(kind, group) for group in groups]
        sort = _sort(kind, body.get("sorts"))
        found: dict[int, Row] = {}
        for filters, tests in prepared or [([], [])]:
            for row in _candidates(kind, filters, lagging):
                if row.id not in found and all(test(row) for test in tests):
                    found[row.id] = row
        rows: Iterable[Row] = found.values()
        words = tokens(str(body.get("query") or ""))
        if words:
            rows = [row for row in rows if _mentions(kind, row, words)]
        return sort(rows)

    def _prepare(
        self, kind: ObjectType, group: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> tuple[list[Filter], list[RowTest]]:
        filters: list[Filter] = []
        tests: list[RowTest] = []
        for name, raw in group:
            if name in kind.properties:
                item = Filter(kind.properties[name], raw)
                filters.append(item)
                tests.append(_row_test(kind, item))
            else:
                tests.append(self._associated(kind, name.partition(".")[2], raw))
        return filters, tests

    def _associated(self, kind: ObjectType, other_name: str, raw: Mapping[str, Any]) -> RowTest:
        other = self._portal.type_named(other_name)
        wanted = {*texts(raw.get("values"), "values"), str(raw.get("value"))}

        def test(row: Row) -> bool:
            links = live_links(self._portal, kind, other, row.id)
            return any(str(to) in wanted for to in links)

        return test


def _without_id_bounds(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[JSON]]:
    """A search in id order without the bounds it puts on the id, and those bounds."""
    groups, sorts = body.get("filterGroups"), body.get("sorts") or []
    if not isinstance(groups, list) or len(groups) != 1 or not isinstance(groups[0], dict):
        return body, []
    by_id = sorts in ([], ["hs_object_id"], [{**_BY_ID, "direction": "ASCENDING"}], [_BY_ID])
    filters = groups[0].get("filters")
    if not by_id or not isinstance(filters, list):
        return body, []
    bounds = [item for item in filters if _bounds_id(item)]
    others = [item for item in filters if not _bounds_id(item)]
    return {**body, "filterGroups": [{"filters": others}]}, bounds


def _bounds_id(item: object) -> bool:
    return (
        isinstance(item, dict)
        and item.get("propertyName") == "hs_object_id"
        and item.get("operator") in ("GT", "GTE", "LT", "LTE")
    )


def _bounded(kind: ObjectType, found: list[Row], bounds: Sequence[JSON]) -> list[Row]:
    """Results within bounds; `found` is in id order."""
    definition = kind.properties["hs_object_id"]
    low, high = _bounds([Filter(definition, item) for item in bounds], "hs_object_id")
    start = bisect_left(found, low, key=_id_of)
    return found[start : bisect_right(found, high, key=_id_of)]


def _id_of(row: Row) -> int:
    return row.id


def _row_test(kind: ObjectType, item: Filter) -> RowTest:
    """Times and ids of a row are at hand as numbers; everything else is tested as text."""
    low = -_EVER if item.low is None else item.low
    high = _EVER if item.high is None else item.high
    if item.low is not None or item.high is not None:
        if item.name == kind.table.modified_property:
            return lambda row: low <= row.modified <= high
        if item.name == "hs_object_id":
            return lambda row: low <= row.id <= high
    return lambda row: item.test(row.props)


def _candidates(
    kind: ObjectType, filters: Sequence[Filter], lagging: Mapping[int, Row | None]
) -> Iterable[Row]:
    """Rows as the index shows them, from the narrowest order that the filters allow."""
    table = kind.table
    ids = _narrowest(kind, filters)
    if not lagging:
        rows = table.rows
        return [rows[row_id] for row_id in ids]
    shown = [table.rows[row_id] for row_id in ids if row_id not in lagging]
    return shown + [row for row in lagging.values() if row is not None]


def _narrowest(kind: ObjectType, filters: Sequence[Filter]) -> Sequence[int]:
    table = kind.table
    for item in filters:
        if item.values and item.name in table.unique:
            holders = [table.holder(item.name, value) for value in item.values]
            return [holder for holder in dict.fromkeys(holders) if holder is not None]
        if item.values and item.name == "hs_object_id":
            wanted = [int(value) for value in dict.fromkeys(item.values) if is_number(value)]
            return [row_id for row_id in wanted if table.is_live(row_id)]
    start, end = table.live_between(*_bounds(filters, "hs_object_id"))
    low, high = _bounds(filters, table.modified_property)
    if table.modified_count(low, high) < end - start:
        return table.modified_between(low, high)
    return table.live[start:end]


def _bounds(filters: Sequence[Filter], name: str) -> tuple[int, int]:
    low, high = -_EVER, _EVER
    for item in filters:
        if item.name == name:
            low = low if item.low is None else max(low, item.low)
            high = high if item.high is None else min(high, item.high)
    return low, high


def _sort(kind: ObjectType, raw: object) -> Callable[[Iterable[Row]], list[Row]]:
    """Orders by one property, then by id; records without the property come last."""
    if not raw:
        return lambda rows: sorted(rows, key=lambda row: row.id)
    if not isinstance(raw, list) or len(raw) > 1:
        raise bad_request("sorts takes one sort")
    name, descending = _direction(raw[0])
    definition = kind.properties.get(name)
    if definition is None:
        raise unknown_property(name)
    if name == "hs_object_id":
        return lambda rows: sorted(rows, key=lambda row: row.id, reverse=descending)
    if name == kind.table.modified_property:
        return lambda rows: sorted(
            sorted(rows, key=lambda row: row.id), key=lambda row: row.modified, reverse=descending
        )
    key = comparable(definition)

    def order(rows: Iterable[Row]) -> list[Row]:
        ordered = sorted(rows, key=lambda row: row.id)
        with_value = [row for row in ordered if name in row.props]
        without = [row for row in ordered if name not in row.props]
        return (
            sorted(with_value, key=lambda row: key(row.props[name]), reverse=descending) + without
        )

    return order


def _direction(raw: object) -> tuple[str, bool]:
    if isinstance(raw, str):
        return raw.lstrip("-"), raw.startswith("-")
    if isinstance(raw, dict) and isinstance(raw.get("propertyName"), str):
        return raw["propertyName"], raw.get("direction") == "DESCENDING"
    raise bad_request("a sort needs a propertyName")


def _mentions(kind: ObjectType, row: Row, words: Sequence[str]) -> bool:
    held = [word for name in kind.searchable for word in tokens(row.props.get(name, ""))]
    return all(any(known.startswith(word) for known in held) for word in words)
