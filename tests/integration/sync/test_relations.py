"""Partner–deal relations, and deletions on either side: on evidence, and never twice."""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.store import held, journal, links
from prmsync.sync import run
from prmsync.sync.status import status


@pytest.fixture
def relation(world: Any, partner_values: Values) -> str:
    """A reseller on a deal that both sides have; returns the relation's id."""
    partner = world.insert("partner", partner_values)
    deal = world.insert(
        "opportunity",
        {"name": "Firewall", "close_date": "2026-12-20", "customer_domain": "northwind.example"},
    )
    made = world.insert("relation", {"opportunity": deal, "partner": partner, "role": "reseller"})
    world.settle("crm")
    world.wait(60)
    return str(made)


def roles(crm: Any) -> list[str]:
    return [role for _, _, role, _ in crm.relations()]


def our_roles(world: Any) -> list[Any]:
    return [values["role"] for values in world.all_ours("relation").values()]


def look(world: Any, *, full: bool = True) -> Any:
    """A whole read, which is what finds relations that went (HubSpot) and archived records."""
    world.wait(700)
    with world.session("crm") as session:
        return run.sync(session, full=full, release=True)


def gone_in_crm(world: Any, crm: Any) -> None:
    """Salesforce tells deletions with the changes, HubSpot in a whole read."""
    look(world, full=crm.connector == "hubspot")


def test_a_changed_role_replaces_the_relation_once(world: Any, crm: Any, relation: str) -> None:
    world.edit("relation", relation, {"role": "distributor"})
    world.settle("crm")
    assert roles(crm) == [crm.words["distributor"]]
    look(world)
    assert our_roles(world) == ["distributor"]
    with world.database.read() as connection:
        assert held.waiting_items(connection) == []


def test_a_refused_new_role_is_no_deletion_in_the_crm(world: Any, crm: Any, relation: str) -> None:
    """The old role went by our doing: it must not come back as somebody's deletion."""
    salesforce = crm.connector == "salesforce"
    path = "composite/sobjects$" if salesforce else "associations/.*/batch/create$"
    body: Any = [{"message": "no such partner role", "errorCode": "INVALID_FIELD"}]
    if not salesforce:
        body = {"status": "error", "message": "bad label", "category": "VALIDATION_ERROR"}
    rule = {"path": path, "method": "POST", "status": 400, "body": body}
    if salesforce:  # a retrieve has the same path as a create; it comes first
        rule["every_nth"] = 2
    crm.control("POST", "faults", rule)
    world.edit("relation", relation, {"role": "distributor"})
    world.sync("crm", release=True)
    crm.control("DELETE", "faults")
    look(world)
    look(world)
    with world.database.read() as connection:
        assert held.waiting_items(connection) == []
    assert our_roles(world) == ["distributor"]
    world.edit("relation", relation, {"role": "si"})
    world.settle("crm")
    assert roles(crm) == [crm.words["si"]]


def test_a_relation_deleted_here_goes_in_the_crm_and_can_come_again(
    world: Any, crm: Any, relation: str
) -> None:
    ends = world.ours("relation", relation)
    world.remove("relation", relation)
    world.settle("crm")
    assert roles(crm) == []
    look(world)
    assert our_roles(world) == []
    world.insert("relation", {key: ends[key] for key in ("opportunity", "partner", "role")})
    world.settle("crm")
    look(world)
    assert roles(crm) == [crm.words["reseller"]]
    assert our_roles(world) == ["reseller"]


def test_a_relation_deleted_in_the_crm_goes_here_and_can_come_again(
    world: Any, crm: Any, relation: str
) -> None:
    (deal, partner, role, record) = crm.relations()[0]
    crm.unrelate(record)
    gone_in_crm(world, crm)
    assert our_roles(world) == []
    crm.relate(deal, partner, role)
    look(world)
    world.settle("crm")
    assert our_roles(world) == ["reseller"]
    assert roles(crm) == [role]


def test_a_deleted_relation_stands_in_history_with_its_values(
    world: Any, crm: Any, relation: str
) -> None:
    with world.database.read() as connection:
        (link,) = links.ids_of_record(connection, "relation", relation)
    crm.unrelate(crm.relations()[0][3])
    gone_in_crm(world, crm)
    with world.database.read() as connection:
        done = [one for one, _, _ in journal.history(connection, [link])]
    assert [(one.side, one.op) for one in done][-1] == ("prm", "delete")
    assert done[-1].fields["role"] == ("reseller", None)


