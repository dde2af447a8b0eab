"""Statements that are carried out again and again, given straight to SQLite's driver.

SQLAlchemy looks a statement up, makes a context for it and a result of the driver's cursor: for the
short statements of a run that takes several times what SQLite takes. From its second time on, a
`prmsync.store.prepared` statement is therefore kept as text, order of values and conversions, and
only these are gone through. All else goes SQLAlchemy's way: statements that are built anew, rows to
insert, lists that change the text, and every statement while something listens to the connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Dialect, IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from prmsync.store.database_errors import store_error

Convert = Callable[[Any], Any]
_Value = tuple[str, Any, Convert | None]
"""Its name, what it is unless it is given, and how it is stored."""


@dataclass(slots=True)
class Direct:
    """A statement as the driver takes it."""

    text: str
    values: Sequence[_Value]
    conversions: Sequence[tuple[int, Convert]] | None
    """Place and conversion of columns whose values are not as stored; None: it gives no rows."""
    names: SimpleResultMetaData | None = None
    """Of the columns; known from the first time on."""


@dataclass(slots=True)
class Changed:
    """What came of a statement that gives no rows."""

    rowcount: int


_REQUIRED = object()
_KNOWN: WeakKeyDictionary[Any, dict[tuple[str, ...], Direct | None]] = WeakKeyDictionary()
"""Statement → names of its values → how it goes; None where it has to go SQLAlchemy's way."""


class DirectConnection(sa.Connection):
    """A connection to SQLite that gives what it can straight to the driver."""

    def execute(self, statement: Any, parameters: Any = None, **options: Any) -> Any:
        """As SQLAlchemy's. Raises StoreError and SQLAlchemy's own errors alike."""
        plain = not options and self._is_plain()
        known = _known(self.dialect, statement, parameters) if plain else None
        if known is None:
            return super().execute(statement, parameters, **options)
        given = parameters or {}
        values = []
        for name, default, stored in known.values:
            value = given.get(name, default)
            if value is _REQUIRED:
                return super().execute(statement, parameters)  # which says what is missing
            values.append(value if stored is None else stored(value))
        driver: Any = self.connection.dbapi_connection
        try:
            cursor = driver.execute(known.text, values)
            return _result(known, cursor)
        except sqlite3.Error as error:
            raise self._named(known.text, error) from error

    def write(self, text: str, values: tuple[Any, ...] | list[tuple[Any, ...]]) -> None:
        """Carry out a statement that gives no rows, with the values of its "?"; with a list of
        them once for each. Raises as `execute` does."""
        if not self._is_plain():
            self.exec_driver_sql(text, values)
            return
        driver: Any = self.connection.dbapi_connection
        carry_out = driver.executemany if isinstance(values, list) else driver.execute
        try:
            carry_out(text, values).close()
        except sqlite3.Error as error:
            raise self._named(text, error) from error

    def _is_plain(self) -> bool:
        """Whether a transaction is open and nobody listens, who would miss a statement."""
        heard = self._has_events or self.engine._has_events
        return self.in_transaction() and not heard

    def _named(self, text: str, error: sqlite3.Error) -> BaseException:
        known = store_error(self.engine.url, error)
        return known or DBAPIError.instance(
            text, None, error, sqlite3.Error, hide_parameters=True, dialect=self.dialect
        )


def _result(known: Direct, cursor: sqlite3.Cursor) -> Any:
    if known.conversions is None:
        changed = Changed(cursor.rowcount)
        cursor.close()
        return changed
    rows = cursor.fetchall()
    if known.names is None:
        known.names = SimpleResultMetaData([column[0] for column in cursor.description])
    if rows and known.conversions:
        rows = [_converted(row, known.conversions) for row in rows]
    return IteratorResult(known.names, iter(rows))


def _converted(row: Sequence[Any], conversions: Sequence[tuple[int, Convert]]) -> tuple[Any, ...]:
    values = list(row)
    for place, convert in conversions:
        values[place] = convert(values[place])
    return tuple(values)


def _known(dialect: Dialect, statement: Any, parameters: Any) -> Direct | None:
    """None the first time too: a statement that is built anew each time is not worth the look."""
    if not isinstance(statement, sa.Select | sa.Update | sa.Delete):
        return None
    if parameters is not None and not isinstance(parameters, dict):
        return None
    forms = _KNOWN.get(statement)
    if forms is None:
        _KNOWN[statement] = {}
        return None
    names = tuple(parameters or ())
    if names not in forms:
        forms[names] = _direct(dialect, statement, names)
    return forms[names]


def _direct(dialect: Dialect, statement: Any, names: tuple[str, ...]) -> Direct | None:
    """How a statement goes with values of these names; None where it has to go SQLAlchemy's way."""
    if statement.get_execution_options():
        return None
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    if not _is_fixed(compiled):
        return None
    values = [_value(dialect, name, compiled.binds[name]) for name in compiled.positiontup or ()]
    if not isinstance(statement, sa.Select):
        return Direct(compiled.string, values, None)
    found = [one["type"].dialect_impl(dialect) for one in statement.column_descriptions]
    made = [(place, one.result_processor(dialect, None)) for place, one in enumerate(found)]
    conversions = [(place, convert) for place, convert in made if convert is not None]
    return Direct(compiled.string, values, conversions)


def _is_fixed(compiled: SQLCompiler) -> bool:
    """Whether text and values are the same each time but for what is given."""
    changing = compiled.post_compile_params or compiled.literal_execute_params
    filled_in = compiled.update_prefetch or compiled.effective_returning
    called = any(one.callable is not None for one in compiled.binds.values())
    return not (changing or filled_in or called)


def _value(dialect: Dialect, name: str, bind: sa.BindParameter[Any]) -> _Value:
    default = _REQUIRED if bind.required else bind.value
    return name, default, bind.type.dialect_impl(dialect).bind_processor(dialect)
