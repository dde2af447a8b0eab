"""Cells become canonical values, or say why they cannot."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from prmsync.service.importing.fields import OBJECTS
from prmsync.service.importing.values import ISO, BadValue, Format, parser

REGISTRATION = OBJECTS["registration"]
GERMAN = Format("%d.%m.%Y", ",", ZoneInfo("Europe/Berlin"))
ENGLISH = Format(None, ".")


def parse(name: str, text: str, form: Format = ISO, stream: str = "registration") -> object:
    return parser(name, OBJECTS[stream][name], form)(text)


@pytest.mark.parametrize(
    ("name", "text", "form", "value"),
    [
        ("amount", "48000", ISO, "48000"),
        ("amount", "-12.50", ISO, "-12.50"),
        ("amount", "1.234.567,50", GERMAN, "1234567.50"),
        ("amount", "1 234,5", GERMAN, "1234.5"),
        ("amount", "84,000.00", ENGLISH, "84000.00"),
        ("expected_close", "2026-02-01", ISO, "2026-02-01"),
        ("expected_close", "01.02.2026", GERMAN, "2026-02-01"),
        ("submitted_at", "2026-02-01", ISO, "2026-02-01T00:00:00.000Z"),
        ("submitted_at", "2026-02-01T10:00:00+02:00", ISO, "2026-02-01T08:00:00.000Z"),
        ("submitted_at", "01.07.2026", GERMAN, "2026-06-30T22:00:00.000Z"),
        ("currency", "eur", ISO, "EUR"),
        ("customer_country", "de", ISO, "DE"),
        ("customer_domain", "https://www.Acme.com/x", ISO, "acme.com"),
        ("review_state", "Under Review", ISO, "under_review"),
        ("product_lines", "firewall; backup;firewall", ISO, "backup;firewall"),
        ("conflict", "Yes", ISO, True),
        ("conflict", "0", ISO, False),
        ("partner", "Acme Inc", ISO, "Acme Inc"),
    ],
)
def test_a_cell_becomes_a_canonical_value(
    name: str, text: str, form: Format, value: object
) -> None:
    assert parse(name, text, form) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("amount", "12,50"),
        ("amount", "1,234"),
        ("amount", "€ 5"),
        ("amount", "NaN"),
        ("amount", "1e5"),
        ("amount", "9" * 17),
        ("expected_close", "2026-02-30"),
        ("expected_close", "01.02.2026"),
        ("submitted_at", "yesterday"),
        ("currency", "EU"),
        ("customer_country", "Germany"),
        ("review_state", "aproved"),
        ("conflict", "maybe"),
    ],
)
def test_a_cell_that_does_not_fit_is_refused_with_a_hint(name: str, text: str) -> None:
    with pytest.raises(BadValue) as caught:
        parse(name, text)
    assert caught.value.hint


def test_a_number_with_both_signs_in_the_wrong_order_is_refused() -> None:
    with pytest.raises(BadValue):
        parse("amount", "1,234.5", GERMAN)


def test_a_near_spelling_is_named() -> None:
    with pytest.raises(BadValue) as caught:
        parse("stage", "qualifed", stream="opportunity")
    assert caught.value.hint == "did you mean `qualified`?"


def test_people_are_e_mails_and_the_address_is_not_repeated() -> None:
    assert parse("owner", "Dana@Acme.example", stream="opportunity") == "dana@acme.example"
    with pytest.raises(BadValue) as caught:
        parse("owner", "Dana Doe", stream="opportunity")
    assert "Dana" not in caught.value.message