def test_a_relation_edited_here_and_deleted_in_the_crm_waits_for_a_person(
    world: Any, crm: Any, relation: str
) -> None:
    crm.unrelate(crm.relations()[0][3])
    world.edit("relation", relation, {"role": "si"})
    gone_in_crm(world, crm)
    with world.database.read() as connection:
        ((_, item),) = held.waiting_items(connection)
    assert item.group == "@record"
    assert our_roles(world) == ["si"]
    assert roles(crm) == []


# HubSpot has one association of a label between two records.
@pytest.mark.parametrize("world", ["salesforce"], indirect=True)
def test_a_relation_that_the_crm_says_twice_is_one_until_both_are_gone(
    world: Any, crm: Any, relation: str
) -> None:
    deal, partner, role, first = crm.relations()[0]
    crm.relate(deal, partner, role)
    look(world)
    assert our_roles(world) == ["reseller"]
    crm.unrelate(first)
    look(world)
    look(world)
    assert list(world.all_ours("relation")) == [relation]
    assert roles(crm) == [role]
    crm.unrelate(crm.relations()[0][3])
    look(world)
    assert our_roles(world) == []
    assert world.held() == []


@pytest.mark.parametrize("world", ["salesforce"], indirect=True)
def test_a_role_that_people_gave_on_both_sides_stays_where_one_of_them_takes_it_back_at_once(
    world: Any, crm: Any, relation: str
) -> None:
    """A plan that saw both wrote nothing: there is nothing yet that both have agreed on."""
    deal, partner = crm.relations()[0][:2]
    world.edit("relation", relation, {"role": "si"})
    crm.relate(deal, partner, crm.words["si"])
    world.wait(700)
    with world.session("crm") as session:
        run.plan(session)
    world.remove("relation", relation)
    look(world)
    look(world)
    assert (our_roles(world), roles(crm)) == (["si"], [crm.words["si"]])


@pytest.fixture
def given_twice(world: Any, crm: Any, relation: str) -> str:
    """The relation, with another role that people gave on both sides, as a plan has seen it; no run
    has written it yet. Returns the CRM's id of the one that both had agreed on."""
    deal, partner, _, first = crm.relations()[0]
    world.edit("relation", relation, {"role": "si"})
    crm.relate(deal, partner, crm.words["si"])
    world.wait(700)
    with world.session("crm") as session:
        run.plan(session)
    return str(first)


@pytest.mark.parametrize("world", ["salesforce"], indirect=True)
def test_a_role_given_on_both_sides_stays_where_the_one_before_it_is_taken_off_there(
    world: Any, crm: Any, relation: str, given_twice: str
) -> None:
    crm.unrelate(given_twice)
    world.remove("relation", relation)
    look(world)
    look(world)
    assert (our_roles(world), roles(crm)) == (["si"], [crm.words["si"]])


@pytest.mark.parametrize("world", ["salesforce"], indirect=True)
def test_a_role_given_on_both_sides_stays_where_ours_is_changed_back(
    world: Any, crm: Any, relation: str, given_twice: str
) -> None:
    world.edit("relation", relation, {"role": "reseller"})
    look(world)
    look(world)
    assert sorted(our_roles(world)) == ["reseller", "si"]
    assert sorted(roles(crm)) == sorted([crm.words["reseller"], crm.words["si"]])


@pytest.mark.parametrize("world", ["salesforce"], indirect=True)
def test_a_role_given_on_both_sides_stays_where_a_person_lets_the_one_before_it_go(
    world: Any, crm: Any, relation: str, given_twice: str
) -> None:
    """Asked about ours, which says the new role, and the one that is gone in the CRM."""
    crm.unrelate(given_twice)
    world.wait(700)
    with world.session("crm") as session:
        run.plan(session)
    world.decide("crm")
    look(world)
    look(world)
    assert (our_roles(world), roles(crm)) == (["si"], [crm.words["si"]])


