"""Validation rules that were deployed: their records hold the formula, so that a deployment that is
taken back and a state that is restored need nothing more."""

from __future__ import annotations

from dataclasses import dataclass

from prmsync_salesforce.simulator.database import Database, Row
from prmsync_salesforce.simulator.failure import bad_data
from prmsync_salesforce.simulator.formulas.fields import FormulaFields
from prmsync_salesforce.simulator.formulas.parse import BadFormula, Formula


@dataclass(frozen=True, slots=True)
class _Rule:
    refuses: Formula
    message: str
    field: str | None


class FormulaRules:
    """The active ones by object; free for objects without any."""

    def __init__(self, database: Database, formulas: FormulaFields) -> None:
        self._database = database
        self._formulas = formulas
        self._rules: dict[str, list[_Rule]] = {}
        self._revision = -1

    def check(self, object_name: str, row: Row, old: Row | None) -> None:
        """Raises FIELD_CUSTOM_VALIDATION_EXCEPTION for a record that a rule refuses."""
        if self._revision != self._database.revision:
            self._revision = self._database.revision
            self._read()
        for rule in self._rules.get(object_name, ()):
            if rule.refuses(row, old):
                fields = [rule.field] if rule.field else []
                raise bad_data("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, *fields)

    def _read(self) -> None:
        self._rules = {}
        found = self._database.table("ValidationRule")
        for row in found.live() if found is not None else ():
            table = self._database.table(str(row.get("EntityDefinitionId")))
            text = row.get("ErrorConditionFormula")
            if table is None or not text or not row.get("Active"):
                continue
            try:
                refuses = self._formulas.compiled(table.definition, text)
            except BadFormula:
                continue
            rule = _Rule(refuses, row.get("ErrorMessage", ""), row.get("ErrorDisplayField"))
            self._rules.setdefault(table.definition.name, []).append(rule)
