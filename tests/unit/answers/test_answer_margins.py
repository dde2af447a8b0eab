import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from prmsync.answers.margins import (
    explain_margin,
    list_margins,
    margin_totals,
    recompute_margins,
)
from prmsync.domain.money import Money
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.service.sample import SampleProgram
from prmsync.store import tables
from prmsync.store.database import Database

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
PROGRAM = REFERENCE_PROGRAM
Fetch = Callable[..., list[Any]]
Add = Callable[..., str]


@pytest.fixture
def gold(add: Add) -> None:
    add("tier", "Gold")
    add("partner", "p1", tier="Gold")
    add(
        "registration",
        "DR-1",
        partner="p1",
        review_state="approved",
        approved_at=NOW - timedelta(days=4),
        protected_until=NOW + timedelta(days=56),
    )


def change(database: Database, **values: Any) -> None:
    with database.begin() as connection:
        connection.execute(tables.registration.update().values(values))


@pytest.mark.usefixtures("gold")
def test_a_margin_is_entered_with_its_derivation(database: Database, fetch: Fetch) -> None:
    report = recompute_margins(database, PROGRAM, NOW)
    assert (report.entered, report.adjusted, report.findings) == (1, 0, ())
    (entry,) = fetch(tables.margin_entry)
    assert (entry.kind, entry.amount, entry.currency) == ("margin", Decimal("12000.00"), "EUR")
    assert (entry.program_version, entry.entered_at) == ("2026.2", NOW)
    explained = explain_margin(database, "DR-1", PROGRAM, NOW)
    components = explained.entries[0].derivation["components"]
    assert [(c["rule"], c["rate"], c["amount"]) for c in components] == [
        ("tier", "20", "9600.00"),
        ("registration", "5", "2400.00"),
    ]
    assert explained.entries[0].derivation["vendor_net"] == "36000.00"
    (registration,) = fetch(tables.registration)
    assert (registration.margin, registration.margin_currency) == (Decimal("12000.00"), "EUR")


@pytest.mark.usefixtures("gold")
def test_recomputing_without_a_change_writes_nothing(database: Database, fetch: Fetch) -> None:
    recompute_margins(database, PROGRAM, NOW)
    before = fetch(tables.margin_entry)
    report = recompute_margins(database, PROGRAM, NOW + timedelta(hours=1))
    assert (report.entered, report.adjusted, report.unchanged) == (0, 0, 1)
    assert fetch(tables.margin_entry) == before


@pytest.mark.parametrize(
    ("values", "adjustment", "margin"),
    [
        ({"amount": Decimal("50000.00")}, "500.00", "12500.00"),
        ({"protected_until": NOW - timedelta(days=1)}, "-2400.00", "9600.00"),
        ({"review_state": "expired"}, "-12000.00", "0.00"),
        ({"review_state": "closed", "outcome": "lost"}, "-12000.00", "0.00"),
    ],
)
@pytest.mark.usefixtures("gold")
def test_a_recomputation_that_differs_enters_an_adjustment(
    database: Database, fetch: Fetch, values: dict[str, Any], adjustment: str, margin: str
) -> None:
    recompute_margins(database, PROGRAM, NOW)
    change(database, **values)
    assert recompute_margins(database, PROGRAM, NOW).adjusted == 1
    first, second = fetch(tables.margin_entry)
    assert (first.kind, first.amount) == ("margin", Decimal("12000.00"))
    assert (second.kind, second.amount) == ("adjustment", Decimal(adjustment))
    assert fetch(tables.registration)[0].margin == Decimal(margin)


@pytest.mark.usefixtures("gold")
def test_a_changed_currency_is_taken_back_and_entered_anew(
    database: Database, fetch: Fetch
) -> None:
    recompute_margins(database, PROGRAM, NOW)
    change(database, currency="USD")
    recompute_margins(database, PROGRAM, NOW)
    entries = [(e.amount, e.currency) for e in fetch(tables.margin_entry)]
    assert entries[1:] == [(Decimal("-12000.00"), "EUR"), (Decimal("12000.00"), "USD")]
    assert recompute_margins(database, PROGRAM, NOW).unchanged == 1


