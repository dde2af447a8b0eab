"""A brake says who or what caused the writes it holds, and holds nobody else's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prmsync.domain.merge import OnDelete, Policy, Writes
from prmsync.domain.values import Values
from prmsync.reconcile.brakes import Limits
from prmsync.store import journal, links, runs, tallies
from prmsync.store.journal import ActionState
from prmsync.store.runs import RunState
from prmsync.sync import run
from prmsync.sync.session import Session
from prmsync.sync.verify import verify

COUNT = 12
STRICT = Limits(absolute=5, percent=10, creates=5, deletes=5, ends=5, blanks=5, regressions=5)


@pytest.fixture
def strict(world: Any) -> Any:
    """Brakes that twelve records trip."""
    limits = replace_limits(STRICT)
    world.alter = lambda mapping: replace(mapping, brakes=limits)
    return world


def replace_limits(limits: Limits) -> Any:
    from prmsync.mapping.model import BrakeLimits

    return BrakeLimits(*(getattr(limits, name) for name in Limits.__dataclass_fields__))


@pytest.fixture
def deals(strict: Any, partner_values: Values) -> list[str]:
    """Twelve deals that both sides have."""
    strict.insert("partner", partner_values)
    made = [
        strict.insert(
            "opportunity",
            {
                "name": f"Deal {at:02}",
                "stage": "qualified",
                "amount": "1000.00",
                "currency": "EUR",
                "close_date": "2026-12-20",
                "source": "fair",
            },
        )
        for at in range(COUNT)
    ]
    strict.settle("crm")
    strict.wait(700)
    strict.settle("crm")
    return made


def rows_of_crm(crm: Any) -> list[Any]:
    return sorted(crm.rows("opportunity"), key=lambda row: row[crm.words["deal_name"]])


def move_all(world: Any, crm: Any, **values: Any) -> None:
    for row in rows_of_crm(crm):
        crm.change("opportunity", row[crm.words["id"]], **values)
    world.wait(60)


def trips_of(report: Any) -> dict[tuple[str, str], str]:
    return {(one.cell.op, one.cell.field): one.cell.cause for one in report.trips}


def held_causes(world: Any, run_id: int) -> set[str | None]:
    with world.database.read() as connection:
        page = journal.page(connection, run_id, [ActionState.WAITING])
    return {one.cause for one in page}


def test_a_mass_edit_in_the_crm_names_who_made_it_and_lets_our_edits_go(
    strict: Any, crm: Any, deals: list[str]
) -> None:
    move_all(strict, crm, source="import of leads")
    strict.insert("opportunity", {"name": "Ours", "close_date": "2026-12-20"})
    report = strict.sync("crm")
    assert set(trips_of(report)) == {("update", "source")}
    assert trips_of(report)["update", "source"].startswith("crm")
    assert held_causes(strict, report.waiting_run) == set(trips_of(report).values())
    assert "Ours" in {row[crm.words["deal_name"]] for row in rows_of_crm(crm)}
    assert {strict.ours("opportunity", one)["source"] for one in deals} == {"fair"}


def test_stages_that_go_back_in_mass_wait_even_within_the_limit_of_the_field(
    strict: Any, crm: Any, deals: list[str]
) -> None:
    move_all(strict, crm, stage=crm.words["negotiation"])
    strict.settle("crm")
    wide = replace_limits(replace(STRICT, absolute=1000))
    strict.alter = lambda mapping: replace(mapping, brakes=wide)
    strict.sync("crm")
    strict.wait(700)
    strict.settle("crm")
    move_all(strict, crm, stage=crm.words["qualified"])
    report = strict.sync("crm")
    assert set(trips_of(report)) == {("back", "stage")}
    stages = {strict.ours("opportunity", one)["stage"] for one in deals}
    assert stages != {"qualified"}


def test_values_that_are_cleared_in_mass_wait(strict: Any, crm: Any, deals: list[str]) -> None:
    for one in deals:
        strict.edit("opportunity", one, {"source": None})
    report = strict.sync("crm")
    assert ("blank", "source") in trips_of(report)
    assert {row[crm.words["source"]] for row in rows_of_crm(crm)} == {"fair"}


def test_records_that_go_from_one_side_in_mass_keep_their_links_until_someone_answers(
    strict: Any, crm: Any, deals: list[str]
) -> None:
    strict.remove("opportunity", *deals)
    report = strict.sync("crm")
    assert trips_of(report) == {("end", ""): "gone_prm", ("empty", ""): "gone_prm"}
    with strict.session("crm") as session, strict.database.read() as connection:
        states = tallies.count_by_state(connection, session.streams["opportunity"].id)
    assert states == {"live": COUNT}
    with strict.session("crm") as session:
        assert run.apply(session, report.waiting_run).state == "done"
    with strict.session("crm") as session, strict.database.read() as connection:
        states = tallies.count_by_state(connection, session.streams["opportunity"].id)
    assert states == {"ended": COUNT}
    assert len(rows_of_crm(crm)) == COUNT


def test_deletions_that_would_be_propagated_in_mass_wait(
    strict: Any, crm: Any, deals: list[str]
) -> None:
    limits = replace_limits(STRICT)
    strict.alter = lambda mapping: replace(mapping, brakes=limits, on_delete=OnDelete.PROPAGATE)
    strict.remove("opportunity", *deals)
    report = strict.sync("crm")
    assert trips_of(report) == {("delete", ""): "gone_prm", ("empty", ""): "gone_prm"}
    assert len(rows_of_crm(crm)) == COUNT


def test_a_mapping_that_says_something_else_is_the_cause_of_what_it_leads_to(
    strict: Any, crm: Any, deals: list[str]
) -> None:
    """Held differences that a new policy decides are the mapping's doing, not an edit's."""
    for at, one in enumerate(deals):
        strict.edit("opportunity", one, {"source": f"ours {at}"})
    for at, row in enumerate(rows_of_crm(crm)):
        crm.change("opportunity", row[crm.words["id"]], source=f"theirs {at}")
    strict.wait(60)
    assert strict.sync("crm").held == COUNT
    limits = replace_limits(STRICT)

    def ours_wins(mapping: Any) -> Any:
        altered = replace(mapping, brakes=limits)
        if mapping.stream != "opportunity":
            return altered
        name = next(key for key, one in mapping.groups.items() if "source" in one.members)
        group = replace(mapping.groups[name], policy=Policy.PRM)
        return replace(altered, groups={**mapping.groups, name: group})

    strict.alter = ours_wins
    report = strict.sync("crm")
    assert trips_of(report) == {("update", "source"): "mapping"}


def test_a_brake_counts_over_all_rounds_of_a_run(
    strict: Any, crm: Any, deals: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six edits come while the first five are written: eleven of one cause in one run."""
    for one in deals[:5]:
        strict.edit("opportunity", one, {"source": "first"})
    waiting = list(deals[5:])
    apply_crm = run.apply_crm

    def meanwhile(session: Session, *args: Any) -> Any:
        done = apply_crm(session, *args)
        while waiting:
            strict.edit("opportunity", waiting.pop(), {"source": "second"})
        with strict.database.begin() as connection:
            stream = session.streams["opportunity"]
            links.set_dirty(connection, dirty_ids(connection, stream.id, deals[5:]), 1)
        return done

    monkeypatch.setattr(run, "apply_crm", meanwhile)
    report = strict.sync("crm")
    monkeypatch.undo()
    assert trips_of(report) == {("update", "source"): "prm"}
    sources = [row[crm.words["source"]] for row in rows_of_crm(crm)]
    assert (sources.count("first"), sources.count("second")) == (5, 0)


