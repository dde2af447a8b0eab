"""A SOQL query as a tree; names are resolved later, against the schema."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Name:
    """A field path such as `Account.Name`, and where it stands in the text. `label`: its picklist
    label is meant, `toLabel(StageName)`."""

    text: str
    at: int
    label: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`COUNT(Id)`, `SUM(Amount) total`; `of` is None for COUNT()."""

    function: str
    of: Name | None
    alias: str | None
    at: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A value: kind is string, number, boolean, null, date, datetime or relative."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Subselect:
    """A query in parentheses: children of the record in SELECT, a list of values after IN."""

    query: Query
    at: int


@dataclass(frozen=True, slots=True)
class Typeof:
    """`TYPEOF Owner WHEN User THEN Email ELSE Name END`: fields by the object that a reference
    leads to."""

    relation: Name
    cases: tuple[tuple[Name, tuple[Name, ...]], ...]
    otherwise: tuple[Name, ...]


Shown = Name | Subselect | Typeof
"""What a query that does not count selects."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`name` is an aggregate only after HAVING."""

    name: Name | Aggregate
    operator: str
    values: tuple[Literal, ...] | Subselect


@dataclass(frozen=True, slots=True)
class Both:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    part: Condition


Condition = Comparison | Both | Either | Negation


@dataclass(frozen=True, slots=True)
class Order:
    name: Name | Aggregate
    descending: bool
    nulls_last: bool


@dataclass(slots=True)
class Query:
    text: str
    object: Name = field(default_factory=lambda: Name("", 0))
    select: list[Shown | Aggregate] = field(default_factory=list)
    where: Condition | None = None
    group_by: list[Name] = field(default_factory=list)
    subtotals: str = ""
    """ROLLUP or CUBE."""
    having: Condition | None = None
    order_by: list[Order] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0
