"""Answers SOQL: pages, locators, counts and aggregates."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prmsync_salesforce.simulator.aggregates import aggregated
from prmsync_salesforce.simulator.columns import column_metadata
from prmsync_salesforce.simulator.database import Database, Row, Table, index_key
from prmsync_salesforce.simulator.evaluate import Getter, Scope, View, whole
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.field_history import FIELD_HISTORY, still_kept
from prmsync_salesforce.simulator.ids import long_id, make_id
from prmsync_salesforce.simulator.render import Children, child_relationship, renderer
from prmsync_salesforce.simulator.schema import ObjectDefinition
from prmsync_salesforce.simulator.soql import parse, pointed
from prmsync_salesforce.simulator.soql_tree import (
    Aggregate,
    Both,
    Comparison,
    Condition,
    Name,
    Query,
    Shown,
    Subselect,
)

_OPEN_LOCATORS = 10
_FIELDS = {
    "FIELDS(ALL)": (True, False),
    "FIELDS(STANDARD)": (False,),
    "FIELDS(CUSTOM)": (True,),
}
"""Whether the fields they stand for are custom ones."""


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
    selected: list[Shown]
    rows: list[Row]
    aggregated: bool = False


@dataclass(slots=True)
class _Locator:
    table: Table
    ids: list[str]
    selected: list[Shown]
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
            return aggregated(found.query, scope, rows)
        render = renderer(scope, found.selected, version, self._children(asked.view, version))
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
        return Found(query, table, scope, _selected(query, scope), _limited(query, scope, rows))

    def _children(self, view: View, version: str) -> Children:
        """Answers subselects of SELECT, with their rows sorted by parent once."""

        def children(scope: Scope, item: Subselect) -> tuple[str, Getter]:
            table, reference = child_relationship(scope, item.query.object)
            inner = self._made_scope(item.query, view(table) or table.definition, view)
            rows = self._rows(item.query, table, inner, deleted=False)
            by_parent: dict[Any, list[Row]] = {}
            for row in rows:
                by_parent.setdefault(row.get(reference.name), []).append(row)
            render = renderer(inner, _selected(item.query, inner), version, children)

            def shown(row: Row) -> Any:
                found = by_parent.get(row["Id"])
                if not found:
                    return None
                records = [render(one) for one in _limited(item.query, inner, found)]
                return {"totalSize": len(records), "done": True, "records": records}

            return str(reference.children), shown

        return children

    def _made_scope(self, query: Query, seen: ObjectDefinition, view: View) -> Scope:
        def inner(query: Query) -> frozenset[Any]:
            asked = Asked(query.text, "", view)
            table, scope = self._scope(query, asked)
            names = _selected(query, scope)
            if len(names) != 1 or not isinstance(names[0], Name):
                raise ApiError(400, "MALFORMED_QUERY", "a semi-join selects one field")
            get, _ = scope.getter(names[0])
            rows = self._rows(query, table, scope, deleted=False)
            return frozenset(get(row) for row in rows) - {None}

        return Scope(query.text, seen, self._database, self._now, view, inner)

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
        children = self._children(locator.scope.view, version)
        render = renderer(locator.scope, locator.selected, version, children)
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
        grouped = any(isinstance(item, Aggregate) for item in query.select)
        selected = query.select if grouped else _selected(query, scope)
        metadata = column_metadata(scope, selected, self._child_columns)
        return {
            "columnMetadata": metadata,
            "entityName": table.definition.name,
            "groupBy": bool(query.group_by),
            "idSelected": any(column["columnName"] == "Id" for column in metadata),
            "keyPrefix": table.definition.prefix,
        }

    def _child_columns(self, scope: Scope, item: Subselect) -> tuple[str, list[dict[str, Any]]]:
        table, reference = child_relationship(scope, item.query.object)
        seen = scope.view(table) or table.definition
        inner = self._made_scope(item.query, seen, scope.view)
        selected = _selected(item.query, inner)
        return str(reference.children), column_metadata(inner, selected, self._child_columns)

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
        return table, self._made_scope(query, seen, asked.view)

    def _rows(self, query: Query, table: Table, scope: Scope, *, deleted: bool) -> list[Row]:
        candidates: Iterable[Row] = table.rows.values()
        if query.where is not None:
            keyed = _by_index(query.where, table, scope, deleted=deleted)
            candidates = candidates if keyed is None else keyed
        if table.definition.name == FIELD_HISTORY:
            candidates = still_kept(candidates, self._now())
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
        if isinstance(part.name, Aggregate) or isinstance(part.values, Subselect):
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


def _limited(query: Query, scope: Scope, rows: list[Row]) -> list[Row]:
    """The rows in order, without those past the query's bounds."""
    scope.sort(rows, query.order_by)
    end = None if query.limit is None else query.offset + query.limit
    return rows[query.offset : end]


def _selected(query: Query, scope: Scope) -> list[Shown]:
    names: list[Shown] = []
    for item in query.select:
        if isinstance(item, Aggregate):
            continue
        if not isinstance(item, Name) or item.text not in _FIELDS:
            names.append(item)
            continue
        if query.limit is None or query.limit > 200:
            raise ApiError(
                400,
                "MALFORMED_QUERY",
                "The SOQL FIELDS function must have a LIMIT of at most 200",
            )
        fields = scope.definition.fields.values()
        names += [
            Name(field.name, item.at) for field in fields if field.custom in _FIELDS[item.text]
        ]
    seen: set[str] = set()
    for name in names:
        if not isinstance(name, Name):
            continue
        if name.text.lower() in seen:
            raise ApiError(400, "INVALID_FIELD", f"duplicate field selected: {name.text}")
        seen.add(name.text.lower())
    return names


def _invalid_locator() -> ApiError:
    return ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