def dirty_ids(connection: Any, stream_id: int, prm_ids: list[str]) -> list[int]:
    return [one.id for one in links.by_prm_ids(connection, stream_id, prm_ids).values()]


def test_a_write_that_is_decided_twice_in_a_run_counts_once(
    strict: Any, crm: Any, deals: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard finds that records moved in the CRM; they are decided again in the next round."""
    for one in deals[:5]:
        strict.edit("opportunity", one, {"source": "ours"})
    apply_crm = run.apply_crm
    moved = []

    def meanwhile(session: Session, *args: Any) -> Any:
        if not moved:
            moved.extend(rows_of_crm(crm)[:4])
            for row in moved:
                crm.change("opportunity", row[crm.words["id"]], close_date=later(crm))
            strict.wait(5)
        return apply_crm(session, *args)

    def later(crm: Any) -> Any:
        return crm.words["day"].format("2027-01-15")

    monkeypatch.setattr(run, "apply_crm", meanwhile)
    report = strict.sync("crm")
    assert report.trips == []
    sources = [row[crm.words["source"]] for row in rows_of_crm(crm)]
    assert sources.count("ours") == 5


def test_edits_that_come_while_others_wait_join_the_one_run_that_waits(
    strict: Any, crm: Any, deals: list[str]
) -> None:
    for one in deals[:8]:
        strict.edit("opportunity", one, {"source": "mass"})
    first = strict.sync("crm")
    for one in deals[8:]:
        strict.edit("opportunity", one, {"source": "mass"})
    second = strict.sync("crm")
    assert second.waiting_run == first.run_id
    assert [(one.count, one.cell.field) for one in second.waiting] == [(COUNT, "source")]
    third = strict.sync("crm")
    assert (third.counts, third.waiting_run) == ({}, first.run_id)
    with strict.database.read() as connection:
        assert len(runs.in_state(connection, "crm", RunState.WAITING)) == 1


def test_shadow_mode_writes_its_plan_once(strict: Any, crm: Any, deals: list[str]) -> None:
    """What did not move is not planned anew; what moves joins the plan that stands."""
    for one in deals[:3]:
        strict.edit("opportunity", one, {"source": "shadow"})
    first = strict.sync("crm", writes=Writes.NONE)
    before = journal_rows(strict)
    second = strict.sync("crm", writes=Writes.NONE)
    assert journal_rows(strict) == before
    assert second.run_id == first.run_id
    strict.edit("opportunity", deals[0], {"source": "moved on"})
    third = strict.sync("crm", writes=Writes.NONE)
    assert (third.run_id, journal_rows(strict)) == (first.run_id, before + 1)
    assert third.counts["opportunity/crm/update/planned"] == 3
    strict.settle("crm")
    sources = [row[crm.words["source"]] for row in rows_of_crm(crm)]
    assert (sources.count("shadow"), sources.count("moved on")) == (2, 1)


def test_one_sided_writes_do_not_plan_the_other_side_again_and_again(
    strict: Any, crm: Any, deals: list[str]
) -> None:
    strict.edit("opportunity", deals[0], {"source": "ours"})
    strict.sync("crm", writes=Writes.PRM)
    before = journal_rows(strict)
    strict.sync("crm", writes=Writes.PRM)
    assert journal_rows(strict) == before
    strict.settle("crm")
    assert "ours" in {row[crm.words["source"]] for row in rows_of_crm(crm)}


def journal_rows(world: Any) -> int:
    with world.database.read() as connection:
        return journal.last_id(connection)


def test_verify_counts_anew_and_puts_wrong_counters_right(
    strict: Any, crm: Any, deals: list[str]
) -> None:
    with strict.session("crm") as session, strict.database.begin() as connection:
        stream = session.streams["opportunity"]
        tallies.mend(connection, stream.id, tallies.Tally(1, 2, 3))
    with strict.session("crm") as session:
        found = {one.stream: one.counters for one in verify(session)}
    assert "1 linked" in found["opportunity"][0]
    assert f"there are {COUNT}" in found["opportunity"][0]
    assert found["partner"] == []
    with strict.session("crm") as session:
        assert not any(one.counters for one in verify(session))
