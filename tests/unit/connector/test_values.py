"""Canonical values: exact, idempotent, blank is None."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmsync.connector import values


@pytest.mark.parametrize(
    ("raw", "scale", "canonical"),
    [
        (48000.0, 2, "48000.00"),
        (48000, 2, "48000.00"),
        ("48000", 2, "48000.00"),
        (0.1, 2, "0.10"),
        (1.005, 2, "1.01"),
        (-1.005, 2, "-1.01"),
        (0.125, 2, "0.13"),
        (-0.0, 2, "0.00"),
        (-0.001, 2, "0.00"),
        ("007.5", 2, "7.50"),
        ("1e3", 2, "1000.00"),
        (1e21, 0, "1000000000000000000000"),
        (3.0, 0, "3"),
        (2.5, 0, "3"),
        (48000.0, None, "48000"),
        (0.25, None, "0.25"),
        ("12.500", None, "12.5"),
        (0, None, "0"),
        (100, None, "100"),
        (None, 2, None),
        ("", 2, None),
        (" ", None, None),
    ],
)
def test_numbers_are_plain_decimals_at_their_scale(raw, scale, canonical):
    assert values.number(scale)(raw) == canonical


@pytest.mark.parametrize("raw", ["abc", "nan", "Infinity", True, "1.2.3", "--5", "1e40"])
def test_what_is_no_number_is_refused(raw):
    with pytest.raises(ValueError):
        values.number(2)(raw)


@given(
    st.decimals(min_value=-(10**12), max_value=10**12, places=4, allow_nan=False),
    st.integers(min_value=0, max_value=6),
)
def test_a_scaled_number_is_exact_and_reads_back_to_itself(exact, scale):
    canon = values.number(scale)
    rounded = exact.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP)
    shown = canon(str(exact))
    assert Decimal(shown) == rounded
    assert canon(shown) == shown
    assert canon(float(shown)) == shown


@given(st.floats(allow_nan=False, allow_infinity=False, width=64))
def test_a_float_without_scale_keeps_its_shortest_decimal(number):
    assert Decimal(values.number(None)(number)) == Decimal(repr(number))


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("2024-09-09T20:41:31.000+0000", "2024-09-09T20:41:31.000Z"),
        ("2024-09-09T20:41:31.123Z", "2024-09-09T20:41:31.123Z"),
        ("2024-09-09T20:41:31Z", "2024-09-09T20:41:31.000Z"),
        ("2024-09-09T22:41:31.500+02:00", "2024-09-09T20:41:31.500Z"),
        ("2024-09-09T20:41:31.123456Z", "2024-09-09T20:41:31.123Z"),
        ("2024-09-09T20:41:31", "2024-09-09T20:41:31.000Z"),
        ("2024-09-09", "2024-09-09T00:00:00.000Z"),
        (1712693965000, "2024-04-09T20:19:25.000Z"),
        ("1712693965123", "2024-04-09T20:19:25.123Z"),
        (None, None),
        ("", None),
    ],
)
def test_times_are_utc_with_milliseconds(raw, canonical):
    assert values.moment(raw) == canonical


@given(st.integers(min_value=0, max_value=4_102_444_800_999))
def test_a_canonical_time_reads_back_to_itself(milliseconds):
    shown = values.in_utc(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds))
    assert values.moment(milliseconds) == shown
    assert values.moment(shown) == shown
    assert values.in_utc(values.parse_moment(shown)) == shown


def test_what_is_no_time_is_refused():
    with pytest.raises(ValueError):
        values.moment("yesterday")


def test_dates_keep_their_day_and_refuse_what_is_none():
    assert values.date("2026-02-28") == "2026-02-28"
    assert values.date("2026-02-28T23:59:00.000Z") == "2026-02-28"
    assert values.date("") is None
    with pytest.raises(ValueError):
        values.date("2026-02-30")


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("b;a;b", "a;b"),
        ("backup ; firewall", "backup;firewall"),
        (";;", None),
        ("", None),
        (None, None),
    ],
)
def test_codes_are_a_sorted_set(raw, canonical):
    assert values.codes(raw) == canonical


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [(True, True), (False, False), ("TRUE", True), ("false", False), ("", None), (None, None)],
)
def test_booleans_come_as_json_or_as_text(raw, canonical):
    assert values.boolean(raw) is canonical


def test_what_is_neither_true_nor_false_is_refused():
    with pytest.raises(ValueError):
        values.boolean("maybe")


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [("  ", None), ("\r\n", None), ("a\r\nb\rc", "a\nb\nc"), (" a ", " a "), (12, "12")],
)
def test_text_has_one_kind_of_line_end_and_blank_is_none(raw, canonical):
    assert values.text(raw) == canonical
