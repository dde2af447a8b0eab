"""How the fields of each stream are stored: derived from the tables and the field catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa

from prmsync.domain.stage import Stage
from prmsync.domain.values import Scalar
from prmsync.mapping.fields import CATALOGUE, Kind, PrmField
from prmsync.store.column_types import ExactDecimal, UtcDateTime
from prmsync.store.tables import PRM_TABLES


class Storage(Enum):
    """How a prm field is stored and read."""

    TEXT = auto()
    CODES = auto()
    """Several codes, sorted and joined by ";"."""
    MONEY = auto()
    NUMBER = auto()
    """An exact decimal without a currency."""
    COUNT = auto()
    """A whole number."""
    DAY = auto()
    TIME = auto()
    FLAG = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a stream.

    `currency` names the field with a money's currency; `codes` are the only values allowed,
    empty for any; `required` fields cannot be blank; `default` is what a new record gets;
    `refers` is the (table, column) whose values are allowed.
    """

    name: str
    storage: Storage
    currency: str | None = None
    codes: frozenset[str] = frozenset()
    required: bool = False
    default: Scalar = None
    refers: tuple[str, str] | None = None


_BY_TYPE: tuple[tuple[type[sa.types.TypeEngine[Any]], Storage], ...] = (
    (ExactDecimal, Storage.NUMBER),
    (UtcDateTime, Storage.TIME),
    (sa.Date, Storage.DAY),
    (sa.Boolean, Storage.FLAG),
    (sa.Integer, Storage.COUNT),
    (sa.Text, Storage.TEXT),
)
_PLAIN = PrmField(Kind.TEXT)


def _storage(column: sa.Column[object], field: PrmField) -> Storage:
    if field.kind is Kind.MONEY:
        return Storage.MONEY
    if field.kind is Kind.MULTI_PICKLIST:
        return Storage.CODES
    return next(storage for kind, storage in _BY_TYPE if isinstance(column.type, kind))


def _default(column: sa.Column[object], storage: Storage) -> Scalar:
    if not isinstance(column.server_default, sa.DefaultClause):
        return None
    text = column.server_default.arg
    return False if storage is Storage.FLAG else str(text)


def _column(stream: str, column: sa.Column[object]) -> Column:
    field = CATALOGUE[stream].get(column.name, _PLAIN)
    storage = _storage(column, field)
    keys = [(key.column.table.name, key.column.name) for key in column.foreign_keys]
    return Column(
        name=column.name,
        storage=storage,
        currency=field.currency,
        codes=frozenset(Stage if field.kind is Kind.STAGE else field.codes),
        required=not column.nullable,
        default=_default(column, storage),
        refers=keys[0] if keys else None,
    )


COLUMNS: Mapping[str, Mapping[str, Column]] = {
    stream: {c.name: _column(stream, c) for c in table.columns if c.name != "id"}
    for stream, table in PRM_TABLES.items()
}
"""Stream → field → how it is stored; every column of the stream's table but its id."""

UNIQUE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    stream: tuple(
        sorted(
            tuple(column.name for column in constraint.columns)
            for constraint in table.constraints
            if isinstance(constraint, sa.UniqueConstraint)
        )
    )
    for stream, table in PRM_TABLES.items()
}
"""Stream → combinations of fields that two records cannot share."""
