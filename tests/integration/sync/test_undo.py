"""Undo: what a run wrote goes back where it still stands, and the next sync leaves it there."""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.errors import NotFoundError, StateError
from prmsync.reconcile.record import RECORD
from prmsync.store import held, journal, runs
from prmsync.store.journal import ActionState
from prmsync.sync import run, undo
from prmsync.sync.status import status

DEAL: Values = {
    "name": "Northwind firewall",
    "stage": "qualified",
    "amount": "48000.00",
    "currency": "EUR",
    "close_date": "2026-12-20",
    "customer_name": "Northwind GmbH",
}


@pytest.fixture
def deal(world: Any, partner_values: Values) -> str:
    """A registered deal with a reseller that both sides agree on; the opportunity's id."""
    partner = world.insert("partner", partner_values)
    opportunity = world.insert("opportunity", {**DEAL, "partner": partner})
    ends: Values = {"opportunity": opportunity, "partner": partner, "role": "reseller"}
    world.insert("relation", ends)
    world.insert(
        "registration",
        {
            "number": "DR-1",
            "partner": partner,
            "opportunity": opportunity,
            "amount": "48000.00",
            "currency": "EUR",
            "customer_name": "Northwind GmbH",
            "expected_close": "2026-12-20",
        },
    )
    world.settle("crm")
    world.wait(60)
    return str(opportunity)


def crm_id(crm: Any, stream: str = "opportunity") -> str:
    return str(crm.only(stream)[crm.words["id"]])


def waiting(world: Any) -> list[held.HeldItem]:
    with world.database.read() as connection:
        return [item for _, item in held.waiting_items(connection)]


def kept(world: Any, run_id: int) -> list[str]:
    with world.database.read() as connection:
        rows = journal.page(connection, run_id, [ActionState.KEPT])
    return [one.reason for one in rows]


def decide(world: Any, take: str) -> None:
    with world.database.begin() as connection:
        for _, item in held.waiting_items(connection):
            held.decide(connection, item.id, take, "dana", world.now())


def test_what_a_run_wrote_to_the_crm_goes_back_and_stays(world: Any, crm: Any, deal: str) -> None:
    world.edit("opportunity", deal, {"customer_name": "Wrong SE"})
    bad = world.sync("crm", release=True)
    report = world.undo("crm", bad.run_id)
    assert (report.state, report.held) == ("done", 1)
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Northwind GmbH"
    assert world.ours("opportunity", deal)["customer_name"] == "Wrong SE"
    assert world.settle("crm").counts == {}
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Northwind GmbH"
    (item,) = waiting(world)
    assert (item.kind, item.group) == (f"undone run {bad.run_id}", "customer")
    assert (item.base, item.prm[0], item.crm[0]) == (item.crm, "Wrong SE", "Northwind GmbH")


def test_what_a_run_wrote_to_the_partner_database_goes_back_and_stays(
    world: Any, crm: Any, deal: str
) -> None:
    crm.change("opportunity", crm_id(crm), source="Wrong fair")
    bad = world.sync("crm", release=True)
    assert world.ours("opportunity", deal)["source"] == "Wrong fair"
    world.undo("crm", bad.run_id)
    assert world.ours("opportunity", deal)["source"] is None
    assert world.settle("crm").counts == {}
    assert world.ours("opportunity", deal)["source"] is None
    assert [item.group for item in waiting(world)] == ["source"]


def test_no_undo_begins_of_a_run_that_wrote_nothing(world: Any, deal: str) -> None:
    quiet = world.sync("crm")
    with world.database.read() as connection:
        before = runs.recent(connection, None, 100)
    with pytest.raises(StateError, match="wrote nothing"):
        world.undo("crm", quiet.run_id)
    with world.database.read() as connection:
        assert runs.recent(connection, None, 100) == before


