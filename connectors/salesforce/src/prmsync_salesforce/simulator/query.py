"""Answers SOQL: pages, locators, counts and aggregates."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prmsync_salesforce.simulator.columns import column_metadata
from prmsync_salesforce.simulator.database import Database, Row, Table, index_key
from prmsync_salesforce.simulator.evaluate import Getter, Scope, View, whole
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.ids import long_id, make_id
from prmsync_salesforce.simulator.schema import FieldDefinition
from prmsync_salesforce.simulator.soql import (
    Aggregate,
    Both,
    Comparison,
    Condition,
    Name,
    Query,
    parse,
    pointed,
)

_OPEN_LOCATORS = 10
_FIELDS = {
    "FIELDS(ALL)": (True, False),
    "FIELDS(STANDARD)": (False,),
    "FIELDS(CUSTOM)": (True,),
}
"""Whether the fields they stand for are custom ones."""
Renderer = Callable[[Row], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A query's text, who asks it (what they see), and by which API version. `tooling`: by the
    Tooling API, which has more objects."""

    text: str
    version: str
    view: View = whole
    tooling: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a query in order, limits applied; `aggregated`: those to aggregate."""

    query: Query
    table: Table
    scope: Scope
    selected: list[Name]
    rows: list[Row]
    aggregated: bool = False


@dataclass(slots=True)
class _Locator:
    table: Table
    ids: list[str]
    selected: list[Name]
    scope: Scope
    opened: datetime
    page: int


class QueryEngine:
    """Runs queries. A locator keeps the ids it found, and reads rows when a page is asked for."""

    def __init__(
        self, database: Database, now: Callable[[], datetime], lifetime_seconds: float
    ) -> None:
        self._database = database
        self._now = now
        self._lifetime = timedelta(seconds=lifetime_seconds)
        self._locators: dict[str, _Locator] = {}
        self._numbers = itertools.count(1)

    def run(self, asked: Asked, *, deleted: bool, page: int) -> dict[str, Any]:
        """The answer of `query` or (`deleted`) `queryAll`. Raises ApiError."""
        found = self.select(asked, deleted=deleted)
        scope, rows, version = found.scope, found.rows, asked.version
        if found.aggregated:
            return _aggregated(found.query, scope, rows)
        render = _renderer(scope, found.selected, version)
        answer: dict[str, Any] = {"totalSize": len(rows), "done": len(rows) <= page}
        if len(rows) > page:
            locator = _Locator(
                found.table,
                [row["Id"] for row in rows],
                found.selected,
                scope,
                self._now(),
                page,
            )
            key = self._open(locator)
            answer["nextRecordsUrl"] = f"/services/data/{version}/query/{key}-{page}"
        answer["records"] = [render(row) for row in rows[:page]]
        return answer

    def select(self, asked: Asked, *, deleted: bool) -> Found:
        """What a query finds, before it is rendered. Raises ApiError."""
        query = parse(asked.text)
        table, scope = self._scope(query, asked)
        rows = self._rows(query, table, scope, deleted=deleted)
        if any(isinstance(item, Aggregate) for item in query.select) or query.group_by:
            return Found(query, table, scope, [], rows, aggregated=True)
        scope.sort(rows, query.order_by)
        rows = rows[query.offset :]
        if query.limit is not None:
            rows = rows[: query.limit]
        return Found(query, table, scope, _selected_names(query, scope), rows)

    def more(self, text: str, version: str) -> dict[str, Any]:
        """The page a `nextRecordsUrl` names. Raises INVALID_QUERY_LOCATOR."""
        key, _, offset_text = text.partition("-")
        locator = self._locators.get(key)
        if locator is None or not offset_text.isdigit():
            raise _invalid_locator()
        if self._now() - locator.opened > self._lifetime:
            del self._locators[key]
            raise _invalid_locator()
        offset = int(offset_text)
        end = offset + locator.page
        rows = [
            locator.table.rows[record_id]
            for record_id in locator.ids[offset:end]
            if record_id in locator.table.rows
        ]
        render = _renderer(locator.scope, locator.selected, version)
        done = end >= len(locator.ids)
        answer: dict[str, Any] = {"totalSize": len(locator.ids), "done": done}
        if not done:
            answer["nextRecordsUrl"] = f"/services/data/{version}/query/{key}-{end}"
        answer["records"] = [render(row) for row in rows]
        return answer

    def columns(self, asked: Asked) -> dict[str, Any]:
        """What `columns=true` answers: the selected fields' types instead of records."""
        query = parse(asked.text)
        table, scope = self._scope(query, asked)
        aggregated = any(isinstance(item, Aggregate) for item in query.select)
        selected = query.select if aggregated else _selected_names(query, scope)
        metadata = column_metadata(scope, selected)
        return {
            "columnMetadata": metadata,
            "entityName": table.definition.name,
            "groupBy": bool(query.group_by),
            "idSelected": any(column["columnName"] == "Id" for column in metadata),
            "keyPrefix": table.definition.prefix,
        }

    def forget(self) -> None:
        """Close all locators."""
        self._locators.clear()

    def _open(self, locator: _Locator) -> str:
        key = make_id("0r8", next(self._numbers))
        self._locators[key] = locator
        while len(self._locators) > _OPEN_LOCATORS:
            del self._locators[next(iter(self._locators))]
        return key

    def _scope(self, query: Query, asked: Asked) -> tuple[Table, Scope]:
        table = self._database.table(query.object.text)
        seen = asked.view(table) if table is not None else None
        if table is None or seen is None or (seen.tooling and not asked.tooling):
            name = query.object.text
            message = (
                f"sObject type '{name}' is not supported. If you are attempting to use a custom "
                "object, be sure to append the '__c' after the entity name. Please reference "
                "your WSDL or the describe call for the appropriate names."
            )
            raise ApiError(400, "INVALID_TYPE", pointed(query.text, query.object.at, message))
        return table, Scope(query.text, seen, self._database, self._now, asked.view)

    def _rows(self, query: Query, table: Table, scope: Scope, *, deleted: bool) -> list[Row]:
        candidates: Iterable[Row] = table.rows.values()
        if query.where is not None:
            keyed = _by_index(query.where, table, scope, deleted=deleted)
            candidates = candidates if keyed is None else keyed
        if not deleted:
            candidates = (row for row in candidates if not row["IsDeleted"])
        if query.where is None:
            return list(candidates)
        return list(filter(scope.predicate(query.where), candidates))


