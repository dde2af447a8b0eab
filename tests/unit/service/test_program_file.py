from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from prmsync.domain.fiscal import FiscalCalendar, Named, Pattern
from prmsync.domain.rates import Rates
from prmsync.errors import ConfigurationError
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.service.program_file import load_program

REFERENCE = """\
version: "2026.2"
name: Reference program
valid_from: 2026-01-01
tiers: [Registered, Silver, Gold, Platinum]
product_lines: [firewall, backup, endpoint, email_security, identity, services]
margins:
  default_category: licence
  product_categories: {services: services, training: services}
  reseller_cap: 35
  distributor_points: 4
  referral_pool: 10
  renewal: 10
  categories:
    licence:
      tier: {Registered: 0, Silver: 15, Gold: 20, Platinum: 25}
      registration_bonus: 5
    services:
      flat: 10
review:
  time_zone: UTC
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "program.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_reference_program_can_be_written_as_a_file(tmp_path: Path) -> None:
    read = load_program(write(tmp_path, REFERENCE))
    assert read.review.time_zone == ZoneInfo("UTC")
    assert replace(read, review=REFERENCE_PROGRAM.review) == REFERENCE_PROGRAM


def test_rates_stay_exact(tmp_path: Path) -> None:
    text = REFERENCE.replace("Silver: 15", "Silver: 15.1")
    rates = load_program(write(tmp_path, text)).margins.categories["licence"]
    assert rates.tier["Silver"] == Decimal("15.1")


def test_every_problem_is_named_with_its_place(tmp_path: Path) -> None:
    text = REFERENCE.replace("reseller_cap: 35", "reseller_cap: 350").replace("review:", "reveiw:")
    with pytest.raises(ConfigurationError) as caught:
        load_program(write(tmp_path, text))
    shown = "\n".join(str(finding) for finding in caught.value.findings)
    assert "program.yaml:9:3" in shown
    assert "unknown key `reveiw`" in shown
    assert "did you mean `review`?" in shown


def test_names_that_lead_nowhere_are_all_reported(tmp_path: Path) -> None:
    text = (
        REFERENCE.replace("training: services", "training: servces")
        .replace("Platinum: 25", "Platinium: 25")
        .replace("time_zone: UTC", "time_zone: UTC\nforecast: {probability: {launched: 100}}")
    )
    with pytest.raises(ConfigurationError) as caught:
        load_program(write(tmp_path, text))
    messages = [finding.message for finding in caught.value.findings]
    assert messages == [
        "there is no category `servces`",
        "there is no tier `Platinium`",
        "`launched` is an end, it has no probability",
    ]
    assert all("program.yaml:" in finding.where for finding in caught.value.findings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("a: [1", "not valid YAML"),
        ("version: x", "`name` is missing"),
        (REFERENCE.replace("time_zone: UTC", "time_zone: Mars/North"), "is not a time zone"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_program(write(tmp_path, text))
    assert words in "\n".join(str(finding) for finding in caught.value.findings)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_program(tmp_path / "none.yaml")
    assert "none.yaml" in caught.value.findings[0].where


def test_a_fiscal_calendar_is_read(tmp_path: Path) -> None:
    text = (
        REFERENCE + "forecast:\n  calendar:\n    pattern: 4-4-5\n    first_day: 2026-02-02\n"
        "    long_years: [2028]\n    named: start\n"
    )
    read = load_program(write(tmp_path, text)).forecast
    assert read.probability == REFERENCE_PROGRAM.forecast.probability
    assert read.calendar == FiscalCalendar(
        Pattern.FOUR_FOUR_FIVE,
        first_day=date(2026, 2, 2),
        long_years=frozenset({2028}),
        named=Named.START,
    )


@pytest.mark.parametrize(
    ("calendar", "words"),
    [
        ("pattern: 4-4-5", "program.yaml:23:5  `4-4-5` needs `first_day`"),
        ("first_day: 2026-02-02", "`first_day` means nothing in a calendar of months"),
        ("start_month: 13", "program.yaml:23:5"),
        ("pattern: weekly", "program.yaml:23:5"),
    ],
)
def test_a_calendar_at_odds_with_itself_is_told(tmp_path: Path, calendar: str, words: str) -> None:
    text = f"{REFERENCE}forecast:\n  calendar:\n    {calendar}\n"
    with pytest.raises(ConfigurationError) as caught:
        load_program(write(tmp_path, text))
    assert words in "\n".join(str(finding) for finding in caught.value.findings)


def test_rates_are_read_and_those_that_lead_nowhere_are_told(tmp_path: Path) -> None:
    good = "forecast:\n  currency: EUR\n  rates:\n    2026-01-01: {USD: 0.92, JPY: 0.0061}\n"
    rates = load_program(write(tmp_path, REFERENCE + good)).forecast.rates
    assert rates == Rates(
        "EUR", {date(2026, 1, 1): {"USD": Decimal("0.92"), "JPY": Decimal("0.0061")}}
    )
    for text, words in (
        (good.replace("USD: 0.92", "EUR: 1, XXY: 2"), "`XXY` is not a currency"),
        (good.replace("USD: 0.92", "EUR: 1"), "`EUR` is the currency of the forecast"),
        (good.replace("  currency: EUR\n", ""), "`rates` need `currency`"),
        (good.replace("0.92", "-1"), "program.yaml:24:"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            load_program(write(tmp_path, REFERENCE + text))
        assert words in "\n".join(str(finding) for finding in caught.value.findings)