@pytest.mark.parametrize(("take", "expected"), [("prm", "Wrong SE"), ("crm", "Northwind GmbH")])
def test_who_decides_an_undone_field_has_the_last_word(
    world: Any, crm: Any, deal: str, take: str, expected: str
) -> None:
    world.edit("opportunity", deal, {"customer_name": "Wrong SE"})
    bad = world.sync("crm", release=True)
    world.undo("crm", bad.run_id)
    world.settle("crm")
    decide(world, take)
    world.settle("crm")
    assert world.ours("opportunity", deal)["customer_name"] == expected
    assert crm.only("opportunity")[crm.words["customer_name"]] == expected
    assert waiting(world) == []


def test_a_new_edit_of_an_undone_field_is_an_edit(world: Any, crm: Any, deal: str) -> None:
    world.edit("opportunity", deal, {"customer_name": "Wrong SE"})
    bad = world.sync("crm", release=True)
    world.undo("crm", bad.run_id)
    world.settle("crm")
    world.edit("opportunity", deal, {"customer_name": "Right AG"})
    world.settle("crm")
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Right AG"
    assert waiting(world) == []


def test_an_edit_of_another_field_leaves_an_undone_one_waiting(
    world: Any, crm: Any, deal: str
) -> None:
    world.edit("opportunity", deal, {"customer_name": "Wrong SE"})
    bad = world.sync("crm", release=True)
    world.undo("crm", bad.run_id)
    crm.change("opportunity", crm_id(crm), source="fair")
    world.settle("crm")
    assert world.ours("opportunity", deal)["source"] == "fair"
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Northwind GmbH"
    assert [item.group for item in waiting(world)] == ["customer"]


def test_what_a_person_edited_since_is_kept_and_listed(world: Any, crm: Any, deal: str) -> None:
    world.edit("opportunity", deal, {"customer_name": "Wrong SE", "product_lines": "firewall"})
    bad = world.sync("crm", release=True)
    world.wait(1)
    crm.change("opportunity", crm_id(crm), customer_name="Corrected AG")
    world.wait(60)
    report = world.undo("crm", bad.run_id)
    (why,) = kept(world, report.run_id)
    assert why.startswith("kept: changed since the run in the CRM; record last modified by ")
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Corrected AG"
    world.settle("crm")
    assert world.ours("opportunity", deal)["customer_name"] == "Corrected AG"
    assert world.ours("opportunity", deal)["product_lines"] == "firewall"
    assert [item.group for item in waiting(world)] == ["product_lines"]


def test_what_a_later_run_wrote_is_kept_and_that_run_is_named(
    world: Any, crm: Any, deal: str
) -> None:
    world.edit("opportunity", deal, {"customer_name": "Wrong SE"})
    bad = world.sync("crm", release=True)
    world.edit("opportunity", deal, {"customer_name": "Right AG"})
    later = world.sync("crm", release=True)
    report = world.undo("crm", bad.run_id)
    assert kept(world, report.run_id) == [f"kept: changed since the run by run {later.run_id}"]
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Right AG"
    assert waiting(world) == []


def test_an_edit_between_the_plan_of_an_undo_and_its_writing_is_not_overwritten(
    world: Any, crm: Any, deal: str
) -> None:
    world.edit("opportunity", deal, {"customer_name": "Wrong SE"})
    bad = world.sync("crm", release=True)
    with world.session("crm") as session:
        planned = undo.plan_undo(session, bad.run_id)
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Wrong SE"
    crm.change("opportunity", crm_id(crm), customer_name="Corrected AG")
    world.wait(60)
    with world.session("crm") as session:
        report = run.apply(session, planned.run_id)
    assert [one.op for one in report.refused_rows] == ["update"]
    world.settle("crm")
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Corrected AG"
    assert world.ours("opportunity", deal)["customer_name"] == "Corrected AG"
    assert waiting(world) == []