@pytest.mark.usefixtures("gold")
def test_the_linked_opportunitys_amount_and_day_of_the_win_count(
    database: Database, add: Add, fetch: Fetch
) -> None:
    won = date(2026, 11, 20)
    add("opportunity", "o1", amount=Decimal("80000.00"), close_date=won, stage="launched")
    change(database, opportunity="o1", distributor="p1", review_state="closed", outcome="won")
    recompute_margins(database, PROGRAM, NOW)
    (entry,) = fetch(tables.margin_entry)
    assert entry.amount == Decimal("20000.00")
    explained = explain_margin(database, "DR-1", PROGRAM, NOW)
    assert explained.basis.order_date == won
    assert explained.margin is not None
    assert explained.margin.vendor_net == Money(Decimal("56800.00"), "EUR")


@pytest.mark.usefixtures("gold")
def test_the_tier_is_that_of_the_order_date(database: Database, add: Add, fetch: Fetch) -> None:
    add("tier", "Silver", rank=2)
    row = {"partner": "p1", "tier": "Silver", "valid_from": date(2026, 1, 1)}
    add("membership", "m1", **row, valid_to=date(2026, 12, 31))
    recompute_margins(database, PROGRAM, NOW)
    assert fetch(tables.margin_entry)[0].amount == Decimal("9600.00")


@pytest.mark.usefixtures("gold")
def test_an_amount_is_shared_evenly_between_categories(database: Database, fetch: Fetch) -> None:
    change(database, product_lines="firewall;services")
    recompute_margins(database, PROGRAM, NOW)
    assert fetch(tables.margin_entry)[0].amount == Decimal("8400.00")


@pytest.mark.usefixtures("gold")
def test_what_cannot_be_computed_is_reported_and_the_others_go_on(
    database: Database, add: Add, fetch: Fetch
) -> None:
    add("tier", "Brass", rank=9)
    add("partner", "p2", tier="Brass")
    approved = {"review_state": "approved", "approved_at": NOW}
    add("registration", "DR-2", partner="p2", **approved)
    report = recompute_margins(database, PROGRAM, NOW)
    assert (report.entered, [f.where for f in report.findings]) == (1, ["DR-2"])
    assert "no tier 'Brass'" in report.findings[0].message


@pytest.mark.usefixtures("gold")
def test_why_nothing_is_earned_is_said(database: Database, add: Add) -> None:
    add("registration", "DR-3", partner="p1", review_state="submitted")
    explained = explain_margin(database, "DR-3", PROGRAM, NOW)
    assert (explained.margin, explained.basis.why_nothing) == (None, "it was never approved")
    change(database, amount=None)
    assert "no amount" in explain_margin(database, "DR-1", PROGRAM, NOW).basis.why_nothing


def test_the_samples_margins_stay_within_the_cap(
    sampled: Database, sample: SampleProgram, fetch: Fetch
) -> None:
    report = recompute_margins(sampled, PROGRAM, NOW)
    assert report.findings == ()
    listed = list_margins(sampled)
    assert len(listed) == report.entered > 200
    for registration, _ in listed:
        assert registration.margin is not None and registration.amount is not None
        assert 0 <= registration.margin.amount <= registration.amount.amount * 35 / 100
    assert [m.currency for m in margin_totals(listed)] == ["EUR", "USD"]


@pytest.mark.usefixtures("gold")
def test_two_recomputations_at_once_enter_a_margin_once(database: Database, fetch: Fetch) -> None:
    start = threading.Barrier(2)

    def compute() -> int:
        start.wait()
        return recompute_margins(database, PROGRAM, NOW).entered

    with ThreadPoolExecutor(2) as pool:
        entered = [pool.submit(compute) for _ in range(2)]
    assert sorted(one.result() for one in entered) == [0, 1]
    assert len(fetch(tables.margin_entry)) == 1
