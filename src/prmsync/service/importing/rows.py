"""A row's cells into the values of its fields, by a column map; every bad cell is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from prmsync.domain.counted import counted
from prmsync.domain.money import MINOR_UNITS
from prmsync.domain.registration import ReviewState
from prmsync.domain.values import Scalar, Values
from prmsync.mapping.fields import PrmField
from prmsync.mapping.spelling import did_you_mean
from prmsync.service.importing.columns import ColumnMap, Source
from prmsync.service.importing.fields import OBJECTS
from prmsync.service.importing.values import BadValue, parser

_MOST_REMEMBERED = 20_000

Text = Callable[[Sequence[str], int], str]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row; `column` is the file's, empty where the whole row is meant."""

    column: str
    message: str
    hint: str = ""


class RowReader:
    """Reads the rows of one file whose column map was checked against its header."""

    def __init__(self, stream: str, columns: ColumnMap, header: Sequence[str]) -> None:
        self._width = len(header)
        fields = OBJECTS[stream]
        self._fields = [
            (name, [_Cell(name, fields[name], source, header) for source in sources])
            for name, sources in columns.items()
        ]
        self._money = [
            (name, field.currency)
            for name, field in fields.items()
            if field.currency and name in columns
        ]
        self._outcome = stream == "registration" and {"review_state", "outcome"} <= set(columns)

    def read(self, cells: Sequence[str], row: int) -> tuple[Values, list[Problem]]:
        """Values of all mapped fields, and what is wrong; `row` counts the rows from 1."""
        if len(cells) != self._width:
            message = f"{counted(len(cells), 'cell')}, the header has {self._width}"
            return {}, [Problem("", message, "Look for a missing or unquoted delimiter.")]
        values: Values = {}
        problems: list[Problem] = []
        for name, sources in self._fields:
            try:
                values[name] = _first(sources, cells, row)
            except _Bad as bad:
                problems.append(Problem(bad.column, f"{name}: {bad.cause.message}", bad.cause.hint))
        if not problems:
            problems = [*self._amounts(values), *self._ends(values)]
        return values, problems

    def _amounts(self, values: Values) -> Iterator[Problem]:
        for name, currency_field in self._money:
            amount, currency = values.get(name), values.get(currency_field)
            if not isinstance(amount, str):
                continue
            if not isinstance(currency, str):
                hint = f"Add: --set {currency_field}=EUR"
                yield Problem("", f"{name}: an amount without a currency", hint)
                continue
            exact, places = Decimal(amount), MINOR_UNITS[currency]
            if exact % Decimal(1).scaleb(-places):
                yield Problem("", f"{name}: {amount} has more decimals than {currency} has")
            else:
                values[name] = f"{exact:.{places}f}"

    def _ends(self, values: Values) -> Iterator[Problem]:
        if not self._outcome:
            return
        closed = values["review_state"] == ReviewState.CLOSED
        if closed and values["outcome"] is None:
            yield Problem("", "outcome: a closed registration was won or lost")
        if not closed and values["outcome"] is not None:
            yield Problem("", "outcome: only a closed registration has one")


class _Bad(Exception):
    def __init__(self, column: str, cause: BadValue) -> None:
        super().__init__(cause.message)
        self.column = column
        self.cause = cause


def _first(sources: Sequence[_Cell], cells: Sequence[str], row: int) -> Scalar:
    for source in sources:
        try:
            value = source.value(cells, row)
        except BadValue as error:
            raise _Bad(source.column, error) from error
        if value is not None:
            return value
    return None


class _Cell:
    """One source of a field: its cells found, its parser made, its frequent values remembered."""

    def __init__(self, name: str, field: PrmField, source: Source, header: Sequence[str]) -> None:
        self.column = ", ".join(source.columns())
        self._text = source.reader(header)
        self._source = source
        self._parse = parser(name, field, source.form)
        self._known: dict[str, Scalar] = {}

    def value(self, cells: Sequence[str], row: int) -> Scalar:
        text = self._text(cells, row).strip()
        if not text or text in self._source.blank:
            return None
        if text in self._known:
            return self._known[text]
        value = self._translated(text)
        if len(self._known) < _MOST_REMEMBERED:
            self._known[text] = value
        return value

    def _translated(self, text: str) -> Scalar:
        words = self._source.values
        ours: str | None = text
        if words is not None:
            if text not in words:
                raise BadValue(f"`{text}` is not listed in `values`", did_you_mean(text, words))
            ours = words[text]
        elif self._source.replace is not None:
            ours = self._source.replace.get(text, text)
        return None if ours is None else self._parse(ours)
