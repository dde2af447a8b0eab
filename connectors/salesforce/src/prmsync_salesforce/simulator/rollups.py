"""Fields that follow from other records: the sum of a deal's products, and roll-up summaries.

Products save the opportunity anew. A roll-up moves its record's SystemModstamp and nothing else,
as in Salesforce, so that readers by LastModifiedDate do not see it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prmsync_salesforce.simulator.database import Database, Row, Table
from prmsync_salesforce.simulator.values import stamp

_DOES: Mapping[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "max": lambda values: max(values, default=None),
    "min": lambda values: min(values, default=None),
    "sum": lambda values: float(sum(values)),
}
SUMMARY = "rollUpSummary"
"""The key under which a deployed field carries `of`, `by`, `does` and `value`."""
PRODUCTS = "OpportunityLineItem"


@dataclass(frozen=True, slots=True)
class Rollup:
    """`object.field` is `does` over `value` of the records of `of` that refer to it by `by`."""

    object: str
    field: str
    of: str
    by: str
    does: str = "sum"
    value: str | None = None


class Rollups:
    """Keeps such fields in step after each write."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._rollups: dict[str, list[Rollup]] = {}
        self._deployed: dict[str, list[Rollup]] = {}
        self._revision = -1

    def add(self, raw: Mapping[str, Any]) -> None:
        """A roll-up from the fields of `Rollup` by name. Raises ValueError."""
        missing = {"object", "field", "of", "by"} - set(raw)
        unknown = set(raw) - set(Rollup.__slots__)
        if missing or unknown:
            named = ", ".join(sorted(missing | unknown))
            raise ValueError(f"a roll-up lacks or does not know: {named}")
        rollup = Rollup(**raw)
        self.check(rollup)
        self._rollups.setdefault(rollup.of, []).append(rollup)

    def clear(self) -> None:
        self._rollups.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """The roll-ups, as `add` takes them."""
        return [
            {name: getattr(one, name) for name in Rollup.__slots__}
            for rollups in self._rollups.values()
            for one in rollups
        ]

    def follow(self, table: Table, old: Row, new: Row, user_id: str) -> None:
        """Bring what follows from a record into step, after it went from `old` to `new`."""
        name = table.definition.name
        if name == PRODUCTS:
            for deal in _parents("OpportunityId", old, new):
                self._price(deal, user_id)
        for rollup in (*self._rollups.get(name, ()), *self._of_fields().get(name, ())):
            for parent in _parents(rollup.by, old, new):
                self._summarize(rollup, parent)

    def check(self, rollup: Rollup) -> None:
        """Raises ValueError for a roll-up over what the org does not have."""
        problem = self._problem(rollup)
        if problem:
            raise ValueError(f"a roll-up {problem}")

    def _of_fields(self) -> dict[str, list[Rollup]]:
        """The roll-up summary fields that were deployed: their definitions tell."""
        if self._revision != self._database.revision:
            self._revision = self._database.revision
            self._deployed = {}
            for table in self._database.tables.values():
                for field in table.definition.fields.values():
                    told = field.raw.get(SUMMARY)
                    if told:
                        rollup = Rollup(table.definition.name, field.name, **told)
                        self._deployed.setdefault(rollup.of, []).append(rollup)
        return self._deployed

    def _problem(self, rollup: Rollup) -> str:
        tables = [self._database.table(name) for name in (rollup.object, rollup.of)]
        if None in tables:
            return f"names an unknown object: {rollup.object} or {rollup.of}"
        if rollup.does not in _DOES or (rollup.value is None and rollup.does != "count"):
            return f"does one of {', '.join(sorted(_DOES))} over a value"
        parent, child = tables
        known = parent is not None and parent.definition.field(rollup.field) is not None
        if not known or child is None or child.definition.field(rollup.by) is None:
            return f"names an unknown field: {rollup.field} or {rollup.by}"
        return ""

    def _price(self, deal_id: str, user_id: str) -> None:
        table = self._database.tables["Opportunity"]
        deal = table.rows.get(deal_id)
        lines = self._children(PRODUCTS, "OpportunityId", deal_id)
        if deal is None:
            return
        moment = stamp(self._now())
        row = {**deal, "HasOpportunityLineItem": bool(lines), "LastModifiedById": user_id}
        row |= {"LastModifiedDate": moment, "SystemModstamp": moment}
        if lines:
            row["Amount"] = float(sum(line.get("TotalPrice") or 0 for line in lines))
        self._database.put(table, row)

    def _summarize(self, rollup: Rollup, parent_id: str) -> None:
        table = self._database.tables[rollup.object]
        parent = table.rows.get(parent_id)
        if parent is None:
            return
        found = self._children(rollup.of, rollup.by, parent_id)
        values = [row.get(rollup.value) if rollup.value else row["Id"] for row in found]
        value = _DOES[rollup.does]([one for one in values if one is not None])
        if parent.get(rollup.field) == value:
            return
        row = {**parent, rollup.field: value, "SystemModstamp": stamp(self._now())}
        kept = {name: one for name, one in row.items() if one is not None}
        self._database.put(table, kept)

    def _children(self, object_name: str, reference: str, parent_id: str) -> list[Row]:
        table = self._database.tables[object_name]
        return [row for row in table.live() if row.get(reference) == parent_id]


def _parents(reference: str, old: Row, new: Row) -> list[str]:
    found = [old.get(reference), new.get(reference)]
    return list(dict.fromkeys(one for one in found if one))
