"""The org's records: tables with their indexes, a recycle bin, and undo for all-or-none calls.

Rows are plain dicts that hold only the fields with a value; a missing key is null. Rows in the
recycle bin stay in the table with `IsDeleted` true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from prmsync_salesforce.simulator.ids import make_id
from prmsync_salesforce.simulator.schema import FieldDefinition, ObjectDefinition

Row = dict[str, Any]


def index_key(field: FieldDefinition, value: Any) -> Any:
    """The form in which a value of a unique or external id field is compared."""
    return value.lower() if isinstance(value, str) and not field.case_sensitive else value


class Table:
    """One object's rows by id, and its unique and external id fields' values."""

    def __init__(self, definition: ObjectDefinition) -> None:
        self.definition = definition
        self.rows: dict[str, Row] = {}
        self._index: dict[str, dict[Any, list[str]]] = {
            item.name: {} for item in definition.indexed
        }

    def redefine(self, definition: ObjectDefinition) -> None:
        """Take on a changed definition of the object; rows stay as they are."""
        self.definition = definition
        self._index = {item.name: {} for item in definition.indexed}
        for row in self.live():
            self._enter(row)

    def find(self, field: FieldDefinition, value: Any) -> list[str]:
        """Ids of the live rows with this value of an indexed field."""
        return list(self._index[field.name].get(index_key(field, value), ()))

    def live(self) -> Iterator[Row]:
        return (row for row in self.rows.values() if not row["IsDeleted"])

    def put(self, row: Row) -> None:
        """Add the row or replace the one with its id."""
        old = self.rows.get(row["Id"])
        if old is not None:
            self._forget(old)
        self.rows[row["Id"]] = row
        if not row["IsDeleted"]:
            self._enter(row)

    def remove(self, record_id: str) -> None:
        """Take the row away for good."""
        self._forget(self.rows.pop(record_id))

    def _enter(self, row: Row) -> None:
        for field in self.definition.indexed:
            value = row.get(field.name)
            if value is not None:
                self._index[field.name].setdefault(index_key(field, value), []).append(row["Id"])

    def _forget(self, row: Row) -> None:
        if row["IsDeleted"]:
            return
        for field in self.definition.indexed:
            value = row.get(field.name)
            if value is None:
                continue
            key = index_key(field, value)
            ids = self._index[field.name][key]
            ids.remove(row["Id"])
            if not ids:
                del self._index[field.name][key]


GRANTS = frozenset(
    {"FieldPermissions", "ObjectPermissions", "PermissionSetAssignment", "User", "Profile"}
)
"""Objects whose records decide what a user sees."""
_WATCHED = GRANTS | {"ValidationRule"}


class Database:
    """All tables of one org. `revision` moves when the schema, a validation rule or what users
    may see changes."""

    def __init__(self, definitions: Iterable[ObjectDefinition]) -> None:
        self.tables: dict[str, Table] = {}
        self._by_name: dict[str, Table] = {}
        self._by_prefix: dict[str, Table] = {}
        self.revision = 0
        for definition in definitions:
            self.define(definition)
        self.sequences: dict[str, int] = {}
        self._undo: list[Callable[[], None]] | None = None

    def define(self, definition: ObjectDefinition) -> Table:
        """Add an object, or change the one of this name."""
        self.revision += 1
        known = self.tables.get(definition.name)
        if known is not None:
            known.redefine(definition)
            return known
        table = Table(definition)
        self.tables[definition.name] = table
        self._by_name[definition.name.lower()] = table
        self._by_prefix[definition.prefix] = table
        return table

    def drop(self, name: str) -> None:
        """Take an object and its records away for good."""
        self.revision += 1
        table = self.tables.pop(name)
        del self._by_name[name.lower()]
        del self._by_prefix[table.definition.prefix]

    def free_prefix(self) -> str:
        """A key prefix that no object has, for a new custom object."""
        letters = "abcdefghijklmnopqrstuvwxyz"
        digits = "0123456789" + letters
        prefixes = (f"a{one}{two}" for one in digits for two in digits)
        return next(prefix for prefix in prefixes if prefix not in self._by_prefix)

    def table(self, name: str) -> Table | None:
        """A table by object name, without regard to case."""
        return self._by_name.get(name.lower())

    def table_of(self, record_id: str) -> Table | None:
        """The table an id belongs to, by its key prefix."""
        return self._by_prefix.get(record_id[:3])

    def target(self, reference: FieldDefinition) -> Table | None:
        """The table that a reference leads to; of several, the first that the org has."""
        for name in reference.reference_to:
            table = self.table(name)
            if table is not None:
                return table
        return None

    def row(self, record_id: str) -> Row | None:
        """The row with this 18-character id, deleted ones included. An EntityDefinition's id is
        the name of its object."""
        table = self.table_of(record_id) or self.tables.get("EntityDefinition")
        return None if table is None else table.rows.get(record_id)

    def new_id(self, table: Table) -> str:
        prefix = table.definition.prefix
        while True:
            number = self.sequences.get(prefix, 0) + 1
            self.sequences[prefix] = number
            record_id = make_id(prefix, number)
            if record_id not in table.rows:
                return record_id

    def put(self, table: Table, row: Row) -> None:
        """Store a row; undone when the surrounding `all_or_none` block fails."""
        old = table.rows.get(row["Id"])
        if table.definition.name in _WATCHED:
            self.revision += 1
        if self._undo is not None:
            self._undo.append(
                (lambda: table.put(old)) if old is not None else lambda: table.remove(row["Id"])
            )
        table.put(row)

    @contextmanager
    def all_or_none(self) -> Iterator[Callable[[], None]]:
        """Gives a function that takes back everything stored since the block began."""
        outer, self._undo = self._undo, []
        steps = self._undo

        def roll_back() -> None:
            while steps:
                steps.pop()()
            self.revision += 1

        try:
            yield roll_back
        finally:
            self._undo = outer
            if outer is not None:
                outer.extend(steps)
