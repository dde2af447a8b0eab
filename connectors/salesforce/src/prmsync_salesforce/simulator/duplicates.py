"""Duplicate rules: records that look like another are refused, or saved on request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prmsync_salesforce.simulator.database import Database, Row, Table
from prmsync_salesforce.simulator.failure import ApiError

MESSAGE = "Use one of these records?"
_ACTIONS = ("Alert", "Block")


@dataclass(frozen=True, slots=True)
class DuplicateRule:
    """Records of `object` are duplicates when all `fields` have a value and are equal, without
    regard to case. `Alert` may be overruled by the caller, `Block` may not."""

    object: str
    name: str
    fields: tuple[str, ...]
    action: str
    message: str


class DuplicateRules:
    """The active rules by object."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rules: dict[str, list[DuplicateRule]] = {}

    def add(self, raw: Mapping[str, Any]) -> DuplicateRule:
        """A rule from `{"object", "fields": [name, …], "name"?, "action"?: "Alert" | "Block",
        "message"?}`. Raises ValueError."""
        rule = self._parsed(raw)
        self._rules.setdefault(rule.object, []).append(rule)
        return rule

    def clear(self) -> None:
        self._rules.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """The rules, as `add` takes them."""
        return [
            {
                "object": rule.object,
                "name": rule.name,
                "fields": list(rule.fields),
                "action": rule.action,
                "message": rule.message,
            }
            for rules in self._rules.values()
            for rule in rules
        ]

    def check(self, table: Table, row: Row, *, allow_save: bool) -> None:
        """Raises DUPLICATES_DETECTED when the record looks like another one."""
        for rule in self._rules.get(table.definition.name, ()):
            if rule.action == "Alert" and allow_save:
                continue
            found = self._matches(rule, table, row)
            if found:
                raise _detected(rule, found)

    def _matches(self, rule: DuplicateRule, table: Table, row: Row) -> list[str]:
        wanted = [_folded(row.get(name)) for name in rule.fields]
        if any(value is None for value in wanted):
            return []
        return [
            other["Id"]
            for other in table.live()
            if other["Id"] != row["Id"]
            and [_folded(other.get(name)) for name in rule.fields] == wanted
        ]

    def _parsed(self, raw: Mapping[str, Any]) -> DuplicateRule:
        table = self._database.table(str(raw.get("object")))
        names = raw.get("fields")
        if table is None or not isinstance(names, list) or not names:
            raise ValueError('a duplicate rule needs a known "object" and a list of "fields"')
        fields = [table.definition.field(str(name)) for name in names]
        if None in fields:
            raise ValueError(f"a duplicate rule names fields that {raw['object']} does not have")
        action = raw.get("action", "Alert")
        if action not in _ACTIONS:
            raise ValueError(f"action must be one of {', '.join(_ACTIONS)}")
        name = table.definition.name
        return DuplicateRule(
            name,
            str(raw.get("name", f"{name}_Duplicate_Rule")),
            tuple(field.name for field in fields if field is not None),
            action,
            str(raw.get("message", MESSAGE)),
        )


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _detected(rule: DuplicateRule, found: list[str]) -> ApiError:
    """The error; the key of its details is misspelt by Salesforce, not here."""
    records = [
        {
            "additionalInformation": [],
            "fieldDiffs": [],
            "matchConfidence": 100.0,
            "record": {"attributes": {"type": rule.object}, "Id": record_id},
        }
        for record_id in found
    ]
    match = {
        "entityType": rule.object,
        "errors": [],
        "matchEngine": "ExactMatchEngine",
        "matchRecords": records,
        "rule": f"{rule.name}_Match",
        "size": len(found),
        "success": True,
    }
    result = {
        "allowSave": rule.action == "Alert",
        "duplicateRule": rule.name,
        "duplicateRuleEntityType": rule.object,
        "errorMessage": rule.message,
        "matchResults": [match],
    }
    more = {"duplicateResut": result}
    return ApiError(400, "DUPLICATES_DETECTED", rule.message, [], more)
