"""Small files of one row a partner, read for a single command: targets and judgements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from prmsync.domain.values import Values
from prmsync.errors import InputError
from prmsync.service.importing.columns import check_columns, same_names
from prmsync.service.importing.csv_file import open_csv
from prmsync.service.importing.fields import KEYS
from prmsync.service.importing.keys import PartnerBook
from prmsync.service.importing.report import BadRow, findings
from prmsync.service.importing.rows import Problem, RowReader
from prmsync.store.database import Database

Check = Callable[[Values], Problem | None]


def read_partner_file(database: Database, path: Path, kind: str, check: Check) -> list[Values]:
    """Rows of a file whose columns are called as the fields of `kind` are, partners as ids;
    `check` says what is wrong with one.

    Raises InputError with every bad row, ConfigurationError for a file that cannot be read or
    lacks a column.
    """
    with database.read() as connection:
        partners = PartnerBook(connection)
    rows: list[Values] = []
    bad: list[BadRow] = []
    seen: dict[tuple[str, ...], int] = {}
    with open_csv(path) as file:
        columns = same_names(kind, file.header)
        check_columns(kind, columns, file.header)
        reader = RowReader(kind, columns, file.header)
        for number, (line, cells) in enumerate(file.rows, 1):
            values, problems = reader.read(cells, number)
            problems += [] if problems else _resolve(values, partners, kind, seen, line)
            problem = None if problems else check(values)
            problems += [] if problem is None else [problem]
            bad += [BadRow(line, one.column, one.message, one.hint) for one in problems]
            rows.append(values)
    if bad:
        raise InputError(
            f"{path} has bad rows. Nothing was forecast.", findings=findings(path, bad)
        )
    return rows


def _resolve(
    values: Values,
    partners: PartnerBook,
    kind: str,
    seen: dict[tuple[str, ...], int],
    line: int,
) -> Iterator[Problem]:
    """The partner by id; what is wrong with the row's key."""
    name = str(values["partner"] or "")
    found = partners.find(name) if name else set()
    if len(found) != 1:
        yield Problem("", _unknown(name, len(found)), "prmsync partners list shows names and ids.")
        return
    values["partner"] = next(iter(found))
    first = seen.setdefault(tuple(str(values.get(key) or "") for key in KEYS[kind]), line)
    if first != line:
        yield Problem("", f"partner: `{name}` stands in line {first} already")


def _unknown(name: str, number: int) -> str:
    if number:
        return f"partner: {number} partners are called `{name}`"
    return f"partner: there is no partner `{name}`" if name else "partner: is blank"
