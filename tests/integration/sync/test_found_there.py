"""What a run came to make and found there already was not made by it: an undo leaves it alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from prmsync.connector.simulator.http import Request, Response
from prmsync.domain.values import Values
from prmsync.store import journal
from prmsync.store.journal import Action, ActionState
from prmsync.sync.accepting import UNSURE
from rig import Crm, World

DEAL: Values = {"name": "Firewall", "close_date": "2026-12-20"}


@pytest.fixture
def ends(world: World, partner_values: Values) -> Values:
    """A deal and a partner that both sides have, unrelated yet."""
    partner, deal = world.insert("partner", partner_values), world.insert("opportunity", DEAL)
    world.settle("crm")
    world.wait(60)
    return {"opportunity": deal, "partner": partner, "role": "reseller"}


def relate(crm: Crm, role: str) -> None:
    """A CRM user relates the only partner to the only deal."""
    deal, partner = (str(crm.only(one)[crm.words["id"]]) for one in ("opportunity", "partner"))
    crm.relate(deal, partner, str(crm.words[role]))


def roles(crm: Crm) -> list[str]:
    return sorted(role for _, _, role, _ in crm.relations())


def once(act: Callable[[], None]) -> Callable[[Request], Response | None]:
    done: list[Request] = []

    def before(request: Request) -> None:
        if not done:
            done.append(request)
            act()

    return before


def rows(world: World, run_id: int, stream: str) -> list[Action]:
    """All rows of a run of one stream."""
    with world.session("crm") as session, world.database.read() as connection:
        stream_id = session.streams[stream].id
        return journal.page(connection, run_id, tuple(ActionState), stream_id=stream_id)


def told(world: World, run_id: int, stream: str = "relation") -> list[tuple[str, str]]:
    return [(one.op, one.state) for one in rows(world, run_id, stream)]


def kept(world: World, run_id: int, stream: str = "relation") -> list[str]:
    return [one.reason for one in rows(world, run_id, stream) if one.state == ActionState.KEPT]


FOUND = "kept: it was there already when the run came to make it"


def test_the_undo_of_a_run_leaves_a_relation_that_a_crm_user_made_meanwhile(
    world: World, crm: Crm, ends: Values
) -> None:
    relation = world.insert("relation", ends)
    world.edit("opportunity", str(ends["opportunity"]), {"name": "Firewalls"})
    with crm.standing_before(once(lambda: relate(crm, "reseller"))):
        run = world.sync("crm", release=True)
    assert told(world, run.run_id) == [("create", "found")]
    assert [one.state for one in world.history("relation", relation)] == ["found"]
    undone = world.undo("crm", run.run_id)
    assert kept(world, undone.run_id) == [FOUND]
    assert crm.only("opportunity")[crm.words["deal_name"]] == "Firewall"
    assert roles(crm) == [crm.words["reseller"]]
    assert world.settle("crm").counts == {}


def test_a_new_role_that_a_crm_user_added_meanwhile_outlives_the_undo_of_its_replacement(
    world: World, crm: Crm, ends: Values
) -> None:
    relation = world.insert("relation", ends)
    world.settle("crm")
    world.wait(60)
    world.edit("relation", relation, {"role": "si"})
    world.edit("opportunity", str(ends["opportunity"]), {"name": "Firewalls"})
    with crm.standing_before(once(lambda: relate(crm, "si"))):
        run = world.sync("crm", release=True)
    assert roles(crm) == [crm.words["si"]]
    assert told(world, run.run_id) == [("delete", "done"), ("create", "found")]
    undone = world.undo("crm", run.run_id)
    assert sorted(kept(world, undone.run_id)) == ["kept: a deletion is not undone", FOUND]
    assert roles(crm) == [crm.words["si"]]
    assert world.settle("crm").counts == {}


def lose(crm: Crm, *, commit: bool) -> None:
    """No answer to the writing of relations."""
    path = r"composite/sobjects$" if crm.connector == "salesforce" else r"associations/.*create$"
    crm.fault(drop=True, commit=commit, times=1, path=path)


def test_a_relation_made_by_somebody_while_ours_got_no_answer_is_not_taken_away_by_an_undo(
    world: World, crm: Crm, ends: Values
) -> None:
    world.insert("relation", ends)
    lose(crm, commit=False)
    look = r"/query$" if crm.connector == "salesforce" else r"associations/.*batch/read$"
    asked: list[str] = []

    def relate_then(request: Request) -> None:
        if asked == ["sent"]:
            asked.append("related")
            relate(crm, "reseller")

    def sent(request: Request) -> None:
        asked.append("sent")

    path = r"composite/sobjects$" if crm.connector == "salesforce" else r"associations/.*create$"
    with crm.standing_before(sent, path), crm.standing_before(relate_then, look):
        run = world.sync("crm", release=True)
    assert asked[:2] == ["sent", "related"]
    assert told(world, run.run_id) == [("create", "found")]
    world.undo("crm", run.run_id)
    assert roles(crm) == [crm.words["reseller"]]


def test_of_a_relation_without_an_answer_the_undo_takes_away_what_the_crm_calls_ours(
    world: World, crm: Crm, ends: Values
) -> None:
    """HubSpot does not say who labelled a pair of records, so that nothing is taken away there."""
    world.insert("relation", ends)
    lose(crm, commit=True)
    run = world.sync("crm", release=True)
    assert roles(crm) == [crm.words["reseller"]]
    undone = world.undo("crm", run.run_id)
    if crm.connector == "salesforce":
        assert told(world, run.run_id) == [("create", "done")]
        assert roles(crm) == []
    else:
        assert [one.error for one in rows(world, run.run_id, "relation")] == [UNSURE]
        assert kept(world, undone.run_id) == [f"kept: {UNSURE}"]
        assert roles(crm) == [crm.words["reseller"]]


def test_a_record_that_somebody_loaded_with_our_key_is_not_deleted_by_an_undo(
    world: World, crm: Crm, partner_values: Values
) -> None:
    partner = world.insert("partner", partner_values)
    words = crm.words

    def load() -> None:
        crm.create(words["partner"], {words["name"]: "Loaded", words["partner_key"]: partner})

    with crm.standing_before(once(load)):
        run = world.sync("crm", release=True)
    assert told(world, run.run_id, "partner") == [("create", "found")]
    undone = world.undo("crm", run.run_id)
    assert kept(world, undone.run_id, "partner") == [FOUND]
    assert len(crm.rows("partner")) == 1


def test_what_somebody_restored_while_it_was_to_be_made_again_is_not_written_over(
    world: World, crm: Crm, ends: Values
) -> None:
    deal, record = str(ends["opportunity"]), str(crm.only("opportunity")[crm.words["id"]])
    crm.remove("opportunity", record)
    world.edit("opportunity", deal, {"customer_name": "Our name"})
    world.wait(700)
    world.sync("crm", full=True)
    world.decide("prm")

    def restore() -> None:
        crm.restore("opportunity", record)
        crm.change("opportunity", record, deal_name="Theirs")

    world.insert("partner", {"name": "Initech", "domain": "initech.example", "country": "DE"})
    with crm.standing_before(once(restore)):
        run = world.sync("crm", release=True)
    assert told(world, run.run_id, "opportunity")[0] == ("create", "superseded")
    world.settle("crm")
    assert crm.only("opportunity")[crm.words["id"]] == record
    assert world.ours("opportunity", deal)["name"] == "Theirs"


# --- what was made by a run, taken away by a person, and made again by one --------------------


def look(world: World) -> None:
    world.wait(700)
    world.sync("crm", full=True, release=True)


def unrelate(crm: Crm) -> None:
    ((*_, relation),) = crm.relations()
    crm.unrelate(relation)


def test_a_relation_that_a_crm_user_took_away_and_made_again_is_theirs(
    world: World, crm: Crm, ends: Values
) -> None:
    world.insert("relation", ends)
    run = world.sync("crm", release=True)
    unrelate(crm)
    look(world)
    assert world.all_ours("relation") == {}
    relate(crm, "reseller")
    look(world)
    assert len(world.all_ours("relation")) == 1
    world.undo("crm", run.run_id)
    assert roles(crm) == [crm.words["reseller"]]


def test_one_that_went_and_came_between_two_reads_is_theirs_where_the_crm_says_whose_it_is(
    world: World, crm: Crm, ends: Values
) -> None:
    """HubSpot shows such a label as it was."""
    world.insert("relation", ends)
    run = world.sync("crm", release=True)
    unrelate(crm)
    relate(crm, "reseller")
    look(world)
    world.undo("crm", run.run_id)
    assert len(roles(crm)) == (1 if crm.connector == "salesforce" else 0)


def test_a_relation_that_was_taken_away_here_and_made_again_here_stays(
    world: World, crm: Crm, ends: Values
) -> None:
    relate(crm, "reseller")
    world.wait(60)
    run = world.sync("crm", release=True)
    world.remove("relation", *world.all_ours("relation"))
    look(world)
    assert roles(crm) == []
    world.insert("relation", ends)
    look(world)
    world.undo("crm", run.run_id)
    assert len(world.all_ours("relation")) == 1


def test_a_record_that_somebody_deleted_and_restored_is_not_taken_away_by_an_undo(
    world: World, crm: Crm, ends: Values
) -> None:
    world.insert("opportunity", {**DEAL, "name": "Second"})
    run = world.sync("crm", release=True)
    record = crm.id_of("opportunity", "Second")
    crm.remove("opportunity", record)
    look(world)
    crm.restore("opportunity", record)
    look(world)
    world.undo("crm", run.run_id)
    assert crm.id_of("opportunity", "Second") == record
