"""What was deployed since the org began, to save and to restore."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prmsync_salesforce.simulator.access import Access
from prmsync_salesforce.simulator.database import Database
from prmsync_salesforce.simulator.schema import Choice, object_from_describe


class Deployed:
    """Compares the schema with the one the org began with."""

    def __init__(
        self, database: Database, access: Access, value_sets: dict[str, tuple[Choice, ...]]
    ) -> None:
        self._database = database
        self._access = access
        self._value_sets = value_sets
        self.sources: dict[tuple[str, str], str] = {}
        """Kind and full name of each component that was deployed → its element."""
        self._first = {name: table.definition for name, table in database.tables.items()}

    def dump(self) -> dict[str, Any]:
        """Changed and new objects as describe answers, and who needs a grant to see what."""
        changed = [
            {**table.definition.describe("v68.0", []), "keyPrefix": table.definition.prefix}
            for name, table in self._database.tables.items()
            if table.definition is not self._first.get(name)
        ]
        if not (changed or self.sources or self._access.dump()["fields"]):
            return {}
        sets = {
            name: [[one.value, one.label, one.active] for one in choices]
            for name, choices in self._value_sets.items()
        }
        sources = [[*named, text] for named, text in self.sources.items()]
        return {
            "objects": changed,
            "access": self._access.dump(),
            "value_sets": sets,
            "sources": sources,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to the schema the org began with, plus what `dump` gave."""
        for name in [name for name in self._database.tables if name not in self._first]:
            self._database.drop(name)
        for name, definition in self._first.items():
            if self._database.tables[name].definition is not definition:
                self._database.define(definition)
        for raw in state.get("objects", ()):
            self._database.define(object_from_describe(raw, raw["keyPrefix"]))
        self._access.restore(state.get("access", {}))
        self._value_sets.clear()
        for name, choices in state.get("value_sets", {}).items():
            self._value_sets[name] = tuple(Choice(*one) for one in choices)
        self.sources = {(kind, name): text for kind, name, text in state.get("sources", ())}