def test_an_edit_of_another_field_right_before_the_undo_is_written_keeps_nothing_from_going_back(
    world: Any, crm: Any, deal: str
) -> None:
    """The undo has read the record; its guard sees the edit."""
    world.edit("opportunity", deal, {"customer_name": "Wrong SE"})
    bad = world.sync("crm", release=True)
    edits: list[str] = []

    def edit(request: Any) -> None:
        looks = "batch/read" in request.path or b'"fields":[' in request.body
        if looks and not edits:
            edits.append(crm_id(crm))
            crm.change("opportunity", edits[0], source="A fair")

    with crm.standing_before(edit, r"(deals|0-3|Opportunity)(/batch/read)?$"):
        report = world.undo("crm", bad.run_id)
    row = crm.only("opportunity")
    assert (len(edits), report.state, report.held) == (1, "done", 1)
    assert (row[crm.words["customer_name"]], row[crm.words["source"]]) == (
        "Northwind GmbH",
        "A fair",
    )
    world.settle("crm")
    assert world.ours("opportunity", deal)["source"] == "A fair"
    assert [item.group for item in waiting(world)] == ["customer"]


def test_a_planned_undo_is_shown_and_written_as_planned(world: Any, crm: Any, deal: str) -> None:
    world.edit("opportunity", deal, {"customer_name": "Wrong SE"})
    bad = world.sync("crm", release=True)
    with world.session("crm") as session:
        planned = undo.plan_undo(session, bad.run_id)
        assert planned.counts == {"opportunity/crm/update/planned": 1}
        assert waiting(world) == []
        report = run.apply(session, planned.run_id)
    assert report.counts == {"opportunity/crm/update/done": 1}
    with world.database.read() as connection:
        stored = runs.get(connection, planned.run_id)
    assert (stored.kind, stored.undoes, stored.state) == ("undo", bad.run_id, "done")
    assert len(waiting(world)) == 1


def test_an_undo_can_be_undone(world: Any, crm: Any, deal: str) -> None:
    world.edit("opportunity", deal, {"customer_name": "Good SE"})
    good = world.sync("crm", release=True)
    mistaken = world.undo("crm", good.run_id)
    world.settle("crm")
    world.undo("crm", mistaken.run_id)
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Good SE"
    assert world.settle("crm").counts == {}
    assert world.ours("opportunity", deal)["customer_name"] == "Good SE"
    assert waiting(world) == []


def test_undoing_twice_changes_nothing_more(world: Any, crm: Any, deal: str) -> None:
    world.edit("opportunity", deal, {"customer_name": "Wrong SE"})
    bad = world.sync("crm", release=True)
    world.undo("crm", bad.run_id)
    again = world.undo("crm", bad.run_id)
    assert (again.state, again.counts) == ("done", {})
    assert [item.group for item in waiting(world)] == ["customer"]


def test_a_changed_role_goes_back(world: Any, crm: Any, deal: str) -> None:
    (relation,) = world.all_ours("relation")
    world.edit("relation", relation, {"role": "distributor"})
    bad = world.sync("crm", release=True)
    assert [role for _, _, role, _ in crm.relations()] == [crm.words["distributor"]]
    world.undo("crm", bad.run_id)
    assert [role for _, _, role, _ in crm.relations()] == [crm.words["reseller"]]
    assert world.settle("crm").counts == {}
    assert [role for _, _, role, _ in crm.relations()] == [crm.words["reseller"]]
    assert world.ours("relation", relation)["role"] == "distributor"


def new_deal(world: Any) -> Values:
    (partner,) = world.all_ours("partner")
    opportunity = world.insert("opportunity", {**DEAL, "name": "Second", "partner": partner})
    world.insert(
        "registration",
        {
            "number": "DR-2",
            "partner": partner,
            "opportunity": opportunity,
            "customer_name": "Second AG",
        },
    )
    ends: Values = {"opportunity": opportunity, "partner": partner, "role": "reseller"}
    world.insert("relation", ends)
    return {"opportunity": opportunity}


def test_what_a_run_created_in_the_crm_is_taken_away_again_and_stays_away(
    world: Any, crm: Any, deal: str
) -> None:
    new_deal(world)
    bad = world.sync("crm", release=True)
    assert len(crm.rows("opportunity")) == 2
    report = world.undo("crm", bad.run_id)
    assert report.state == "done", (report, kept(world, report.run_id))
    assert [len(crm.rows(one)) for one in ("partner", "opportunity", "registration")] == [1, 1, 1]
    assert len(crm.relations()) == 1
    assert world.settle("crm").counts == {}
    assert len(crm.rows("opportunity")) == 1
    assert len(world.all_ours("opportunity")) == 2


