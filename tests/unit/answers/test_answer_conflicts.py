import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prmsync.answers import conflicts
from prmsync.answers.conflicts import check_conflicts, resolve
from prmsync.domain.conflict import Resolution
from prmsync.errors import NotFoundError, StateError
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.service.sample import SampleProgram
from prmsync.store import tables
from prmsync.store.database import Database

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
Fetch = Callable[..., list[Any]]
Add = Callable[..., str]
PROGRAM = REFERENCE_PROGRAM


@pytest.fixture
def pair(add: Add) -> None:
    """Two partners after one customer, and a direct deal with it."""
    add("partner", "p1")
    add("partner", "p2")
    early, late = NOW - timedelta(days=3), NOW - timedelta(days=2)
    add("registration", "DR-1", partner="p1", review_state="submitted", submitted_at=early)
    add("registration", "DR-2", partner="p2", review_state="submitted", submitted_at=late)


def test_the_check_saves_the_samples_conflicts_and_marks_their_records(
    sampled: Database, sample: SampleProgram, fetch: Fetch
) -> None:
    report = check_conflicts(sampled, PROGRAM, NOW)
    assert (report.opened, report.kept, report.lapsed) == (len(sample.planted), 0, 0)
    kinds = Counter(row.kind for row in fetch(tables.channel_conflict))
    assert kinds == Counter(p.kind for p in sample.planted)
    marked = {r.number for r in fetch(tables.registration, tables.registration.c.conflict)}
    numbers = {n for p in sample.planted for n in (p.registration, p.other) if n.startswith("DR-")}
    assert marked == numbers
    opportunities = fetch(tables.opportunity, tables.opportunity.c.conflict)
    direct = {o.id for o in opportunities if o.source == "direct"}
    assert direct == {p.other for p in sample.planted if p.kind == "C2"}
    assert all(o.conflict_kind and o.conflict_reason for o in opportunities)


def test_a_second_check_changes_nothing(sampled: Database, fetch: Fetch) -> None:
    check_conflicts(sampled, PROGRAM, NOW)
    before = fetch(tables.channel_conflict)
    with sampled.read() as connection:
        changes = connection.exec_driver_sql("SELECT count(*) FROM change_log").scalar()
    report = check_conflicts(sampled, PROGRAM, NOW + timedelta(hours=1))
    assert (report.opened, report.lapsed, report.marked) == (0, 0, 0)
    assert fetch(tables.channel_conflict) == before
    with sampled.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM change_log").scalar() == changes


@pytest.mark.usefixtures("pair")
def test_evidence_rule_version_and_clock_are_stored(database: Database, fetch: Fetch) -> None:
    check_conflicts(database, PROGRAM, NOW)
    (row,) = fetch(tables.channel_conflict)
    assert (row.kind, row.severity, row.status, row.score) == ("C1", "high", "open", 100)
    assert (row.rule_version, row.opened_at) == ("2026.2", NOW)
    assert json.loads(row.evidence)["evidence"][0] == ["domain", "northwind.example", 100]


@pytest.mark.usefixtures("pair")
def test_a_conflict_whose_evidence_has_gone_is_closed_with_its_reason(
    database: Database, fetch: Fetch
) -> None:
    check_conflicts(database, PROGRAM, NOW)
    _set_state(database, "DR-1", "withdrawn")
    report = check_conflicts(database, PROGRAM, NOW + timedelta(hours=1))
    assert (report.lapsed, report.marked) == (1, 2)
    (row,) = fetch(tables.channel_conflict)
    assert (row.status, row.resolution) == ("resolved", "lapsed")
    assert row.resolved_why == "evidence has gone: DR-1 is withdrawn"
    assert not fetch(tables.registration, tables.registration.c.conflict)
    assert not fetch(tables.registration, tables.registration.c.conflict_reason.is_not(None))


@pytest.mark.usefixtures("pair")
def test_a_lapsed_conflict_tells_another_program_and_that_it_was_in_work(
    database: Database, fetch: Fetch
) -> None:
    check_conflicts(database, PROGRAM, NOW)
    conflicts.acknowledge(database, 1)
    _set_state(database, "DR-1", "withdrawn")
    check_conflicts(database, replace(PROGRAM, version="2027.1"), NOW)
    (row,) = fetch(tables.channel_conflict)
    assert row.resolved_why == (
        "evidence has gone: DR-1 is withdrawn; it was found by program 2026.2, now 2027.1 holds "
        "(somebody had taken it into work)"
    )


