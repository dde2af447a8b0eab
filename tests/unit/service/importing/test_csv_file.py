"""CSV is read row by row with its line numbers, whatever its packing and encoding."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from prmsync.errors import ConfigurationError, InputError
from prmsync.service.importing.csv_file import open_csv


def rows(path: Path, **options: str) -> list[tuple[int, list[str]]]:
    with open_csv(path, **options) as file:
        return list(file.rows)


def write(folder: Path, content: bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_rows_have_the_line_they_start_on(tmp_path: Path) -> None:
    path = write(tmp_path, b'a,b\n1,"x\ny"\n\n2,z\n')
    assert rows(path) == [(2, ["1", "x\ny"]), (5, ["2", "z"])]


def test_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    assert rows(write(tmp_path, gzip.compress(b"a\n1\n"))) == [(2, ["1"])]


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    with open_csv(write(tmp_path, "\ufeffnumber\n".encode())) as file:
        assert file.header == ("number",)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path, f"a{delimiter}b\n1{delimiter}2\n".encode())
    assert rows(path) == [(2, ["1", "2"])]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_wrong_encoding_is_named_with_offset_line_and_remedy(
    tmp_path: Path, pack: type[bytes]
) -> None:
    good = b"name\n" + b"Acme\n" * 5000
    path = write(tmp_path, pack(good + "Büro\n".encode("cp1252")))
    with pytest.raises(InputError) as caught:
        rows(path)
    [finding] = caught.value.findings
    assert finding.where == f"{path}:5002"
    assert finding.message == f"byte 0xFC at offset {len(good) + 1} is not UTF-8"
    assert "--encoding cp1252" in finding.hint
    assert rows(path, encoding="cp1252")[-1] == (5002, ["Büro"])


def test_utf16_is_recognised(tmp_path: Path) -> None:
    path = write(tmp_path, "name\nAcme\n".encode("utf-16"))
    with pytest.raises(InputError) as caught:
        rows(path)
    assert "--encoding utf-16" in caught.value.findings[0].hint
    assert rows(path, encoding="utf-16") == [(2, ["Acme"])]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "first line is empty"), (b"a,a\n", "two columns are called `a`")],
)
def test_a_header_that_names_no_columns_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        rows(write(tmp_path, content))
    assert message in caught.value.findings[0].message


def test_a_quote_that_is_not_closed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not valid CSV"):
        rows(write(tmp_path, b'a,b\n"x,1\n'))


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("none.csv", {}, "No such file"),
        ("cut.csv", {}, "cut short"),
        ("a.csv", {"encoding": "klingon"}, "no encoding called klingon"),
    ],
)
def test_a_file_that_cannot_be_opened_is_a_settings_error(
    tmp_path: Path, path: str, options: dict[str, str], message: str
) -> None:
    write(tmp_path, b"a\n1\n")
    write(tmp_path, gzip.compress(b"a\n" + bytes(range(32, 127)) * 9)[:-20], "cut.csv")
    with pytest.raises(ConfigurationError, match=message):
        rows(tmp_path / path, **options)
