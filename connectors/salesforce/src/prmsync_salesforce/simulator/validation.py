"""Validation rules whose condition is SOQL, as `--schema` and the control path give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prmsync_salesforce.simulator.database import Database, Row
from prmsync_salesforce.simulator.evaluate import Predicate, Scope
from prmsync_salesforce.simulator.failure import bad_data
from prmsync_salesforce.simulator.soql import parse_condition


@dataclass(frozen=True, slots=True)
class ValidationRule:
    """Refuses a record of `object` that meets the condition, with the admin's message."""

    object: str
    message: str
    refuses: Predicate
    field: str | None = None
    when: str = ""


class ValidationRules:
    """The rules by object."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._rules: dict[str, list[ValidationRule]] = {}

    def add(self, raw: Mapping[str, Any]) -> None:
        """A validation rule from `{"object", "when": SOQL condition, "message", "field"?}`.
        Raises ValueError or ApiError when it cannot be understood."""
        table = self._database.table(str(raw.get("object")))
        if table is None or "when" not in raw or "message" not in raw:
            raise ValueError('a validation rule needs a known "object", "when" and "message"')
        scope = Scope(raw["when"], table.definition, self._database, self._now)
        refuses = scope.predicate(parse_condition(raw["when"]))
        rule = ValidationRule(
            table.definition.name, raw["message"], refuses, raw.get("field"), raw["when"]
        )
        self._rules.setdefault(rule.object, []).append(rule)

    def clear(self) -> None:
        """Take all validation rules away."""
        self._rules.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """The validation rules, as `add` takes them."""
        return [
            {"object": rule.object, "when": rule.when, "message": rule.message, "field": rule.field}
            for rules in self._rules.values()
            for rule in rules
        ]

    def check(self, object_name: str, row: Row) -> None:
        """Raises FIELD_CUSTOM_VALIDATION_EXCEPTION for a record that a rule refuses."""
        for rule in self._rules.get(object_name, ()):
            if rule.refuses(row):
                fields = [rule.field] if rule.field else []
                raise bad_data("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, *fields)
