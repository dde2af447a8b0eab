"""History as a file for auditors: CSV, or JSON Lines where the name ends so."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO

import orjson

from prmsync.errors import ConfigurationError
from prmsync.service.csv_cells import cell
from prmsync.store.audit import COLUMNS, AuditRow

JSON_LINES = (".jsonl", ".ndjson")


def write(path: Path, rows: Iterable[AuditRow]) -> int:
    """Write rows as they come; returns how many. Raises ConfigurationError for a file that cannot
    be written or whose ending names no format."""
    if path.suffix.lower() not in (".csv", *JSON_LINES):
        raise ConfigurationError(
            f"{path}: the ending names no format", hint="FILE.csv, or FILE.jsonl for JSON lines"
        )
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            if path.suffix.lower() == ".csv":
                return _csv(file, rows)
            return _lines(file, rows)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error


def _csv(file: IO[str], rows: Iterable[AuditRow]) -> int:
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    count = 0
    for row in rows:
        writer.writerow(list(_cells(row)))
        count += 1
    return count


def _cells(row: AuditRow) -> Iterator[str]:
    for name in COLUMNS:
        value = getattr(row, name)
        if isinstance(value, datetime):
            value = _time(value)
        yield str(value) if isinstance(value, int) and not isinstance(value, bool) else cell(value)


def _lines(file: IO[str], rows: Iterable[AuditRow]) -> int:
    count = 0
    for row in rows:
        said = {**asdict(row), "run_started": _time(row.run_started)}
        file.write(orjson.dumps(said).decode() + "\n")
        count += 1
    return count


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
