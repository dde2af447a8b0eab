from collections import Counter
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from prmsync.domain.customer import Customer, codes
from prmsync.domain.money import Money
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.registration import Registration, ReviewState
from prmsync.domain.stage import Stage
from prmsync.domain.values import PrmId
from prmsync.mapping.fields import CATALOGUE
from prmsync.program.conflicts import find_conflicts
from prmsync.service.sample import CrmRecord, SampleProgram, sample_program
from prmsync.service.sample_types import Row

TODAY = date(2026, 11, 22)
NOW = datetime.combine(TODAY, time(8), UTC)


@pytest.fixture(scope="module")
def sample() -> SampleProgram:
    return sample_program(7, TODAY)


def test_the_same_seed_and_day_give_the_same_program(sample: SampleProgram) -> None:
    assert sample_program(7, TODAY) == sample
    assert sample_program(8, TODAY) != sample


def test_it_has_believable_size(sample: SampleProgram) -> None:
    rows = sample.rows
    assert (len(rows["partner"]), len(rows["tier"])) == (40, 4)
    assert {p["tier"] for p in rows["partner"]} == {t["name"] for t in rows["tier"]}
    states = Counter(r["review_state"] for r in rows["registration"])
    assert set(states) == set(ReviewState)
    assert sum(states.values()) == 600
    direct = [r for r in sample.salesforce + sample.hubspot if r.values.get("source") == "direct"]
    assert len(direct) == 2000


def test_ids_and_numbers_are_unique(sample: SampleProgram) -> None:
    ids = [row["id"] for rows in sample.rows.values() for row in rows if "id" in row]
    assert len(set(ids)) == len(ids)
    assert len({r["number"] for r in sample.rows["registration"]}) == 600
    for side in (sample.salesforce, sample.hubspot):
        assert len({record.ref for record in side}) == len(side)


def test_references_lead_somewhere(sample: SampleProgram) -> None:
    rows = sample.rows
    partners = {p["id"] for p in rows["partner"]}
    opportunities = {o["id"] for o in rows["opportunity"]}
    for r in rows["registration"]:
        assert r["partner"] in partners
        assert r["opportunity"] in opportunities | {None}
    assert {d["opportunity"] for d in rows["deal_partner"]} <= opportunities
    people = {p["email"] for p in rows["person"]}
    assert {o["owner"] for o in rows["opportunity"]} <= people
    for side in (sample.salesforce, sample.hubspot):
        known = {record.ref for record in side}
        assert all(ref in known for record in side for ref in record.refs.values())


def test_nothing_is_in_the_future(sample: SampleProgram) -> None:
    for event in sample.rows["registration_event"]:
        assert event["at"] <= NOW
    for row in sample.rows["registration"]:
        assert row["created_at"] <= (row["submitted_at"] or NOW) <= NOW


def test_approved_registrations_have_a_registered_opportunity(sample: SampleProgram) -> None:
    by_id = {o["id"]: o for o in sample.rows["opportunity"]}
    approved = [r for r in sample.rows["registration"] if r["review_state"] == "approved"]
    for r in approved:
        opportunity = by_id[r["opportunity"]]
        assert opportunity["registered"]
        assert opportunity["partner"] == r["partner"]
        assert r["protected_until"] > NOW
    assert len(approved) >= 150


def test_every_crm_value_is_a_known_field(sample: SampleProgram) -> None:
    for record in sample.salesforce + sample.hubspot:
        assert set(record.values) | set(record.refs) <= set(CATALOGUE[record.stream])


def test_some_partners_are_in_the_crms_under_other_names(sample: SampleProgram) -> None:
    ours = {p["name"] for p in sample.rows["partner"]}
    theirs = [r.values["name"] for r in sample.salesforce if r.stream == "partner"]
    assert 15 < len(theirs) < 35
    assert 0 < len(set(theirs) - ours) < len(theirs)


def customer(row: Row) -> Customer:
    return Customer(*(row[f"customer_{part}"] for part in ("name", "domain", "duns", "country")))


def registration(row: Row) -> Registration:
    return Registration(
        id=row["id"],
        number=row["number"],
        partner=row["partner"],
        distributor=row["distributor"],
        opportunity=row["opportunity"],
        customer=customer(row),
        product_lines=codes(row["product_lines"]),
        review_state=ReviewState(row["review_state"]),
        submitted_at=row["submitted_at"],
        due_at=row["due_at"],
        approved_at=row["approved_at"],
        protected_until=row["protected_until"],
        created_at=row["created_at"],
    )


def opportunity(row: Row) -> Opportunity:
    return Opportunity(
        id=row["id"],
        name=row["name"],
        partner=row["partner"],
        customer=customer(row),
        product_lines=codes(row["product_lines"]),
        stage=Stage(row["stage"]),
        created_at=row["created_at"],
    )


def direct(record: CrmRecord) -> Opportunity:
    values = record.values
    return Opportunity(
        id=PrmId(record.ref),
        name=str(values["name"]),
        customer=customer(values),
        product_lines=codes(str(values["product_lines"])),
        stage=Stage(str(values["stage"])),
        amount=Money(Decimal(str(values["amount"])), str(values["currency"])),
        last_activity_at=datetime.fromisoformat(str(values["last_activity_at"])),
        created_at=datetime.fromisoformat(str(values["created_at"])),
    )


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_the_check_finds_the_planted_conflicts_and_nothing_else(seed: int) -> None:
    sample = sample_program(seed, TODAY)
    records = [r for r in sample.salesforce + sample.hubspot if r.values.get("source") == "direct"]
    registrations = [registration(row) for row in sample.rows["registration"]]
    opportunities = [opportunity(row) for row in sample.rows["opportunity"]]
    found = find_conflicts(registrations, [*opportunities, *map(direct, records)], NOW, "2026.2")
    number = {r.id: r.number for r in registrations}
    assert {
        (
            c.kind.value,
            number[c.registration],
            c.opportunity or number[PrmId(str(c.other_registration))],
        )
        for c in found
    } == {(p.kind, p.registration, p.other) for p in sample.planted}
    assert len(found) == 32
