"""SOQL text that cannot be broken out of and fits into a URL."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmsync.errors import SchemaError
from prmsync_salesforce import soql
from prmsync_salesforce.simulator.soql import unquoted


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("O'Brien", r"'O\'Brien'"),
        ("a\\b", r"'a\\b'"),
        ("\\' OR Id != '", r"'\\\' OR Id != \''"),
        ("line\nbreak\ttab", r"'line\nbreak\ttab'"),
        ('say "x"', r"'say \"x\"'"),
        ("", "''"),
    ],
)
def test_text_is_quoted(value, literal):
    assert soql.quoted(value) == literal


@given(st.text(st.characters(exclude_characters="%_")))
def test_a_quoted_text_reads_back_as_it_was(value):
    assert unquoted(soql.quoted(value)) == value


@pytest.mark.parametrize("bad", ["", "Name FROM User", "a.b", "1st", "x;", "Ünit"])
def test_only_api_names_stand_in_a_query(bad):
    with pytest.raises(SchemaError):
        soql.name(bad)


def test_times_are_utc_to_the_second():
    moment = datetime(2026, 11, 22, 10, 0, 0, 999, tzinfo=timezone(timedelta(hours=1)))
    assert soql.time_literal(moment) == "2026-11-22T09:00:00Z"


def test_a_long_list_is_cut_to_the_room_and_keeps_every_value_once():
    values = [f"{number:036d}" for number in range(1000)]
    conditions = list(soql.in_lists("Key__c", [*values, values[0]], 3000))
    assert len(conditions) > 1
    assert all(
        len(quote_plus(condition)) <= 3000 + len("Key__c IN ()") * 3 for condition in conditions
    )
    literals = [item for text in conditions for item in text[len("Key__c IN (") : -1].split(",")]
    assert literals == [f"'{value}'" for value in values]


def test_no_values_are_no_condition():
    assert list(soql.in_lists("Id", [], 100)) == []


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("001000000000001", True),
        ("001000000000001AAA", True),
        ("001", False),
        ("001000000000001' ", False),
        ("0010000000000012", False),
    ],
)
def test_ids_have_15_or_18_letters(text, form):
    assert soql.is_id(text) is form
