"""Reads CSV as a stream of rows with their line numbers; plain or gzipped, any encoding."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from prmsync.errors import ConfigurationError, Finding, InputError

DEFAULT_ENCODING = "utf-8-sig"
"""UTF-8, with or without a byte order mark."""

_GZIP = b"\x1f\x8b"
_DELIMITERS = ",;\t|"
_LONGEST_CELL = 1_000_000
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class CsvFile:
    """An open file: its header, and rows as (line of the file, cells) that are read on demand.

    Reading raises InputError for bytes that are not of the encoding, and for broken quoting.
    """

    header: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]


@contextmanager
def open_csv(
    path: Path, encoding: str = DEFAULT_ENCODING, delimiter: str | None = None
) -> Iterator[CsvFile]:
    """Open a file and read its header. Without `delimiter` the header's own is taken.

    Raises ConfigurationError when the file cannot be opened or the encoding is unknown,
    InputError when it has no usable header.
    """
    try:
        with path.open("rb") as plain:
            zipped = plain.peek(2)[:2] == _GZIP
            binary = gzip.GzipFile(fileobj=plain) if zipped else plain
            with io.TextIOWrapper(binary, encoding, newline="") as text:
                yield _opened(_Origin(path, encoding, binary.tell), text, delimiter)
    except LookupError as error:
        raise ConfigurationError(
            f"There is no encoding called {encoding}.", hint="For example utf-8, cp1252, utf-16."
        ) from error
    except (OSError, EOFError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is cut short"
        raise ConfigurationError(f"{path} cannot be read: {reason}.") from error


@dataclass(frozen=True, slots=True)
class _Origin:
    """`consumed` tells how many bytes the decoder has been given."""

    path: Path
    encoding: str
    consumed: Callable[[], int]


def _opened(origin: _Origin, text: io.TextIOWrapper, delimiter: str | None) -> CsvFile:
    with _named_problems(origin):
        first = text.readline()
        chosen = delimiter or max(_DELIMITERS, key=first.count)
        header = next(csv.reader([first], delimiter=chosen), [])
    names = tuple(name.strip() for name in header)
    findings = _header_findings(origin.path, names)
    if findings:
        raise InputError(
            f"{origin.path} has no usable header. Nothing was imported.", findings=findings
        )
    return CsvFile(names, _rows(origin, text, chosen))


def _header_findings(path: Path, names: tuple[str, ...]) -> list[Finding]:
    where = f"{path}:1"
    if not any(names):
        return [Finding(where, "the first line is empty", "It must name the columns.")]
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    return [Finding(where, f"two columns are called `{name}`", "Rename one.") for name in repeated]


def _rows(
    origin: _Origin, text: io.TextIOWrapper, delimiter: str
) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    line = 2
    with _named_problems(origin):
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 2


@contextmanager
def _named_problems(origin: _Origin) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise _wrong_encoding(origin, error) from error
    except csv.Error as error:
        raise InputError(
            f"{origin.path} is not valid CSV: {error}. Nothing was imported.",
            hint="Look for a quote that is not closed, or name the delimiter: --delimiter ';'",
        ) from error


def _wrong_encoding(origin: _Origin, error: UnicodeDecodeError) -> InputError:
    # The decoder had been given all that was read so far; its last piece is error.object.
    offset = origin.consumed() - len(error.object) + error.start
    byte = error.object[error.start]
    name = "UTF-8" if origin.encoding == DEFAULT_ENCODING else origin.encoding
    other = "utf-16" if error.object[:2] in _UTF16_MARKS else "cp1252"
    finding = Finding(
        f"{origin.path}:{_line_of(origin.path, offset)}",
        f"byte 0x{byte:02X} at offset {offset} is not {name}",
        f"Save the file as UTF-8, or name its encoding: --encoding {other}",
    )
    return InputError(
        f"{origin.path} has another encoding. Nothing was imported.", findings=[finding]
    )


def _line_of(path: Path, offset: int) -> int:
    with path.open("rb") as plain:
        zipped = plain.peek(2)[:2] == _GZIP
        source: BinaryIO = gzip.GzipFile(fileobj=plain) if zipped else plain  # type: ignore[assignment]  # GzipFile reads like a BinaryIO and does not say so
        lines, left = 1, offset
        while left and (block := source.read(min(left, 1 << 16))):
            lines += block.count(b"\n")
            left -= len(block)
        return lines
