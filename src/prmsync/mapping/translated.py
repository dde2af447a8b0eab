"""What a translation gives: values, and what has no counterpart on the other side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from prmsync.domain.values import Scalar, Values, as_rows
from prmsync.mapping.transforms import Untranslatable


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that has no counterpart on the other side: never cut, never guessed."""

    field: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


@dataclass(slots=True)
class Translated:
    """`problems` name the fields that `values` lacks because they have no counterpart. `notes`
    are shown beside a write of the field: a stand-in was translated (the fallback owner)."""

    values: Values
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()

    def without(self, target: str, prm: str, error: Untranslatable) -> None:
        """Tell of a value of the field `prm` without counterpart; `target` gets its stand-in or
        is left out."""
        problem = Problem(prm, error.message, error.hint)
        if isinstance(error.instead, str):
            self.values[target] = error.instead
            self.notes += (problem,)
        else:
            self.values.pop(target, None)
            self.problems += (problem,)


class Rows(NamedTuple):
    """Many records read from the CRM; `problems` and `notes` by the record's place, where it has
    any."""

    values: list[Values]
    problems: dict[int, tuple[Problem, ...]]
    notes: dict[int, tuple[Problem, ...]]

    @classmethod
    def of(cls, rows: Sequence[Translated]) -> Rows:
        """Records that were read one by one."""
        return cls(
            [one.values for one in rows],
            {place: one.problems for place, one in enumerate(rows) if one.problems},
            {place: one.notes for place, one in enumerate(rows) if one.notes},
        )

    def without(self, place: int, prm: str, error: Untranslatable) -> None:
        """As `Translated.without`."""
        row = Translated(
            self.values[place], self.problems.get(place, ()), self.notes.get(place, ())
        )
        row.without(prm, prm, error)
        for known, now in ((self.problems, row.problems), (self.notes, row.notes)):
            if now:
                known[place] = now


class Columns:
    """The values of many records, a column for each field. They become rows at the end."""

    def __init__(self) -> None:
        self.values: dict[str, Sequence[Scalar]] = {}
        self._faults: list[tuple[str, Sequence[Any], dict[Any, Untranslatable]]] = []

    def add(self, prm: str, cells: Sequence[Any], convert: Callable[[Any], Scalar]) -> None:
        """Translate one field; a cell is whatever `convert` takes. Each distinct one is
        translated once, because most fields hold the same few values again and again."""
        table: dict[Any, Scalar] = {}
        faults: dict[Any, Untranslatable] = {}
        for cell in set(cells):
            try:
                table[cell] = convert(cell)
            except Untranslatable as error:
                faults[cell] = error
                table[cell] = error.instead if isinstance(error.instead, str) else None
        self.values[prm] = [table[cell] for cell in cells]
        if faults:
            self._faults.append((prm, cells, faults))

    def rows(self) -> Rows:
        """One record after the other."""
        names = list(self.values)
        found = Rows(as_rows(names, self.values.values()), {}, {})
        for prm, cells, faults in self._faults:
            for place, cell in enumerate(cells):
                if cell in faults:
                    found.without(place, prm, faults[cell])
        return found