def test_what_an_undo_took_away_is_shown_as_only_ours(world: Any, crm: Any, deal: str) -> None:
    new_deal(world)
    world.undo("crm", world.sync("crm", release=True).run_id)
    (compared,) = [one for one in world.verify("crm") if one.stream == "opportunity"]
    assert compared.explained == {"no longer in the CRM, not made there again": 1}
    (shown,) = status(world.database, world.now())
    (deals,) = [one for one in shown.streams if one.name == "opportunity"]
    assert (deals.in_prm, deals.linked, deals.only_prm, deals.only_crm) == (2, 1, 1, 0)


def test_a_created_record_that_somebody_used_since_stays(world: Any, crm: Any, deal: str) -> None:
    made = new_deal(world)["opportunity"]
    bad = world.sync("crm", release=True)
    named = crm.words["deal_name"]
    row = next(one for one in crm.rows("opportunity") if one[named] == "Second")
    crm.change("opportunity", row[crm.words["id"]], source="fair")
    world.wait(60)
    report = world.undo("crm", bad.run_id)
    assert len(crm.rows("opportunity")) == 2
    assert any("kept: " in one for one in kept(world, report.run_id))
    world.settle("crm")
    assert world.ours("opportunity", str(made))["source"] == "fair"


def test_a_created_record_that_a_later_record_names_stays(world: Any, crm: Any, deal: str) -> None:
    made = new_deal(world)["opportunity"]
    bad = world.sync("crm", release=True)
    (partner,) = world.all_ours("partner")
    world.insert(
        "registration",
        {"number": "DR-3", "partner": partner, "opportunity": made, "customer_name": "Third"},
    )
    world.sync("crm", release=True)
    report = world.undo("crm", bad.run_id)
    assert kept(world, report.run_id) == ["kept: still named by 1 registration record"]
    assert len(crm.rows("opportunity")) == 2
    assert sorted(one[crm.words["number"]] for one in crm.rows("registration")) == ["DR-1", "DR-3"]


def test_what_a_run_created_in_the_partner_database_is_taken_away_again(
    world: Any, crm: Any, deal: str
) -> None:
    values = {
        "deal_name": "From the CRM",
        "stage": crm.words["qualified"],
        "close_date": crm.words["day"].format("2026-11-30"),
    }
    crm.create(crm.words["opportunity"], {crm.words[key]: value for key, value in values.items()})
    world.wait(60)
    bad = world.sync("crm", release=True)
    assert len(world.all_ours("opportunity")) == 2
    mistaken = world.undo("crm", bad.run_id)
    assert kept(world, mistaken.run_id) == []
    assert list(world.all_ours("opportunity")) == [deal]
    assert world.settle("crm").counts == {}
    assert list(world.all_ours("opportunity")) == [deal]
    assert len(crm.rows("opportunity")) == 2
    world.undo("crm", mistaken.run_id)
    assert sorted(str(one["name"]) for one in world.all_ours("opportunity").values()) == [
        "From the CRM",
        "Northwind firewall",
    ]
    assert not [key for key in world.settle("crm").counts if "/base/" not in key]


def test_a_record_that_an_undo_took_away_comes_back_with_the_undo_of_it(
    world: Any, crm: Any, deal: str
) -> None:
    new_deal(world)
    good = world.sync("crm", release=True)
    mistaken = world.undo("crm", good.run_id)
    world.settle("crm")
    world.undo("crm", mistaken.run_id)
    assert [len(crm.rows(one)) for one in ("opportunity", "registration")] == [2, 2]
    assert len(crm.relations()) == 2
    assert not [key for key in world.settle("crm").counts if "/base/" not in key]
    assert [len(crm.rows(one)) for one in ("opportunity", "registration")] == [2, 2]


def test_a_record_that_somebody_restored_after_an_undo_is_not_taken_away_once_more(
    world: Any, crm: Any
) -> None:
    world.insert("opportunity", DEAL)
    first = world.sync("crm", release=True).run_id
    record = crm_id(crm)
    world.undo("crm", first)
    crm.restore("opportunity", record)
    again = world.undo("crm", first)
    assert crm_id(crm) == record
    assert kept(world, again.run_id)


