"""Records that stand field by field are records like any others."""

from __future__ import annotations

from prmsync.connector.columns import RecordColumns, cells
from prmsync.connector.protocol import Record

COLUMNS = RecordColumns(
    ids=("1", "2"),
    versions=("a", "b"),
    values={"name": ("Globex", None), "won": (True, False)},
    deleted=(False, True),
    merged_into=(None, "1"),
    modified_by=("dana", None),
)
RECORDS = [
    Record("1", "a", {"name": "Globex", "won": True}, modified_by="dana"),
    Record("2", "b", {"name": None, "won": False}, deleted=True, merged_into="1"),
]


def test_each_record_has_its_row():
    assert list(COLUMNS) == RECORDS
    assert len(COLUMNS) == 2
    assert COLUMNS[1] == RECORDS[1]
    assert COLUMNS[:1] == RECORDS[:1]


def test_the_same_record_is_given_each_time():
    assert COLUMNS[0] is next(iter(COLUMNS))


def test_records_without_fields_are_records_too():
    assert list(RecordColumns(("1",), ("a",), {}, (False,), (None,), (None,))) == [
        Record("1", "a", {})
    ]


def test_one_field_is_told_alike_of_columns_and_of_records():
    for name in ("name", "won", "unknown"):
        assert list(cells(COLUMNS, name)) == list(cells(RECORDS, name))
