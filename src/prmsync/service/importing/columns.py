"""A column map: which columns of a file fill which fields, and how. See docs/import.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prmsync.domain.counted import counted
from prmsync.errors import ConfigurationError, Finding
from prmsync.mapping.document import Entry, Items, Node, Scalar, Table, read_document
from prmsync.mapping.section import Section
from prmsync.mapping.spelling import did_you_mean
from prmsync.service.importing.fields import KEYS, OBJECTS
from prmsync.service.importing.values import ISO, Format

ROW = "row"

SOURCE_KEYS = {
    "column": "the file's column",
    "format": "text around columns: '{account} · {product}'; {row} counts the rows",
    "value": "the same text for every row",
    "values": "their word: ours; a word that is not listed makes the row bad; ~ is blank",
    "replace": "their word: ours; a word that is not listed stays as it is",
    "blank": "texts that mean nothing was entered",
    "date": "how the file writes dates, as strptime: '%d.%m.%Y'",
    "decimal": "the file's decimal sign; the other one groups digits",
    "zone": "IANA zone of times that name none: Europe/Berlin",
}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_ROW_FORM = re.compile(r"row(:0\d)?")


Reader = Callable[[Sequence[str], int], str]
"""A row's cells and its number → text."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where one field's text comes from. Exactly one of column, template and constant is set."""

    where: str
    column: str | None = None
    template: str | None = None
    constant: str | None = None
    values: Mapping[str, str | None] | None = None
    replace: Mapping[str, str | None] | None = None
    blank: frozenset[str] = frozenset()
    form: Format = ISO

    def columns(self) -> tuple[str, ...]:
        """The file's columns it reads."""
        if self.column is not None:
            return (self.column,)
        return tuple(name for _, name in _pieces(self.template or "") if name and not _row(name))

    def reader(self, header: Sequence[str]) -> Reader:
        """A function from a row's cells and its number to the text."""
        if self.column is not None:
            place = header.index(self.column)
            return lambda cells, _row: cells[place]
        if self.template is None:
            constant = self.constant or ""
            return lambda _cells, _row: constant
        return _template_reader(self.template, header)


ColumnMap = Mapping[str, tuple[Source, ...]]
"""Field → its sources in order; the first that is not blank counts."""


def read_column_map(path: Path) -> dict[str, tuple[Source, ...]]:
    """A column map file. Raises ConfigurationError with every problem and its place."""
    findings: list[Finding] = []
    table = read_document(path, findings)
    found: dict[str, tuple[Source, ...]] = {}
    if table is not None:
        top = Section(table, "", findings, ["columns"])
        fields = top.section("columns", None)
        if fields is None and "columns" not in top.entries:
            top.missing("columns", "It holds lines of `our field: their column`.")
        for entry in fields or ():
            found[entry.key] = tuple(_sources(entry, findings))
    _refuse(findings, "the column map")
    return found


def named_columns(
    columns: Sequence[str], constants: Sequence[str]
) -> dict[str, tuple[Source, ...]]:
    """Sources of `--column ours=theirs` and `--set field=value`, the latter winning.

    Raises ConfigurationError for text without `=`.
    """
    findings: list[Finding] = []
    found: dict[str, tuple[Source, ...]] = {}
    for option, texts in (("--column", columns), ("--set", constants)):
        for text in texts:
            name, sign, rest = text.partition("=")
            where = f"{option} {text}"
            if not sign or not name.strip() or not rest.strip():
                findings.append(Finding(where, "is not NAME=TEXT", f"Write {option} field=text"))
                continue
            column, constant = (
                (rest.strip(), None) if option == "--column" else (None, rest.strip())
            )
            found[name.strip()] = (Source(where, column=column, constant=constant),)
    _refuse(findings, "the options")
    return found


def same_names(stream: str, header: Sequence[str]) -> dict[str, tuple[Source, ...]]:
    """Sources for a file whose columns are called as our fields are."""
    return {
        name: (Source(f"column {name}", column=name),) for name in header if name in OBJECTS[stream]
    }


