"""Two connections that meet the same new record at the same moment, and keys that are taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from prmsync.connector.simulator.http import Request
from prmsync.domain.values import Values
from prmsync.store import held
from prmsync.sync import run
from rig import Crm, World


@pytest.fixture
def both(make_world: Callable[..., World]) -> World:
    return make_world(hs="hubspot", sf="salesforce")


@pytest.fixture(params=["hs", "sf"])
def later(request: pytest.FixtureRequest) -> str:
    """The connection whose run is overtaken by the other's."""
    return str(request.param)


def settle(world: World) -> None:
    for _ in range(3):
        for name in ("hs", "sf"):
            world.wait(60)
            world.sync(name, release=True)


def overtaken(
    world: World, later: str, monkeypatch: pytest.MonkeyPatch, *, release: bool = True
) -> None:
    """A run of one connection, which has read and matched when the other one's run comes."""
    other = {"hs": "sf", "sf": "hs"}[later]
    real = run.plan_streams
    done: list[str] = []

    def plan_streams(session: Any, *args: Any, **more: Any) -> None:
        if session.name == later and not done:
            done.append(other)
            world.sync(other, release=True)
        real(session, *args, **more)

    monkeypatch.setattr(run, "plan_streams", plan_streams)
    world.sync(later, release=release)
    assert done


DOMAIN = {"salesforce": "PRM_Customer_Domain__c", "hubspot": "prm_customer_domain"}


def met(world: World, name: str) -> None:
    """Sales people of both CRMs type the same deal."""
    for crm in world.crms.values():
        values = {
            "deal_name": name,
            "stage": crm.words["qualified"],
            "close_date": crm.words["day"].format("2026-12-20"),
        }
        named = {crm.words[key]: one for key, one in values.items()}
        crm.create(crm.words["opportunity"], {**named, DOMAIN[crm.connector]: "northwind.example"})


def counts(world: World, stream: str) -> list[int]:
    """Records here, and in each CRM."""
    return [len(world.all_ours(stream)), *(len(one.rows(stream)) for one in world.crms.values())]


def test_relations_that_two_crms_say_at_once_are_one_relation(
    both: World, later: str, partner_values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    both.insert("partner", dict(partner_values))
    both.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    settle(both)
    for crm in both.crms.values():
        deal, partner = crm.only("opportunity"), crm.only("partner")
        word = crm.words["id"]
        crm.relate(str(deal[word]), str(partner[word]), crm.words["reseller"])
    overtaken(both, later, monkeypatch)
    settle(both)
    assert [one["role"] for one in both.all_ours("relation").values()] == ["reseller"]
    assert [len(one.relations()) for one in both.crms.values()] == [1, 1]
    assert (both.held(), both.parked()) == ([], [])
    assert [both.sync(name).counts for name in ("hs", "sf")] == [{}, {}]


def refused(world: World) -> list[Any]:
    """What was refused, but for owners: the CRMs of this rig do not know each other's users."""
    return [one for one in world.parked() if one.code != "DOES_NOT_FIT"]


@pytest.mark.parametrize("release", [True, False], ids=["at once", "planned first"])
def test_a_deal_that_both_crms_made_at_once_is_one_deal(
    both: World, later: str, release: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    both.insert("opportunity", {"name": "First", "close_date": "2026-12-20"})
    settle(both)
    met(both, "Firewall")
    overtaken(both, later, monkeypatch, release=release)
    assert counts(both, "opportunity") == [2, 2, 2]
    settle(both)
    assert counts(both, "opportunity") == [2, 2, 2]
    assert (both.held(), refused(both)) == ([], [])
    assert [both.sync(name).counts for name in ("hs", "sf")] == [{}, {}]


def test_other_deals_of_the_same_moment_are_all_taken_over(
    both: World, later: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    both.insert("opportunity", {"name": "First", "close_date": "2026-12-20"})
    settle(both)
    met(both, "Firewall")
    for at, crm in enumerate(both.crms.values()):
        values = {
            "deal_name": f"Only here {at}",
            "stage": crm.words["qualified"],
            "close_date": crm.words["day"].format("2026-12-20"),
        }
        named = {crm.words[key]: one for key, one in values.items()}
        crm.create(crm.words["opportunity"], {**named, DOMAIN[crm.connector]: "northwind.example"})
    overtaken(both, later, monkeypatch)
    settle(both)
    assert counts(both, "opportunity") == [4, 4, 4]
    assert refused(both) == []


def test_a_deal_that_a_person_enters_here_at_that_moment_is_not_made_twice(
    both: World, later: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one writer of our side that is no connection."""
    both.insert("opportunity", {"name": "First", "close_date": "2026-12-20"})
    settle(both)
    met(both, "Firewall")
    real = run.plan_streams
    made: list[str] = []

    def plan_streams(session: Any, *args: Any, **more: Any) -> None:
        if not made:
            values: Values = {
                "name": "Firewall",
                "customer_domain": "northwind.example",
                "close_date": "2026-12-20",
            }
            made.append(both.insert("opportunity", values))
        real(session, *args, **more)

    monkeypatch.setattr(run, "plan_streams", plan_streams)
    both.sync(later, release=True)
    settle(both)
    assert made[0] in both.all_ours("opportunity")
    assert counts(both, "opportunity") == [2, 2, 2]


def test_on_postgresql_too_only_one_connection_makes_the_deal(
    make_world: Callable[..., World], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(postgres_url, hs="hubspot", sf="salesforce")
    world.insert("opportunity", {"name": "First", "close_date": "2026-12-20"})
    settle(world)
    met(world, "Firewall")
    overtaken(world, "sf", monkeypatch)
    settle(world)
    assert counts(world, "opportunity") == [2, 2, 2]


def test_a_creation_that_lands_on_a_record_given_its_key_changes_nothing_here_and_tells_a_person(
    world: World, crm: Crm, partner_values: Values
) -> None:
    """Somebody in the CRM gives a linked record the key of another record of ours, after we looked
    and before we write."""
    mine = world.insert("partner", dict(partner_values))
    world.settle("crm")
    world.wait(60)
    named: Values = {"name": "Initech", "domain": "initech.example", "country": "FR"}
    other = world.insert("partner", {**partner_values, **named})
    record = str(crm.only("partner")[crm.words["id"]])
    given = iter([other])

    def give_key(_: Request) -> None:
        for key in given:
            crm.change("partner", record, partner_key=key)

    for _ in range(3):
        world.wait(700)
        with crm.standing_before(give_key):
            world.sync("crm", release=True)
    assert world.ours("partner", mine)["name"] == "Globex Corporation"
    assert world.ours("partner", other)["name"] == "Initech"
    assert [one.code for one in world.parked()] == ["KEY_COLLISION"]
    assert sorted(one.group for one in world.held()) == ["country", "domain", "name"]
    for item in world.held():
        with world.database.begin() as connection:
            held.decide(connection, item.id, "prm", "dana", world.now())
    world.settle("crm")
    assert crm.row("partner", record)[crm.words["name"]] == "Globex Corporation"
    assert world.ours("partner", mine)["name"] == "Globex Corporation"
    assert world.held() == []