@pytest.mark.usefixtures("pair")
def test_a_lapsed_conflict_that_comes_back_is_a_new_one(database: Database, fetch: Fetch) -> None:
    for state in ("submitted", "withdrawn", "submitted"):
        _set_state(database, "DR-1", state)
        check_conflicts(database, PROGRAM, NOW)
    assert [row.status for row in fetch(tables.channel_conflict)] == ["resolved", "open"]


@pytest.mark.usefixtures("pair")
def test_a_persons_decision_is_never_touched_again(database: Database, fetch: Fetch) -> None:
    check_conflicts(database, PROGRAM, NOW)
    resolve(database, 1, Resolution.DISMISSED, "ana@vendor.example", "two sites", NOW)
    assert not fetch(tables.registration, tables.registration.c.conflict)
    report = check_conflicts(database, PROGRAM, NOW + timedelta(hours=1))
    assert (report.opened, report.settled) == (0, 1)
    _set_state(database, "DR-1", "withdrawn")
    check_conflicts(database, PROGRAM, NOW + timedelta(hours=2))
    (row,) = fetch(tables.channel_conflict)
    assert (row.resolution, row.resolved_by, row.resolved_why) == (
        "dismissed",
        "ana@vendor.example",
        "two sites",
    )


@pytest.mark.usefixtures("pair")
def test_only_open_conflicts_are_resolved_and_only_with_a_reason(database: Database) -> None:
    check_conflicts(database, PROGRAM, NOW)
    with pytest.raises(StateError, match="says why"):
        resolve(database, 1, Resolution.UPHELD_A, "ana", " ", NOW)
    with pytest.raises(StateError):
        resolve(database, 1, Resolution.LAPSED, "ana", "gone", NOW)
    resolve(database, 1, Resolution.UPHELD_A, "ana", "first", NOW)
    with pytest.raises(StateError, match="is resolved"):
        resolve(database, 1, Resolution.UPHELD_B, "ana", "no", NOW)
    with pytest.raises(NotFoundError):
        resolve(database, 99, Resolution.UPHELD_B, "ana", "no", NOW)


@pytest.mark.usefixtures("pair")
def test_a_registrations_own_opportunity_shows_the_conflict_too(
    database: Database, add: Add, fetch: Fetch
) -> None:
    add("opportunity", "o1", customer_domain=None, partner="p1")
    with database.begin() as connection:
        table = tables.registration
        connection.execute(table.update().where(table.c.id == "DR-1").values(opportunity="o1"))
    check_conflicts(database, PROGRAM, NOW)
    (own,) = fetch(tables.opportunity)
    assert (own.conflict, own.conflict_kind) == (True, "C1")


@pytest.mark.usefixtures("pair")
def test_the_worst_conflict_marks_a_record_and_changed_evidence_is_refreshed(
    database: Database, add: Add, fetch: Fetch
) -> None:
    add("opportunity", "o1")
    check_conflicts(database, PROGRAM, NOW)
    by_number = {r.number: r for r in fetch(tables.registration)}
    assert by_number["DR-1"].conflict_kind == "C1"
    assert len(fetch(tables.channel_conflict)) == 3
    with database.begin() as connection:
        table = tables.registration
        connection.execute(table.update().values(product_lines="backup;firewall"))
    report = check_conflicts(database, PROGRAM, NOW)
    assert (report.kept, report.opened) == (3, 0)
    reasons = [c.reason for c in fetch(tables.channel_conflict) if c.kind == "C1"]
    assert "backup, firewall" in reasons[0]


@pytest.mark.usefixtures("pair")
def test_an_acknowledged_conflict_stays_live(database: Database, fetch: Fetch) -> None:
    check_conflicts(database, PROGRAM, NOW)
    conflicts.acknowledge(database, 1)
    assert check_conflicts(database, PROGRAM, NOW).kept == 1
    assert fetch(tables.channel_conflict)[0].status == "acknowledged"
    assert [c.id for c in conflicts.list_conflicts(database)] == [1]


def _set_state(database: Database, number: str, state: str) -> None:
    table = tables.registration
    with database.begin() as connection:
        connection.execute(
            table.update().where(table.c.number == number).values(review_state=state)
        )
