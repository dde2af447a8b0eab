"""COUNT, SUM and their like, by group."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

from prmsync_salesforce.simulator import soql_tree as tree
from prmsync_salesforce.simulator.database import Row
from prmsync_salesforce.simulator.evaluate import Scope, sort_key
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.soql import pointed


class Group(list[Row]):
    """The rows of one group; `rolled` are the grouped fields over which it is a subtotal."""

    rolled: frozenset[str] = frozenset()


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def aggregated(query: tree.Query, scope: Scope, rows: list[Row]) -> dict[str, Any]:
    """The whole answer of a query that groups or counts. Raises MALFORMED_QUERY."""
    counted = query.select[0]
    if len(query.select) == 1 and isinstance(counted, tree.Aggregate) and counted.of is None:
        total = len(rows) if query.limit is None else min(len(rows), query.limit)
        return {"totalSize": total, "done": True, "records": []}
    _check_grouped(query)
    groups = [group for rolled in _rolled(query) for group in _grouped(query, scope, rows, rolled)]
    kept = [group for group in groups if _meets(query.having, scope, group)]
    for order in reversed(query.order_by):
        name, null_rank = order.name, 1 if order.nulls_last != order.descending else -1
        pairs = [({"value": _value(name, query, scope, group)}, group) for group in kept]
        key = sort_key(lambda row: row["value"], null_rank)
        pairs.sort(key=lambda pair: key(pair[0]), reverse=order.descending)
        kept = [group for _, group in pairs]
    records = [_record(query, scope, group) for group in kept[query.offset :]]
    if query.limit is not None:
        records = records[: query.limit]
    return {"totalSize": len(records), "done": True, "records": records}


def _rolled(query: tree.Query) -> list[frozenset[str]]:
    """The fields over which there are subtotals, level by level: none, some, all."""
    names = [name.text.lower() for name in query.group_by]
    if query.subtotals == "ROLLUP":
        return [frozenset(names[at:]) for at in range(len(names), -1, -1)]
    if query.subtotals == "CUBE":
        sizes = range(len(names) + 1)
        return [frozenset(some) for size in sizes for some in itertools.combinations(names, size)]
    return [frozenset()]


def _grouped(
    query: tree.Query, scope: Scope, rows: list[Row], rolled: frozenset[str]
) -> list[Group]:
    names = [name for name in query.group_by if name.text.lower() not in rolled]
    getters = [scope.getter(name)[0] for name in names]
    groups: dict[tuple[Any, ...], Group] = {} if query.group_by else {(): Group()}
    for row in rows:
        groups.setdefault(tuple(get(row) for get in getters), Group()).append(row)
    for group in groups.values():
        group.rolled = rolled
    return list(groups.values())


def _check_grouped(query: tree.Query) -> None:
    grouped = {name.text.lower() for name in query.group_by}
    for item in query.select:
        if isinstance(item, tree.Aggregate):
            continue
        name = item.relation if isinstance(item, tree.Typeof) else item
        if not isinstance(name, tree.Name) or name.text.lower() not in grouped:
            shown = name.text if isinstance(name, tree.Name) else "(SELECT"
            message = f"Field must be grouped or aggregated: {shown}"
            raise ApiError(400, "MALFORMED_QUERY", pointed(query.text, name.at, message))


def _record(query: tree.Query, scope: Scope, group: Group) -> dict[str, Any]:
    answer: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
    unnamed = itertools.count()
    for item in query.select:
        if isinstance(item, tree.Name):
            get, field = scope.getter(item)
            answer[field.name] = None if item.text.lower() in group.rolled else get(group[0])
        elif isinstance(item, tree.Aggregate):
            answer[item.alias or f"expr{next(unnamed)}"] = _aggregate(item, scope, group)
    return answer


def _value(name: tree.Name | tree.Aggregate, query: tree.Query, scope: Scope, group: Group) -> Any:
    """What a group is ordered or filtered by: a grouped field, an aggregate, or its alias."""
    if isinstance(name, tree.Aggregate):
        return _aggregate(name, scope, group)
    for item in query.select:
        if isinstance(item, tree.Aggregate) and (item.alias or "").lower() == name.text.lower():
            return _aggregate(item, scope, group)
    return None if name.text.lower() in group.rolled else scope.getter(name)[0](group[0])


def _meets(condition: tree.Condition | None, scope: Scope, group: Group) -> bool:
    if condition is None:
        return True
    if isinstance(condition, tree.Both):
        return all(_meets(part, scope, group) for part in condition.parts)
    if isinstance(condition, tree.Either):
        return any(_meets(part, scope, group) for part in condition.parts)
    if isinstance(condition, tree.Negation):
        return not _meets(condition.part, scope, group)
    return _compares(condition, scope, group)


def _compares(item: tree.Comparison, scope: Scope, group: Group) -> bool:
    if isinstance(item.name, tree.Name):
        return scope.predicate(item)(group[0])
    compare = _COMPARE.get(item.operator)
    if (
        compare is None
        or isinstance(item.values, tree.Subselect)
        or item.values[0].kind != "number"
    ):
        message = "HAVING compares an aggregate with a number"
        raise ApiError(400, "MALFORMED_QUERY", pointed(scope.text, item.name.at, message))
    found = _aggregate(item.name, scope, group)
    return found is not None and compare(found, _number(item.values[0]))


def _number(value: tree.Literal) -> float:
    return float(value.text)


def _aggregate(item: tree.Aggregate, scope: Scope, group: Group) -> Any:
    if item.of is None:
        return len(group)
    if item.function == "GROUPING":
        return int(item.of.text.lower() in group.rolled)
    get, _ = scope.getter(item.of)
    values = [value for value in map(get, group) if value is not None]
    if item.function in ("COUNT", "COUNT_DISTINCT"):
        return len(values) if item.function == "COUNT" else len(set(values))
    if not values:
        return None
    if item.function in ("SUM", "AVG"):
        return sum(values) / (len(values) if item.function == "AVG" else 1)
    return min(values) if item.function == "MIN" else max(values)
