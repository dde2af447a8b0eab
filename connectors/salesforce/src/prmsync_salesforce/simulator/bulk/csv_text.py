"""CSV as Bulk API 2.0 takes and gives it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from prmsync_salesforce.simulator.evaluate import Getter
from prmsync_salesforce.simulator.schema import FieldDefinition

NULL = "#N/A"
"""The cell that clears a field; an empty one leaves it as it is."""


class BadCsv(Exception):
    """Text that cannot be read as the job says."""


def read_csv(text: str, delimiter: str, line_ending: str) -> tuple[list[str], list[list[str]]]:
    """The header and the rows. Raises BadCsv."""
    windows = "\r\n" in text
    if text and windows != (line_ending == "\r\n"):
        name = "CRLF" if line_ending == "\r\n" else "LF"
        raise BadCsv(
            "ClientInputError : LineEnding is invalid on user data. "
            f"Current LineEnding setting is {name}"
        )
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    if not rows:
        raise BadCsv("InvalidBatch : Unable to parse CSV: it is empty")
    return rows[0], rows[1:]


def write_csv(
    header: Sequence[str], rows: Iterable[Sequence[Any]], delimiter: str, line_ending: str
) -> bytes:
    """Header and rows, every cell in quotation marks."""
    text = io.StringIO(newline="")
    writer = csv.writer(
        text, delimiter=delimiter, lineterminator=line_ending, quoting=csv.QUOTE_ALL
    )
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def cell_getter(get: Getter, field: FieldDefinition) -> Getter:
    """The value as a cell shows it; csv writes None as an empty cell."""
    change = _CELLS.get(field.type)
    if change is None:
        return get

    def cell(row: dict[str, Any]) -> Any:
        value = get(row)
        return None if value is None else change(value)

    return cell


_CELLS: dict[str, Callable[[Any], str]] = {
    "boolean": lambda value: "true" if value else "false",
    "datetime": lambda value: str(value).replace("+0000", "Z"),
}