def test_a_record_that_is_made_again_in_the_crm_has_also_what_an_undo_left_waiting(
    world: Any, crm: Any, deal: str
) -> None:
    """Nothing stands there any more that could be told from ours."""
    world.edit("opportunity", deal, {"customer_name": "Typo GmbH"})
    typo = world.sync("crm", release=True).run_id
    world.undo("crm", typo)
    assert [one.group for one in waiting(world)] == ["customer"]
    world.edit("opportunity", deal, {"close_date": "2027-01-31"})
    crm.remove("opportunity", crm_id(crm))
    world.wait(700)
    with world.session("crm") as session:
        run.sync(session, full=True, release=True)
    (whole,) = (one for one in waiting(world) if one.group == RECORD)
    with world.database.begin() as connection:
        held.decide(connection, whole.id, "prm", "dana", world.now())
    world.settle("crm")
    made = [one for one in world.history("opportunity", deal) if one.op == "create"][-1]
    assert made.new_values["customer_name"] == "Typo GmbH"
    assert waiting(world) == []


def test_deletions_are_listed_as_not_undoable(world: Any, crm: Any, deal: str) -> None:
    (relation,) = world.all_ours("relation")
    world.remove("relation", relation)
    bad = world.sync("crm", release=True)
    assert crm.relations() == []
    report = world.undo("crm", bad.run_id)
    assert kept(world, report.run_id) == ["kept: a deletion is not undone"]
    assert crm.relations() == []


def test_the_stamp_of_our_key_is_not_undone(world: Any, crm: Any, partner_values: Values) -> None:
    crm.create(
        crm.words["partner"],
        {crm.words["name"]: "Globex Corporation", crm.words["domain"]: "globex.example"},
    )
    partner = world.insert("partner", partner_values)
    first = world.sync("crm", release=True)
    world.undo("crm", first.run_id)
    assert crm.only("partner")[crm.words["partner_key"]] == partner


def test_an_undo_of_many_waits_for_a_person_and_survives_a_sync(world: Any, crm: Any) -> None:
    partner = world.insert("partner", {"name": "Many"})
    made = [
        world.insert(
            "registration",
            {"number": f"DR-{at}", "partner": partner, "customer_contact": f"a{at}@x.example"},
        )
        for at in range(60)
    ]
    world.settle("crm")
    for one in made:
        world.edit("registration", one, {"customer_contact": "wrong@x.example"})
    bad = world.sync("crm", release=True)
    report = world.undo("crm", bad.run_id, release=False)
    assert (report.state, report.waiting_run) == ("waiting", report.run_id)
    word = crm.words["customer_contact"]
    assert {row[word] for row in crm.rows("registration")} == {"wrong@x.example"}
    world.edit("registration", made[0], {"expected_close": "2027-01-01"})
    world.settle("crm")
    with world.session("crm") as session:
        applied = run.apply(session, report.run_id)
    assert (applied.state, applied.refused_rows) == ("done", [])
    assert len({row[word] for row in crm.rows("registration")}) == 60
    assert world.settle("crm").counts == {}
    assert len(waiting(world)) == 60


def test_a_dropped_undo_leaves_everything_as_it_is(world: Any, crm: Any, deal: str) -> None:
    world.edit("opportunity", deal, {"customer_name": "Wrong SE"})
    bad = world.sync("crm", release=True)
    with world.session("crm") as session:
        planned = undo.plan_undo(session, bad.run_id)
        assert run.drop(session, planned.run_id) == 1
    assert world.settle("crm").counts == {}
    world.edit("opportunity", deal, {"customer_name": "Right AG"})
    world.settle("crm")
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Right AG"


def test_a_run_that_wrote_nothing_or_does_not_exist_is_refused(
    world: Any, crm: Any, deal: str
) -> None:
    idle = world.sync("crm")
    with pytest.raises(StateError, match="wrote nothing"):
        world.undo("crm", idle.run_id)
    with pytest.raises(NotFoundError, match="there is no run 4711"):
        world.undo("crm", 4711)
    world.sync("crm")
