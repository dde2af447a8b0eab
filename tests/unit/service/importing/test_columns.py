"""Column maps: every problem with its place, and what each kind of source gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from prmsync.errors import ConfigurationError, Finding
from prmsync.service.importing.columns import (
    ColumnMap,
    check_columns,
    named_columns,
    read_column_map,
    same_names,
)

HEADER = ("id", "agent", "product", "account")
CELLS = ("A1", "Dana", "Pro", "")


def read(folder: Path, text: str) -> ColumnMap:
    path = folder / "columns.yaml"
    path.write_text(text, encoding="utf-8")
    return read_column_map(path)


def findings(folder: Path, text: str) -> list[Finding]:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, text)
    return list(caught.value.findings)


def text_of(folder: Path, source: str) -> str:
    [only] = read(folder, f"columns:\n  number: {source}\n")["number"]
    return only.reader(HEADER)(CELLS, 7)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("id", "A1"),
        ("{column: agent}", "Dana"),
        ("{value: USD}", "USD"),
        ("{format: 'MV-{id}'}", "MV-A1"),
        ("{format: '{product} for {agent}'}", "Pro for Dana"),
        ("{format: '{product} for {account}'}", ""),
        ("{format: 'DR-{row:05}'}", "DR-00007"),
        ("{format: '{row}'}", "7"),
    ],
)
def test_a_source_gives_text(tmp_path: Path, source: str, text: str) -> None:
    assert text_of(tmp_path, source) == text


def test_several_sources_stay_in_order(tmp_path: Path) -> None:
    found = read(tmp_path, "columns:\n  amount:\n    - close_value\n    - {value: '5'}\n")
    assert [source.column or source.constant for source in found["amount"]] == ["close_value", "5"]


def test_every_problem_has_its_place(tmp_path: Path) -> None:
    found = findings(
        tmp_path,
        "columns:\n"
        "  a: {colum: x}\n"
        "  b: {column: x, value: y}\n"
        "  c: [{column: x, decimal: ';'}]\n"
        "  d: {column: x, zone: Mars/Base}\n"
        "  e: {format: plain}\n"
        "  f: {format: '{row:x}'}\n"
        "  g: 3\n",
    )
    path = tmp_path / "columns.yaml"
    lines = [int(finding.where.removeprefix(f"{path}:").split(":")[0]) for finding in found]
    assert sorted(set(lines)) == [2, 3, 4, 5, 6, 7, 8]
    assert found[0].hint == "did you mean `column`?"


def test_a_file_without_columns_is_refused(tmp_path: Path) -> None:
    assert "`columns` is missing" in findings(tmp_path, "colums: {}\n")[1].message


def test_the_map_must_fit_the_file_and_the_fields() -> None:
    columns = named_columns(["nummer=id", "partner=agnt"], [])
    with pytest.raises(ConfigurationError) as caught:
        check_columns("registration", columns, HEADER)
    messages = [(finding.message, finding.hint) for finding in caught.value.findings]
    assert messages[0] == ("a registration has no field `nummer`", "did you mean `number`?")
    assert messages[1] == ("the file has no column `agnt`", "did you mean `agent`?")
    assert messages[2][0] == "has no column"


def test_options_need_an_equals_sign() -> None:
    with pytest.raises(ConfigurationError) as caught:
        named_columns(["partner"], ["=x"])
    assert [finding.where for finding in caught.value.findings] == ["--column partner", "--set =x"]


def test_columns_called_as_our_fields_are_taken() -> None:
    assert set(same_names("registration", ("number", "other", "amount"))) == {"number", "amount"}
