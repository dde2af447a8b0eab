"""Formula fields: values that follow from the record and its parents, and are written by nobody.

When a parent changes, its children's formulas follow at once and no stamp moves, so that readers by
SystemModstamp do not see it, as in Salesforce. A formula that is not understood leaves its field as
it is; one with TODAY() is worked out when its record is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prmsync_salesforce.simulator.database import Database, Row, Table
from prmsync_salesforce.simulator.evaluate import Getter, Scope
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.formulas.parse import (
    BadFormula,
    Formula,
    Names,
    parse_formula,
)
from prmsync_salesforce.simulator.schema import FieldDefinition, ObjectDefinition
from prmsync_salesforce.simulator.soql_tree import Name
from prmsync_salesforce.simulator.values import convert


@dataclass(frozen=True, slots=True)
class _Compiled:
    """An object's formula fields, and the references by which they look at parents."""

    fields: list[tuple[FieldDefinition, Formula]]
    looks_at: set[str]


class FormulaFields:
    """Works out formula fields; free for objects without any."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._compiled: dict[str, _Compiled] = {}
        self._revision = -1

    def fill(self, definition: ObjectDefinition, row: Row, old: Row | None) -> None:
        """Set the record's formula fields."""
        compiled = self._of(definition.name)
        for field, formula in compiled.fields if compiled is not None else ():
            value = formula(row, old)
            row[field.name] = None if value is None else _of_type(field, value)

    def follow(self, table: Table, record_id: str) -> None:
        """Bring the children's formulas into step with a parent that changed."""
        for name, compiled in self._all().items():
            child = self._database.tables[name]
            for reference in compiled.looks_at:
                field = child.definition.field(reference)
                if field is None or table.definition.name not in field.reference_to:
                    continue
                for row in [row for row in child.live() if row.get(reference) == record_id]:
                    fresh = dict(row)
                    self.fill(child.definition, fresh, None)
                    kept = {key: value for key, value in fresh.items() if value is not None}
                    if kept != row:
                        self._database.put(child, kept)

    def compiled(self, definition: ObjectDefinition, text: str) -> Formula:
        """A formula about records of this object. Raises BadFormula."""
        return parse_formula(text, Names(self._getter(definition, set()), self._now))

    def _of(self, object_name: str) -> _Compiled | None:
        return self._all().get(object_name)

    def _all(self) -> dict[str, _Compiled]:
        if self._revision != self._database.revision:
            self._revision = self._database.revision
            found = {name: self._compile(table) for name, table in self._database.tables.items()}
            self._compiled = {name: one for name, one in found.items() if one.fields}
        return self._compiled

    def _compile(self, table: Table) -> _Compiled:
        compiled = _Compiled([], set())
        for field in table.definition.fields.values():
            text = field.raw.get("calculatedFormula")
            if not field.calculated or not text:
                continue
            getter = self._getter(table.definition, compiled.looks_at)
            try:
                formula = parse_formula(str(text), Names(getter, self._now))
            except BadFormula:
                continue
            compiled.fields.append((field, formula))
        return compiled

    def _getter(self, definition: ObjectDefinition, looks_at: set[str]) -> Callable[[str], Getter]:
        def getter(path: str) -> Getter:
            scope = Scope(path, definition, self._database, self._now)
            try:
                steps, _ = scope.resolve(Name(path, 0))
                get, _ = scope.getter(Name(path, 0))
            except ApiError as error:
                raise LookupError(path) from error
            looks_at.update(step.name for step in steps[:1])
            return get

        return getter


def _of_type(field: FieldDefinition, value: Any) -> Any:
    try:
        return convert(field, value)
    except ApiError:
        return None