def check_columns(stream: str, columns: ColumnMap, header: Sequence[str]) -> None:
    """Raises ConfigurationError that names every unknown field, missing column and missing key."""
    fields = OBJECTS[stream]
    findings = [
        Finding(sources[0].where, f"a {stream} has no field `{name}`", did_you_mean(name, fields))
        for name, sources in columns.items()
        if name not in fields
    ]
    findings += [
        Finding(source.where, f"the file has no column `{column}`", did_you_mean(column, header))
        for sources in columns.values()
        for source in sources
        for column in source.columns()
        if column not in header
    ]
    required = [name for name, field in fields.items() if field.required]
    findings += [
        Finding(f"field {name}", "has no column", f"Add: --column {name}=THEIR_COLUMN")
        for name in dict.fromkeys([*required, *KEYS[stream]])
        if name not in columns
    ]
    _refuse(findings, "the column map")


def _pieces(template: str) -> list[tuple[str, str]]:
    """Literal text and the placeholder behind it, in order."""
    parts = _PLACEHOLDER.split(template)
    return list(zip(parts[::2], [*parts[1::2], ""], strict=True))


def _row(name: str) -> bool:
    return name == ROW or name.startswith(f"{ROW}:")


def _template_reader(template: str, header: Sequence[str]) -> Reader:
    pieces = _pieces(template)
    named = [header.index(name) for _, name in pieces if name and not _row(name)]
    readers = [_piece_reader(text, name, header) for text, name in pieces]

    def fill(cells: Sequence[str], row: int) -> str:
        if not all(cells[place].strip() for place in named):
            return ""
        return " ".join("".join(read(cells, row) for read in readers).split())

    return fill


def _piece_reader(text: str, name: str, header: Sequence[str]) -> Reader:
    if not name:
        return lambda _cells, _row_number: text
    if _row(name):
        form = name.partition(":")[2]
        return lambda _cells, row: f"{text}{row:{form}}"
    place = header.index(name)
    return lambda cells, _row_number: text + cells[place]


def _sources(entry: Entry, findings: list[Finding]) -> Iterator[Source]:
    nodes = entry.value.items if isinstance(entry.value, Items) else (entry.value,)
    for node in nodes:
        source = _source(entry.key, node, findings)
        if source is not None:
            yield source


def _source(name: str, node: Node, findings: list[Finding]) -> Source | None:
    if isinstance(node, Scalar) and node.kind == "text":
        return Source(str(node.at), column=node.text)
    if not isinstance(node, Table):
        hint = "Write a column's name, or a table with `column:`, `format:` or `value:`."
        findings.append(Finding(str(node.at), f"`{name}` has no column", hint))
        return None
    section = Section(node, name, findings, list(SOURCE_KEYS))
    kinds = [key for key in ("column", "format", "value") if key in section.entries]
    if len(kinds) != 1:
        section.report(node.at, f"`{name}` needs one of `column`, `format` and `value`")
        return None
    return Source(
        where=str(node.at),
        column=section.text("column"),
        template=_template(section),
        constant=section.text("value"),
        values=_words(section, "values"),
        replace=_words(section, "replace"),
        blank=frozenset(section.texts("blank") or ()),
        form=_form(section),
    )


def _template(section: Section) -> str | None:
    text = section.text("format")
    names = [name for _, name in _pieces(text or "") if name]
    if text is not None and not names:
        section.report(section.place("format"), "`format` names no column", "Write {column}.")
    for name in names:
        if _row(name) and not _ROW_FORM.fullmatch(name):
            section.report(section.place("format"), f"`{{{name}}}` is not {{row}} or {{row:05}}")
    return text


def _words(section: Section, key: str) -> dict[str, str | None] | None:
    table = section.section(key, None)
    if table is None:
        return None
    found: dict[str, str | None] = {}
    for entry in table:
        empty = isinstance(entry.value, Scalar) and entry.value.kind == "nothing"
        found[entry.key] = None if empty else table.as_text(entry.value, entry.key)
    return found


def _form(section: Section) -> Format:
    decimal = section.text("decimal")
    if decimal not in (None, ".", ","):
        section.report(section.place("decimal"), '`decimal` must be "." or ","')
        decimal = None
    zone = section.text("zone") or "UTC"
    try:
        return Format(section.text("date"), decimal, ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        hint = "An IANA zone, such as Europe/Berlin."
        section.report(section.place("zone"), f"there is no time zone `{zone}`", hint)
        return ISO


def _refuse(findings: Sequence[Finding], what: str) -> None:
    if findings:
        number = counted(len(findings), "problem")
        raise ConfigurationError(f"{number} in {what}. Nothing was imported.", findings=findings)
