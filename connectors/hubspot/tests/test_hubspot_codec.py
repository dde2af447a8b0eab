from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmsync.connector.schema import FieldType
from prmsync.domain.values import Scalar
from prmsync_hubspot.codec import CANONS, Reader, requested, version_of, write_value, write_values

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAYS = st.dates(min_value=date(1971, 1, 1), max_value=date(2100, 1, 1))
TIMES = st.integers(0, 4_000_000_000_000_000).map(
    lambda microseconds: EPOCH + timedelta(microseconds=microseconds)
)
CODES = st.lists(st.text("abc_1", min_size=1, max_size=5), max_size=6)


def canonical(kind: FieldType, value: str) -> Scalar:
    return CANONS[kind](value)


@given(DAYS)
def test_a_date_reads_the_same_as_iso_day_and_as_milliseconds(day: date) -> None:
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    milliseconds = (moment - EPOCH) // timedelta(milliseconds=1)
    assert canonical(FieldType.DATE, str(milliseconds)) == day.isoformat()
    assert canonical(FieldType.DATE, day.isoformat()) == day.isoformat()


@given(TIMES)
def test_a_time_reads_the_same_in_every_form(when: datetime) -> None:
    cut = when.replace(microsecond=when.microsecond // 1000 * 1000)
    milliseconds = (cut - EPOCH) // timedelta(milliseconds=1)
    expected = cut.strftime("%Y-%m-%dT%H:%M:%S.") + f"{cut.microsecond // 1000:03d}Z"
    assert canonical(FieldType.DATETIME, str(milliseconds)) == expected
    assert canonical(FieldType.DATETIME, cut.isoformat()) == expected
    assert canonical(FieldType.DATETIME, expected) == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, max_value=10**12))
def test_numbers_are_plain_decimals_of_the_same_value(number: Decimal) -> None:
    read = canonical(FieldType.NUMBER, str(number))
    assert isinstance(read, str)
    assert "E" not in read
    assert Decimal(read) == number


@given(CODES)
def test_option_sets_are_sorted_without_repeats(codes: list[str]) -> None:
    expected = ";".join(sorted(set(codes))) or None
    assert canonical(FieldType.MULTI_PICKLIST, ";".join(codes)) == expected
    assert canonical(FieldType.MULTI_PICKLIST, ";" + ";".join(codes)) == expected


@given(st.sampled_from(list(FieldType)), st.data())
def test_a_written_value_reads_back_as_itself(kind: FieldType, data: st.DataObject) -> None:
    raw = {
        FieldType.TEXT: st.text(),
        FieldType.NUMBER: st.integers().map(str),
        FieldType.BOOLEAN: st.sampled_from(["true", "false"]),
        FieldType.DATE: DAYS.map(date.isoformat),
        FieldType.DATETIME: TIMES.map(datetime.isoformat),
        FieldType.PICKLIST: st.text("abc", min_size=1),
        FieldType.MULTI_PICKLIST: CODES.map(";".join),
        FieldType.REFERENCE: st.integers(min_value=1).map(str),
    }[kind]
    value = canonical(kind, data.draw(raw))
    assert canonical(kind, write_value(value)) == value


@pytest.mark.parametrize("kind", list(FieldType))
def test_empty_text_is_blank_for_every_type(kind: FieldType) -> None:
    assert canonical(kind, "") is None


def test_blank_clears_and_booleans_are_words() -> None:
    assert write_values({"a": None, "b": True, "c": False, "d": "x"}) == {
        "a": "",
        "b": "true",
        "c": "false",
        "d": "x",
    }


AMOUNT_AND_NAME = {"amount": FieldType.NUMBER, "dealname": FieldType.TEXT}


def test_a_record_takes_only_the_wanted_fields_and_who_changed_it() -> None:
    record = Reader({"dealname": FieldType.TEXT}).record(
        {
            "id": 12,
            "properties": {"dealname": "Firewall", "hs_updated_by_user_id": "7", "other": "x"},
            "updatedAt": "2026-01-02T03:04:05.678Z",
            "archived": False,
        }
    )
    assert record.id == "12"
    assert record.values == {"dealname": "Firewall"}
    assert record.version == "2026-01-02T03:04:05.678Z"
    assert record.modified_by == "7"


def test_records_that_were_merged_away_follow_their_survivor_as_deleted() -> None:
    reader = Reader({})
    found = {
        "id": "9",
        "properties": {"hs_merged_object_ids": "3;4"},
        "updatedAt": "2026-01-02T03:04:05Z",
    }
    records = reader.records([found])
    assert [(one.id, one.deleted, one.merged_into) for one in records] == [
        ("9", False, None),
        ("3", True, "9"),
        ("4", True, "9"),
    ]


def test_a_value_that_is_not_of_its_type_stays_as_it_stands() -> None:
    reader = Reader(AMOUNT_AND_NAME)
    record = reader.record({"id": "1", "properties": {"amount": "n/a", "dealname": "x"}})
    assert record.values == {"amount": "n/a", "dealname": "x"}


def test_what_a_write_left_is_only_what_the_answer_mentions() -> None:
    reader = Reader(AMOUNT_AND_NAME)
    assert reader.told({"amount": "5.00", "hs_x": "1"}) == {"amount": "5"}


def test_a_blank_that_means_something_is_read_as_that_wherever_it_comes() -> None:
    reader = Reader({"deal_currency_code": FieldType.PICKLIST}, {"deal_currency_code": "EUR"})
    found = [
        {"id": "1", "properties": {"deal_currency_code": None}},
        {"id": "2", "properties": {}},
        {"id": "3", "properties": {"deal_currency_code": "JPY"}},
    ]
    assert [one.values["deal_currency_code"] for one in reader.records(found)] == [
        "EUR",
        "EUR",
        "JPY",
    ]
    assert reader.records([]) == []
    assert reader.told({"deal_currency_code": ""}) == {"deal_currency_code": "EUR"}
    assert reader.told({"amount": "5"}) == {}


def test_who_changed_a_record_and_what_was_merged_are_asked_for_too() -> None:
    assert requested(["dealname", "hs_merged_object_ids"]) == [
        "dealname",
        "hs_merged_object_ids",
        "hs_updated_by_user_id",
    ]


def test_versions_sort_as_times_though_hubspot_leaves_out_empty_milliseconds() -> None:
    told = ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.001Z", "2026-01-02T03:04:06Z"]
    versions = [version_of({"updatedAt": one}) for one in told]
    assert versions == sorted(versions)
