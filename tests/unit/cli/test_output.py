"""Tables align, times read as people say them, JSON keeps exact values."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from prmsync.cli.output import ago, emit_json, moment, money, progress, say, table
from prmsync.errors import InputError

NOW = datetime(2026, 11, 22, 9, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (5, "5 s ago"),
        (12 * 60, "12 min ago"),
        (89 * 60, "89 min ago"),
        (3 * 3600, "3 h ago"),
        (47 * 3600, "2 days ago"),
        (-180, "in 3 min"),
    ],
)
def test_times_are_said_relative_to_now(seconds: int, text: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == text


def test_no_time_is_never() -> None:
    assert ago(None, NOW) == "never"


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("84000", "EUR", "84,000.00 EUR"),
        ("84000.0000", "EUR", "84,000.00 EUR"),
        ("-0.5", "USD", "-0.50 USD"),
        ("12.345", "EUR", "12.345 EUR"),
        ("1500", "JPY", "1,500 JPY"),
        ("1.5", "KWD", "1.500 KWD"),
        ("12", None, "12.00"),
    ],
)
def test_money_carries_its_currency_at_its_scale(
    amount: str, currency: str | None, text: str
) -> None:
    assert money(Decimal(amount), currency) == text


def test_an_absent_amount_is_a_dash() -> None:
    assert money(None, "EUR") == "–"


def test_columns_of_numbers_are_right_aligned_and_text_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table(
        ["number", "amount", "share"],
        [["DR-1", "84,000.00 EUR", 3], ["DR-1042", "5.00 EUR", None]],
    )
    assert capsys.readouterr().out.splitlines() == [
        "number          amount  share",
        "DR-1     84,000.00 EUR      3",
        "DR-1042       5.00 EUR      –",
    ]


def test_words_in_brackets_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    table(["name"], [["[red]Acme[/red]"]])
    say("[bold]x[/bold]")
    assert capsys.readouterr().out.splitlines() == ["name", "[red]Acme[/red]", "[bold]x[/bold]"]


def test_a_table_fits_100_columns_away_from_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table(["a", "b"], [["word " * 40, "word " * 40]])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


def test_names_are_shortened_where_a_table_is_too_wide_and_ids_never(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ident = "f889ba6c-4d92-46c1-b9ca-7a6382a11e85"
    rows = [[ident, "Ünternehmen " * 9, "Acme"], [ident, "Globex", "Acme " * 20]]
    table(["id", "partner", "customer"], rows, indent=2, shorten=("partner", "customer"))
    head, first, second = capsys.readouterr().out.splitlines()
    assert max(map(len, (head, first, second))) <= 100
    assert ident in first and ident in second
    assert first.count("…") == second.count("…") == 1
    assert first.endswith("  Acme") and "  Globex  " in second


def test_names_are_whole_where_there_is_room(capsys: pytest.CaptureFixture[str]) -> None:
    table(["id", "partner"], [["1", "P" * 90]], shorten=("partner",))
    assert "P" * 90 in capsys.readouterr().out


def test_a_printed_line_is_never_broken(capsys: pytest.CaptureFixture[str]) -> None:
    say("x" * 300)
    assert capsys.readouterr().out == "x" * 300 + "\n"


def test_json_keeps_decimals_exact_and_times_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    emit_json({"amount": Decimal("84000.00"), "at": NOW, "day": date(2026, 11, 22), "name": "Ü"})
    out = capsys.readouterr().out
    assert json.loads(out) == {
        "amount": "84000.00",
        "at": "2026-11-22T09:14:00.000Z",
        "day": "2026-11-22",
        "name": "Ü",
    }
    assert "Ü" in out


def test_times_in_tables_name_their_zone() -> None:
    assert moment(NOW) == "2026-11-22 09:14 UTC"
    assert moment(None) == "–"


def test_progress_away_from_a_terminal_leaves_stdout_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress("rows", 10) as advance:
        advance(10)
    assert capsys.readouterr().out == ""


def test_progress_does_not_swallow_errors() -> None:
    with pytest.raises(InputError), progress("rows") as advance:
        advance(1)
        raise InputError("bad row")