def _by_index(where: Condition, table: Table, scope: Scope, *, deleted: bool) -> list[Row] | None:
    """The rows that an `=` or `IN` on an id or indexed field leaves, None without one."""
    parts = where.parts if isinstance(where, Both) else (where,)
    for part in parts:
        if not isinstance(part, Comparison) or part.operator not in ("=", "IN"):
            continue
        path, field = scope.resolve(part.name)
        texts = [value.text for value in part.values if value.kind == "string"]
        if path or len(texts) != len(part.values):
            continue
        if field.type == "id":
            keys = dict.fromkeys(long_id(text) for text in texts)
            return [table.rows[key] for key in keys if key in table.rows]
        if field.indexed and not deleted:
            wanted = dict.fromkeys(index_key(field, text) for text in texts)
            return [table.rows[found] for key in wanted for found in table.find(field, key)]
    return None


def _selected_names(query: Query, scope: Scope) -> list[Name]:
    names: list[Name] = []
    for item in query.select:
        if isinstance(item, Aggregate):
            continue
        wanted = _FIELDS.get(item.text)
        if wanted is None:
            names.append(item)
            continue
        if query.limit is None or query.limit > 200:
            raise ApiError(
                400,
                "MALFORMED_QUERY",
                "The SOQL FIELDS function must have a LIMIT of at most 200",
            )
        fields = scope.definition.fields.values()
        names += [Name(field.name, item.at) for field in fields if field.custom in wanted]
    seen: set[str] = set()
    for name in names:
        if name.text.lower() in seen:
            raise ApiError(400, "INVALID_FIELD", f"duplicate field selected: {name.text}")
        seen.add(name.text.lower())
    return names


