"""Records in canonical values: what is written reads back, and bad rows do not stop good ones."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from prmsync.domain.values import PrmId, Values
from prmsync.mapping.fields import CATALOGUE
from prmsync.store import records
from prmsync.store.bulk import BATCH
from prmsync.store.columns import COLUMNS
from prmsync.store.database import Database
from prmsync.store.row_checks import RowProblem
from prmsync.store.tables import PRM_TABLES, margin_entry, opportunity, partner, tier

FULL: dict[str, Values] = {
    "partner": {
        "name": "Acme Réseau",
        "domain": "acme.example",
        "duns": "123456789",
        "country": "FR",
        "types": "msp;reseller",
        "status": "suspended",
        "tier": "Gold",
        "partner_manager": "ann@vendor.example",
        "created_at": "2024-02-29T23:59:59.999Z",
        "distributor": "p",
        "forecast_amount": "12.30",
        "forecast_currency": "EUR",
        "forecast_period": "2026Q4",
    },
    "opportunity": {
        "number": "O-1",
        "name": "Firewalls",
        "partner": "p",
        "customer_name": "Initech",
        "customer_domain": "initech.example",
        "customer_duns": "987654321",
        "customer_country": "US",
        "product_lines": "backup;firewall",
        "stage": "qualified",
        "amount": "48000.00",
        "currency": "EUR",
        "close_date": "2026-11-22",
        "loss_reason": "price",
        "owner": "bob@vendor.example",
        "source": "partner",
        "registered": True,
        "protected_until": "2026-12-31T23:59:59.000Z",
        "conflict": True,
        "conflict_kind": "C2",
        "conflict_reason": "line one\nline two",
        "home": "hubspot",
        "last_activity_at": "2026-11-01T00:00:00.000Z",
        "created_at": "2026-10-01T08:00:00.120Z",
        "forecast_chance": "40",
        "forecast_amount": "12.30",
        "forecast_period": "2026Q4",
    },
    "registration": {
        "number": "R-1",
        "partner": "p",
        "distributor": "p2",
        "opportunity": "o",
        "customer_name": "Initech",
        "customer_domain": "initech.example",
        "customer_duns": "987654321",
        "customer_country": "US",
        "customer_contact": "cid@initech.example",
        "product_lines": "firewall",
        "amount": "-0.50",
        "currency": "USD",
        "expected_close": "2027-01-31",
        "review_state": "approved",
        "reason": "fine",
        "outcome": "won",
        "submitted_at": "2026-11-20T09:14:00.001Z",
        "due_at": "2026-11-22T09:14:00.000Z",
        "approved_at": "2026-11-21T09:14:00.000Z",
        "protected_until": "2027-01-20T22:59:59.000Z",
        "extensions": "1",
        "conflict": False,
        "conflict_kind": "C1",
        "conflict_reason": "first come",
        "margin": "12000.00",
        "margin_currency": "EUR",
        "created_at": "2026-11-20T09:00:00.000Z",
    },
    "relation": {
        "opportunity": "o",
        "partner": "p",
        "role": "reseller",
        "attribution": "sourced",
        "split": "62.5",
    },
}
NEEDED: dict[str, Values] = {
    "partner": {"name": "Acme"},
    "opportunity": {"name": "Deal"},
    "registration": {"number": "R-1", "partner": "p"},
    "relation": {"opportunity": "o", "partner": "p", "role": "reseller"},
}
STREAMS = sorted(PRM_TABLES)


@pytest.fixture
def store(database: Database) -> Database:
    with database.begin() as db:
        db.execute(tier.insert().values(name="Gold", rank=2))
        db.execute(partner.insert(), [{"id": "p", "name": "P"}, {"id": "p2", "name": "P2"}])
        db.execute(opportunity.insert(), [{"id": "o", "name": "O"}, {"id": "o2", "name": "O2"}])
    return database


def insert(store: Database, stream: str, **rows: Values) -> list[RowProblem]:
    with store.begin() as db:
        return records.insert(db, stream, [(PrmId(key), row) for key, row in rows.items()])


def update(store: Database, stream: str, **rows: Values) -> list[RowProblem]:
    with store.begin() as db:
        return records.update(db, stream, [(PrmId(key), row) for key, row in rows.items()])


def read(store: Database, stream: str, *ids: str) -> dict[str, Values]:
    with store.read() as db:
        return records.read(db, stream, ids)


def execute(store: Database, statement: str) -> None:
    with store.begin() as db:
        db.execute(sa.text(statement))


@pytest.mark.parametrize("stream", STREAMS)
def test_every_field_reads_back_as_it_was_written(store: Database, stream: str) -> None:
    assert set(FULL[stream]) == set(COLUMNS[stream])
    assert insert(store, stream, x=FULL[stream]) == []
    assert read(store, stream, "x", "unknown") == {"x": FULL[stream]}


@pytest.mark.parametrize("stream", STREAMS)
def test_a_new_record_with_only_what_it_needs_gets_defaults(store: Database, stream: str) -> None:
    assert insert(store, stream, x=NEEDED[stream]) == []
    defaults = {name: column.default for name, column in COLUMNS[stream].items()}
    assert read(store, stream, "x") == {"x": {**defaults, **NEEDED[stream]}}


@pytest.mark.parametrize("stream", STREAMS)
def test_an_update_sets_the_named_field_and_no_other(store: Database, stream: str) -> None:
    insert(store, stream, x=NEEDED[stream])
    expected = read(store, stream, "x")["x"]
    for name, value in FULL[stream].items():
        assert update(store, stream, x={name: value}) == []
        expected[name] = value
        assert read(store, stream, "x") == {"x": expected}, name


def test_the_streams_fields_are_those_that_mappings_may_name() -> None:
    for stream, fields in CATALOGUE.items():
        assert set(fields) <= set(COLUMNS[stream])
        for name, field in fields.items():
            column = COLUMNS[stream][name]
            needs_value = column.required and column.default is None
            assert needs_value == field.required, (stream, name)


@pytest.mark.parametrize(
    ("currency", "amount", "canonical"),
    [
        ("EUR", "48000", "48000.00"),
        ("EUR", "48000.5", "48000.50"),
        ("EUR", "1.125", "1.125"),
        ("EUR", "1.1200", "1.12"),
        ("EUR", "-0.00", "0.00"),
        ("JPY", "48000.0", "48000"),
        ("BHD", "1.5", "1.500"),
        ("CLF", "1.5", "1.5000"),
        (None, "7", "7.00"),
    ],
)
def test_money_reads_at_its_currencys_minor_unit_and_is_never_cut(
    store: Database, currency: str | None, amount: str, canonical: str
) -> None:
    values: Values = {"name": "Deal", "amount": amount, "currency": currency}
    assert insert(store, "opportunity", x=values) == []
    assert read(store, "opportunity", "x")["x"]["amount"] == canonical


def test_blank_text_is_none_on_both_ways(store: Database) -> None:
    insert(store, "opportunity", x={"name": "Deal", "owner": "", "source": " \n "})
    execute(store, "UPDATE opportunity SET number = '  ', loss_reason = ''")
    found = read(store, "opportunity", "x")["x"]
    assert [found[name] for name in ("owner", "source", "number", "loss_reason")] == [None] * 4


def test_values_that_another_program_wrote_read_as_canonical(store: Database) -> None:
    with store.begin() as db:
        db.execute(
            opportunity.insert().values(
                id="x",
                name="Two\r\nlines",
                product_lines=" firewall; backup;",
                amount=Decimal("5"),
                currency="EUR",
                created_at=datetime(2026, 1, 1, 1, 2, 3, 4567, UTC),
            )
        )
    found = read(store, "opportunity", "x")["x"]
    assert found["name"] == "Two\nlines"
    assert found["product_lines"] == "backup;firewall"
    assert found["amount"] == "5.00"
    assert found["created_at"] == "2026-01-01T01:02:03.004Z"


BAD: list[tuple[str, str, object, str]] = [
    ("opportunity", "amount", "12,50", "plain decimal"),
    ("opportunity", "amount", "1.00001", "plain decimal"),
    ("opportunity", "amount", "1" * 17, "plain decimal"),
    ("opportunity", "amount", "NaN", "plain decimal"),
    ("opportunity", "amount", True, "plain decimal"),
    ("opportunity", "close_date", "22.11.2026", "a date"),
    ("opportunity", "close_date", "2026-02-30", "a date"),
    ("opportunity", "close_date", True, "a date"),
    ("opportunity", "created_at", "2026-11-22T09:14:00.000", "a UTC time"),
    ("opportunity", "created_at", "yesterday", "a UTC time"),
    ("opportunity", "registered", "yes", "true or false"),
    ("opportunity", "stage", "Closed Won", "'Closed Won' is not one of business_validation"),
    ("opportunity", "stage", None, "may not be blank"),
    ("opportunity", "name", "", "may not be blank"),
    ("opportunity", "name", False, "not text"),
    ("opportunity", "name", "nul \0", "no database stores"),
    ("opportunity", "name", "half \ud800", "no database stores"),
    ("opportunity", "partner", "nobody", "there is no partner nobody"),
    ("opportunity", "colour", "red", "no such field"),
    ("registration", "extensions", "1.5", "a whole number"),
    ("registration", "opportunity", "nothing", "there is no opportunity nothing"),
    ("partner", "tier", "Tin", "there is no tier Tin"),
    ("partner", "types", "reseller;pirate", "'reseller;pirate' is not one of affiliate"),
    ("relation", "split", "half", "plain decimal"),
]


@pytest.mark.parametrize(("stream", "name", "value", "message"), BAD)
def test_a_bad_value_is_told_for_its_row_and_the_others_are_updated(
    store: Database, stream: str, name: str, value: str, message: str
) -> None:
    other = {"number": "R-2"} if stream == "registration" else {}
    other |= {"partner": "p2"} if stream == "relation" else {}
    assert insert(store, stream, x=NEEDED[stream], y={**NEEDED[stream], **other}) == []
    before = read(store, stream, "x")
    good = next((n for n in FULL[stream] if n not in (name, "number", "partner", "role")), "")
    good_value = FULL[stream][good]
    (problem,) = update(store, stream, x={name: value}, y={good: good_value})
    assert (problem.id, problem.field) == ("x", name)
    assert message in problem.message
    assert read(store, stream, "x") == before
    assert read(store, stream, "y")["y"][good] == good_value


def test_rows_of_one_batch_are_judged_one_by_one(store: Database) -> None:
    problems = insert(
        store,
        "registration",
        a={"number": "R-1", "partner": "p", "amount": "1.00"},
        b={"number": "R-2", "partner": "nobody", "amount": "much"},
        c={"number": None, "partner": "p", "amount": "3.00"},
        d={"number": "R-1", "partner": "p", "amount": "4.00"},
        e={"number": "R-5", "partner": "p2", "amount": "5.00"},
    )
    told = [(p.id, p.field) for p in problems]
    assert sorted(told) == [("b", "amount"), ("b", "partner"), ("c", "number"), ("d", "number")]
    assert set(read(store, "registration", *"abcde")) == {"a", "e"}


def test_a_required_field_that_is_not_named_is_told(store: Database) -> None:
    (problem,) = insert(store, "opportunity", x={"owner": "ann@vendor.example"})
    assert (problem.field, problem.message) == ("name", "is missing")
    assert read(store, "opportunity", "x") == {}


def test_a_blank_that_has_a_default_takes_it_on_creation(store: Database) -> None:
    values: Values = {"name": "Deal", "stage": None, "registered": None}
    assert insert(store, "opportunity", x=values) == []
    found = read(store, "opportunity", "x")["x"]
    assert (found["stage"], found["registered"]) == ("prospect", False)


def test_an_id_that_exists_or_comes_twice_is_told(store: Database) -> None:
    (problem,) = insert(store, "partner", p={"name": "Again"})
    assert "exists already" in problem.message
    twice = [(PrmId("x"), {"name": "One"}), (PrmId("x"), {"name": "Two"})]
    with store.begin() as db:
        (problem,) = records.insert(db, "partner", twice)
    assert "exists already" in problem.message
    assert read(store, "partner", "x")["x"]["name"] == "One"


def test_an_update_of_a_record_that_is_gone_is_told(store: Database) -> None:
    (problem,) = update(store, "partner", x={"name": "Ghost"}, p={"name": "Real"})
    assert (problem.id, problem.field) == ("x", "")
    assert "does not exist" in problem.message
    assert read(store, "partner", "p")["p"]["name"] == "Real"


def test_a_number_or_role_that_another_record_has_is_told(store: Database) -> None:
    insert(store, "registration", a={"number": "R-1", "partner": "p"})
    insert(store, "registration", b={"number": "R-2", "partner": "p"})
    (problem,) = update(store, "registration", b={"number": "R-1"})
    assert "number R-1 belongs to a already" in problem.message
    assert update(store, "registration", b={"number": "R-2"}) == []
    row: Values = {"opportunity": "o", "partner": "p", "role": "reseller"}
    insert(store, "relation", c=row, d={**row, "partner": "p2"})
    (problem,) = update(store, "relation", d={"partner": "p"})
    assert "belongs to c already" in problem.message


def test_delete_leaves_what_others_refer_to_and_says_by_what(store: Database) -> None:
    insert(store, "registration", x=FULL["registration"])
    with store.begin() as db:
        (problem,) = records.delete(db, "partner", ["p", "unknown"])
        assert records.delete(db, "opportunity", ["o2"]) == []
    assert problem.id == "p"
    assert "1 registration record" in problem.message
    assert set(read(store, "opportunity", "o", "o2")) == {"o"}
    with store.begin() as db:
        assert records.delete(db, "registration", ["x"]) == []
        assert records.delete(db, "partner", ["p"]) == []
    assert read(store, "partner", "p") == {}


def test_delete_names_tables_that_are_no_stream(store: Database) -> None:
    insert(store, "registration", x=NEEDED["registration"])
    entry = margin_entry.insert().values(
        registration="x",
        kind="earned",
        amount=Decimal(1),
        currency="EUR",
        derivation="{}",
        program_version="1",
        entered_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    with store.begin() as db:
        db.execute(entry)
        (problem,) = records.delete(db, "registration", ["x"])
    assert "1 margin entry record" in problem.message


def test_full_reads_page_by_id_and_count(store: Database) -> None:
    rows = {f"x{n:04}": {"name": f"Partner {n}"} for n in range(2500)}
    assert insert(store, "partner", **rows) == []
    with store.read() as db:
        assert records.count(db, "partner") == 2502
        seen: list[str] = []
        while page := records.ids(db, "partner", seen[-1] if seen else "", 1000):
            seen.extend(page)
        paged = [key for page in records.pages(db, "partner", 500) for key in page]
    assert seen == paged == sorted([*rows, "p", "p2"])
    assert len(read(store, "partner", *rows)) == 2500


def test_a_page_boundary_at_the_end_gives_no_empty_page(store: Database) -> None:
    with store.read() as db:
        assert [len(page) for page in records.pages(db, "partner", 2)] == [2]


def test_nothing_to_do_is_fine(store: Database) -> None:
    assert insert(store, "partner") == []
    assert update(store, "partner", p={}) == []
    assert read(store, "partner") == {}
    with store.begin() as db:
        assert records.delete(db, "relation", []) == []
        assert list(records.pages(db, "relation")) == []


def test_a_batch_above_the_chunk_size_is_written_whole(store: Database) -> None:
    rows: dict[str, Values] = {
        f"x{n:05}": {"number": f"R-{n}", "partner": "p"} for n in range(BATCH + 1)
    }
    assert insert(store, "registration", **rows) == []
    with store.read() as db:
        assert records.count(db, "registration") == BATCH + 1