@pytest.mark.parametrize("world", ["salesforce"], indirect=True)
def test_a_relation_said_twice_goes_twice_where_the_answer_to_its_deletion_was_lost(
    world: Any, crm: Any, relation: str
) -> None:
    crm.relate(*crm.relations()[0][:3])
    world.edit("relation", relation, {"role": "si"})
    lost = {"path": "composite/sobjects$", "method": "DELETE", "drop": True, "times": 1}
    crm.control("POST", "faults", lost)
    look(world)
    look(world)
    assert (our_roles(world), roles(crm)) == (["si"], [crm.words["si"]])


def test_a_relation_made_in_the_crm_arrives(world: Any, crm: Any, relation: str) -> None:
    deal, partner = crm.relations()[0][:2]
    crm.relate(deal, partner, crm.words["si"])
    look(world)
    assert sorted(our_roles(world)) == ["reseller", "si"]
    assert len(crm.relations()) == 2


def test_status_counts_relations_that_wait_for_an_end(
    world: Any, crm: Any, relation: str, partner_values: Values
) -> None:
    (deal, _, role, _) = crm.relations()[0]
    named = {"name": "Initech", "domain": "initech.example"}
    other = crm.create(crm.words["partner"], {crm.words[key]: named[key] for key in named})
    crm.relate(deal, other, role)
    look(world)
    assert waits(world) == {"relation": 1}
    world.insert("partner", {**partner_values, **named})
    look(world)
    look(world)
    assert waits(world) == {}
    assert our_roles(world) == ["reseller", "reseller"]


def waits(world: Any) -> dict[str, int]:
    (connection,) = status(world.database, world.now())
    return {one.name: one.waits for one in connection.streams if one.waits}


# --- records, which a mapping unlinks ---------------------------------------------------------


@pytest.fixture
def deal(world: Any, relation: str) -> str:
    (one,) = world.all_ours("opportunity")
    return str(one)


def test_a_deal_deleted_in_the_crm_is_unlinked_and_its_return_is_noticed(
    world: Any, crm: Any, deal: str
) -> None:
    record = str(crm.only("opportunity")[crm.words["id"]])
    crm.remove("opportunity", record)
    gone_in_crm(world, crm)
    world.settle("crm")
    assert crm.rows("opportunity") == []
    assert list(world.all_ours("opportunity")) == [deal]
    world.edit("opportunity", deal, {"customer_domain": "later.example"})
    world.settle("crm")
    assert crm.rows("opportunity") == []
    crm.restore("opportunity", record)
    look(world)
    world.settle("crm")
    word = "PRM_Customer_Domain__c" if crm.connector == "salesforce" else "prm_customer_domain"
    assert crm.only("opportunity")[word] == "later.example"


def test_a_deal_edited_here_and_deleted_in_the_crm_waits_for_a_person(
    world: Any, crm: Any, deal: str
) -> None:
    crm.remove("opportunity", str(crm.only("opportunity")[crm.words["id"]]))
    world.edit("opportunity", deal, {"customer_domain": "edited.example"})
    gone_in_crm(world, crm)
    with world.database.read() as connection:
        groups = [(row.stream, item.group) for row, item in held.waiting_items(connection)]
    assert ("opportunity", "@record") in groups
    assert crm.rows("opportunity") == []


def test_a_deal_deleted_here_stays_in_the_crm_and_does_not_come_back(
    world: Any, crm: Any, deal: str, relation: str
) -> None:
    world.remove("relation", relation)
    world.remove("opportunity", deal)
    world.settle("crm")
    crm.change("opportunity", str(crm.only("opportunity")[crm.words["id"]]), source="web")
    look(world)
    assert world.all_ours("opportunity") == {}
    assert len(crm.rows("opportunity")) == 1


def test_a_relation_whose_create_was_answered_with_503_is_there_once(
    world: Any, crm: Any, partner_values: Values
) -> None:
    """The CRM had made it before it said that it was busy; a relation has no key of ours."""
    partner = world.insert("partner", partner_values)
    deal = world.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    world.settle("crm")
    world.insert("relation", {"opportunity": deal, "partner": partner, "role": "reseller"})
    path = r"composite/sobjects$" if crm.connector == "salesforce" else r"associations/.*create$"
    crm.fault(status=503, commit=True, times=1, path=path)
    world.sync("crm", release=True)
    world.settle("crm")
    assert roles(crm) == [crm.words["reseller"]]