def _renderer(scope: Scope, selected: Sequence[Name], version: str) -> Renderer:
    """A function from row to its part of the answer, with parents nested."""
    own: list[str] = []
    parents: dict[str, list[tuple[FieldDefinition, Name]]] = {}
    slots: list[tuple[str, bool]] = []
    for name in selected:
        path, field = scope.resolve(name)
        if not path:
            own.append(field.name)
            slots.append((field.name, False))
            continue
        relationship = str(path[0].relationship)
        if relationship not in parents:
            slots.append((relationship, True))
        rest = ".".join([str(item.relationship) for item in path[1:]] + [field.name])
        parents.setdefault(relationship, []).append((path[0], Name(rest, name.at)))
    object_name = scope.definition.name
    url = f"/services/data/{version}/sobjects/{object_name}/"
    if not parents:
        return _flat_renderer(object_name, url, own)
    nested = {
        relationship: _parent_renderer(scope, items, version)
        for relationship, items in parents.items()
    }

    def render(row: Row) -> dict[str, Any]:
        answer: dict[str, Any] = {"attributes": {"type": object_name, "url": url + row["Id"]}}
        for key, is_parent in slots:
            answer[key] = nested[key](row) if is_parent else row.get(key)
        return answer

    return render


def _flat_renderer(object_name: str, url: str, names: list[str]) -> Renderer:
    def render(row: Row) -> dict[str, Any]:
        get = row.get
        answer: dict[str, Any] = {"attributes": {"type": object_name, "url": url + row["Id"]}}
        for name in names:
            answer[name] = get(name)
        return answer

    return render


def _parent_renderer(
    scope: Scope, items: list[tuple[FieldDefinition, Name]], version: str
) -> Getter:
    reference = items[0][0]
    database = scope.database
    table = database.table(reference.reference_to[0])
    definition = scope.view(table) if table is not None else None
    if definition is None:
        return lambda _row: None
    inner = Scope(scope.text, definition, database, scope.now, scope.view)
    render = _renderer(inner, [name for _, name in items], version)

    def parent(row: Row) -> Any:
        target = row.get(reference.name)
        found = database.row(target) if target else None
        return render(found) if found is not None else None

    return parent


def _aggregated(query: Query, scope: Scope, rows: list[Row]) -> dict[str, Any]:
    plain = [item for item in query.select if isinstance(item, Name)]
    counted = query.select[0]
    if len(query.select) == 1 and isinstance(counted, Aggregate) and counted.of is None:
        total = len(rows) if query.limit is None else min(len(rows), query.limit)
        return {"totalSize": total, "done": True, "records": []}
    grouped = {name.text.lower() for name in query.group_by}
    for name in plain:
        if name.text.lower() not in grouped:
            message = f"Field must be grouped or aggregated: {name.text}"
            raise ApiError(400, "MALFORMED_QUERY", pointed(query.text, name.at, message))
    keys = [scope.getter(name) for name in query.group_by]
    groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): []}
    for row in rows:
        groups.setdefault(tuple(get(row) for get, _ in keys), []).append(row)
    records = [_aggregate_row(query, scope, members) for members in groups.values()]
    if query.limit is not None:
        records = records[: query.limit]
    return {"totalSize": len(records), "done": True, "records": records}


def _aggregate_row(query: Query, scope: Scope, members: list[Row]) -> dict[str, Any]:
    answer: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
    unnamed = itertools.count()
    for item in query.select:
        if isinstance(item, Name):
            get, field = scope.getter(item)
            answer[field.name] = get(members[0])
            continue
        answer[item.alias or f"expr{next(unnamed)}"] = _aggregate(item, scope, members)
    return answer


def _aggregate(item: Aggregate, scope: Scope, members: list[Row]) -> Any:
    if item.of is None:
        return len(members)
    get, _ = scope.getter(item.of)
    values = [value for value in map(get, members) if value is not None]
    if item.function in ("COUNT", "COUNT_DISTINCT"):
        return len(values) if item.function == "COUNT" else len(set(values))
    if not values:
        return None
    if item.function in ("SUM", "AVG"):
        return sum(values) / (len(values) if item.function == "AVG" else 1)
    return min(values) if item.function == "MIN" else max(values)


def _invalid_locator() -> ApiError:
    return ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
