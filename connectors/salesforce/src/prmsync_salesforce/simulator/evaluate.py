"""Turns SOQL conditions and orders into functions over rows."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from prmsync_salesforce.simulator import soql_tree as tree
from prmsync_salesforce.simulator.database import Database, Row, Table
from prmsync_salesforce.simulator.date_literals import span
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.ids import long_id
from prmsync_salesforce.simulator.schema import NUMERIC, FieldDefinition, ObjectDefinition
from prmsync_salesforce.simulator.soql import pointed
from prmsync_salesforce.simulator.values import parse_moment, stamp

Predicate = Callable[[Row], bool]
Getter = Callable[[Row], Any]
View = Callable[[Table], ObjectDefinition | None]
"""An object as somebody sees it; None when they do not."""
Inner = Callable[[tree.Query], frozenset[Any]]
"""The values of the one field that a query in parentheses selects."""


def whole(table: Table) -> ObjectDefinition:
    """The view that hides nothing."""
    return table.definition


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MAX_DEPTH = 5
_UNTYPED = "anyType"


class Scope:
    """Resolves names of one query: its text (for error messages), object, data and clock.
    `view` shows the objects that are named on the way, `inner` runs queries in parentheses."""

    def __init__(
        self,
        text: str,
        definition: ObjectDefinition,
        database: Database,
        now: Callable[[], datetime],
        view: View = whole,
        inner: Inner | None = None,
    ) -> None:
        self.view = view
        self.inner = inner
        self.text = text
        self.definition = definition
        self.database = database
        self.now = now

    def resolve(self, name: tree.Name) -> tuple[list[FieldDefinition], FieldDefinition]:
        """The reference fields on the way, and the field itself. Raises INVALID_FIELD."""
        *steps, last = name.text.split(".")
        definition = self.definition
        if (
            steps
            and steps[0].lower() == definition.name.lower()
            and not definition.relation(steps[0])
        ):
            steps = steps[1:]
        path: list[FieldDefinition] = []
        for step in steps:
            reference = definition.relation(step)
            target = self._target(reference)
            if reference is None or target is None or len(path) == _MAX_DEPTH:
                raise self._no_relation(name, step, definition)
            path.append(reference)
            definition = target
        field = definition.field(last)
        if field is None:
            raise self._no_field(name, last, definition)
        return path, field

    def _target(self, reference: FieldDefinition | None) -> ObjectDefinition | None:
        table = self.database.target(reference) if reference else None
        return self.view(table) if table is not None else None

    def getter(self, name: tree.Name) -> tuple[Getter, FieldDefinition]:
        """A function from row to the value of a path, and the field at its end."""
        get, field = self._plain_getter(name)
        if not name.label:
            return get, field
        labels = {choice.value: choice.label for choice in field.choices}

        def labelled(row: Row) -> Any:
            value = get(row)
            if not isinstance(value, str):
                return value
            return ";".join(labels.get(one, one) for one in value.split(";"))

        return labelled, field

    def _plain_getter(self, name: tree.Name) -> tuple[Getter, FieldDefinition]:
        path, field = self.resolve(name)
        key = field.name
        if not path:
            return (lambda row: row.get(key)), field
        references = [item.name for item in path]
        find = self.database.row

        def get(row: Row) -> Any:
            current: Row | None = row
            for reference in references:
                target = current.get(reference) if current else None
                current = find(target) if target else None
            return current.get(key) if current else None

        return get, field

    def _no_field(self, name: tree.Name, last: str, definition: ObjectDefinition) -> ApiError:
        message = (
            f"No such column '{last}' on entity '{definition.name}'. If you are attempting to "
            "use a custom field, be sure to append the '__c' after the custom field name. "
            "Please reference your WSDL or the describe call for the appropriate names."
        )
        return ApiError(400, "INVALID_FIELD", pointed(self.text, name.at, message))

    def _no_relation(self, name: tree.Name, step: str, definition: ObjectDefinition) -> ApiError:
        message = (
            f"Didn't understand relationship '{step}' in field path. If you are attempting to "
            "use a custom relationship, be sure to append the '__r' after the custom "
            "relationship name. Please reference your WSDL or the describe call for the "
            f"appropriate names. (entity {definition.name})"
        )
        return ApiError(400, "INVALID_FIELD", pointed(self.text, name.at, message))

    def predicate(self, condition: tree.Condition) -> Predicate:
        """A function that says whether a row meets the condition."""
        if isinstance(condition, tree.Both):
            return _all([self.predicate(part) for part in condition.parts])
        if isinstance(condition, tree.Either):
            parts = [self.predicate(part) for part in condition.parts]
            return lambda row: any(part(row) for part in parts)
        if isinstance(condition, tree.Negation):
            inner = self.predicate(condition.part)
            return lambda row: not inner(row)
        return self._comparison(condition)

    def _comparison(self, item: tree.Comparison) -> Predicate:
        if isinstance(item.name, tree.Aggregate):
            message = "Grouped field should not be filtered in WHERE"
            raise ApiError(400, "MALFORMED_QUERY", pointed(self.text, item.name.at, message))
        get, field = self.getter(item.name)
        if field.type == _UNTYPED:
            message = f"field '{item.name.text}' can not be filtered in a query call"
            raise ApiError(400, "INVALID_FIELD", pointed(self.text, item.name.at, message))
        if isinstance(item.values, tree.Subselect):
            return self._among(get, item.values, negated=item.operator == "NOT IN")
        if item.operator == "LIKE":
            return _like(get, item.values[0])
        if item.operator in ("INCLUDES", "EXCLUDES"):
            return _includes(get, item.values, negated=item.operator == "EXCLUDES")
        return self._compared(item.operator, item.values, get, field)

    def _among(self, get: Getter, values: tree.Subselect, *, negated: bool) -> Predicate:
        if self.inner is None:
            raise ApiError(400, "MALFORMED_QUERY", "a query inside a query cannot be used here")
        wanted = self.inner(values.query)
        return lambda row: (get(row) in wanted) is not negated

    def _compared(
        self, sign: str, literals: tuple[tree.Literal, ...], get: Getter, field: FieldDefinition
    ) -> Predicate:
        ranges = [self._relative(value, field) for value in literals]
        if ranges[0] is not None:
            return _in_range(get, sign, ranges[0])
        values = [self._value(value, field) for value in literals]
        fold = _folded(get, field)
        if sign in ("IN", "NOT IN"):
            wanted, negated = frozenset(values), sign == "NOT IN"
            return lambda row: (fold(row) in wanted) is not negated
        value = values[0]
        if sign == "=":
            return lambda row: bool(fold(row) == value)
        if sign == "!=":
            return lambda row: bool(fold(row) != value)
        compare = _COMPARE[sign]
        if value is None:
            return lambda _row: False

        def ordered(row: Row) -> bool:
            found = fold(row)
            return found is not None and compare(found, value)

        return ordered

    def _relative(self, value: tree.Literal, field: FieldDefinition) -> tuple[str, str] | None:
        if value.kind != "relative":
            return None
        first, last = span(value.text, self.now().astimezone(UTC).date())
        if field.type == "date":
            return first.isoformat(), (last + timedelta(days=1)).isoformat()
        return f"{first}T00:00:00.000+0000", f"{last + timedelta(days=1)}T00:00:00.000+0000"

    def _value(self, value: tree.Literal, field: FieldDefinition) -> Any:
        if value.kind == "null":
            return None
        if field.type in ("id", "reference"):
            return self._id_value(value, field)
        expected, convert = _LITERALS.get(field.type, ("string", str.lower))
        allowed = (expected,) if expected != "datetime" else ("datetime", "date")
        if value.kind not in allowed:
            raise self._wrong_literal(value, field, expected)
        return convert(value.text)

    def _id_value(self, value: tree.Literal, field: FieldDefinition) -> str:
        if value.kind != "string":
            raise self._wrong_literal(value, field, "string")
        found = long_id(value.text)
        if found is None and value.text:
            raise ApiError(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value.text}")
        return found or ""

    def _wrong_literal(
        self, value: tree.Literal, field: FieldDefinition, expected: str
    ) -> ApiError:
        kind = {"datetime": "dateTime", "number": "double"}.get(expected, expected)
        quotes = " and should be enclosed in quotes" if expected == "string" else ""
        if value.kind == "string":
            quotes = " and should not be enclosed in quotes"
        message = (
            f"value of filter criterion for field '{field.name}' must be of type {kind}{quotes}"
        )
        return ApiError(400, "INVALID_FIELD", message)

    def sort(self, rows: list[Row], orders: list[tree.Order]) -> None:
        """Sort in place; text without regard to case, nulls first unless said otherwise."""
        for order in reversed(orders):
            if isinstance(order.name, tree.Aggregate):
                message = "Ordered field must be grouped or aggregated"
                raise ApiError(400, "MALFORMED_QUERY", pointed(self.text, order.name.at, message))
            get, field = self.getter(order.name)
            fold = _folded(get, field)
            # A descending sort turns the whole key round, so the null's rank is turned as well.
            null_rank = 1 if order.nulls_last != order.descending else -1
            rows.sort(key=sort_key(fold, null_rank), reverse=order.descending)


def sort_key(get: Getter, null_rank: int) -> Callable[[Row], tuple[int, Any]]:
    def key(row: Row) -> tuple[int, Any]:
        value = get(row)
        return (null_rank, 0) if value is None else (0, value)

    return key


def _all(parts: list[Predicate]) -> Predicate:
    if len(parts) == 2:
        first, second = parts
        return lambda row: first(row) and second(row)
    return lambda row: all(part(row) for part in parts)


def _folded(get: Getter, field: FieldDefinition) -> Getter:
    """Text compares without regard to case; ids, times, numbers and booleans as they are."""
    if field.type in NUMERIC or field.type in ("id", "reference", "date", "datetime", "boolean"):
        return get

    def fold(row: Row) -> Any:
        value = get(row)
        return value.lower() if value is not None else None

    return fold


def _moment_literal(text: str) -> str:
    moment = parse_moment(text if "T" in text else f"{text}T00:00:00Z")
    if moment is None:
        raise ApiError(400, "MALFORMED_QUERY", f"invalid dateTime: {text}")
    return stamp(moment)


def _day_literal(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ApiError(400, "MALFORMED_QUERY", f"invalid date: {text}") from error


_LITERALS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "boolean": ("boolean", lambda text: text == "true"),
    "date": ("date", _day_literal),
    "datetime": ("datetime", _moment_literal),
    **dict.fromkeys(NUMERIC, ("number", float)),
}


def _like(get: Getter, value: tree.Literal) -> Predicate:
    parts = re.split(r"(\\[%_]|[%_])", value.text)
    special = {"%": ".*", "_": ".", "\\%": "%", "\\_": "_"}
    pattern = "".join(special.get(part) or re.escape(part) for part in parts)
    expression = re.compile(pattern, re.IGNORECASE | re.DOTALL)

    def like(row: Row) -> bool:
        found = get(row)
        return found is not None and expression.fullmatch(str(found)) is not None

    return like


def _includes(get: Getter, values: tuple[tree.Literal, ...], *, negated: bool) -> Predicate:
    wanted = [set(value.text.lower().split(";")) for value in values]

    def includes(row: Row) -> bool:
        found = set(str(get(row) or "").lower().split(";"))
        return any(parts <= found for parts in wanted) is not negated

    return includes


def _in_range(get: Getter, sign: str, bounds: tuple[str, str]) -> Predicate:
    first, after = bounds
    tests: dict[str, Callable[[Any], bool]] = {
        "=": lambda found: first <= found < after,
        "!=": lambda found: not first <= found < after,
        "<": lambda found: found < first,
        "<=": lambda found: found < after,
        ">": lambda found: found >= after,
        ">=": lambda found: found >= first,
    }
    if sign not in tests:
        raise ApiError(400, "MALFORMED_QUERY", f"unexpected date literal after {sign}")
    test = tests[sign]

    def in_range(row: Row) -> bool:
        found = get(row)
        return sign == "!=" if found is None else test(found)

    return in_range
