"""What a merge in HubSpot leaves under a third id is the record that the person kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.sync import run
from prmsync.sync.undo import undo


class Deals:
    """Two deals that both sides have, in a HubSpot that gives what a merge leaves a third id."""

    def __init__(self, world: Any, *, made_there: str = "") -> None:
        self.world, self.crm = world, world.crms["crm"]
        self.set_up(merge_new_id=True)
        for name in ("Firewall", "Switches"):
            if name == made_there:
                day = {"closedate": "2026-12-20T12:00:00.000Z", "dealstage": "qualifiedtobuy"}
                self.crm.create("deals", {"dealname": name, **day})
            else:
                world.insert("opportunity", {"name": name, "close_date": "2026-12-20"})
        world.settle("crm")
        ours = world.all_ours("opportunity")
        self.ours = {row["name"]: prm_id for prm_id, row in ours.items()}
        self.ids = {row["dealname"]: row["id"] for row in self.crm.rows("opportunity")}

    def set_up(self, **settings: Any) -> None:
        portal = self.crm.simulator.portal
        portal.settings = replace(portal.settings, **settings)

    def merge(self, lost: str, kept: str) -> None:
        self.crm.merge("opportunity", self.ids[lost], self.ids[kept])

    def stand_as_before(self) -> bool:
        """Whether each of ours has its own name."""
        names = {row["name"]: prm_id for prm_id, row in self.world.all_ours("opportunity").items()}
        return names == self.ours

    def look(self) -> None:
        for _ in range(2):
            self.world.wait(700)
            self.world.sync("crm", release=True)


@pytest.mark.parametrize("made_there", ["", "Firewall", "Switches"])
@pytest.mark.parametrize("kept", ["Firewall", "Switches"])
def test_of_two_deals_with_a_third_id_the_one_that_was_kept_follows(
    make_world: Any, kept: str, made_there: str
) -> None:
    """One that was made in HubSpot carries no key of ours: what is left shows that of the lost."""
    deals = Deals(make_world(crm="hubspot"), made_there=made_there)
    (lost,) = deals.ours.keys() - {kept}
    deals.merge(lost, kept)
    deals.look()
    left = deals.crm.only("opportunity")
    assert left["id"] not in deals.ids.values()
    assert left["dealname"] == kept
    (item,) = deals.world.held()
    assert item.kind == f"merged in the CRM into {left['id']}, which is linked to {kept}"
    assert lost in (item.prm or ())
    assert deals.stand_as_before()
    assert all(one.is_clean for one in deals.world.verify("crm"))


@pytest.mark.parametrize("seen", [True, False])
def test_deals_that_were_deleted_here_do_not_come_back_under_a_third_id(
    make_world: Any, seen: bool
) -> None:
    deals = Deals(make_world(crm="hubspot"))
    for prm_id in deals.ours.values():
        deals.world.remove("opportunity", prm_id)
    if seen:
        deals.look()
    deals.merge("Firewall", "Switches")
    deals.look()
    assert deals.world.all_ours("opportunity") == {}
    assert deals.crm.only("opportunity")["dealname"] == "Switches"
    assert deals.world.held() == []


@pytest.mark.parametrize("seen", [True, False])
def test_the_deal_that_is_still_ours_takes_over_one_that_was_deleted_here(
    make_world: Any, seen: bool
) -> None:
    deals = Deals(make_world(crm="hubspot"))
    deals.world.remove("opportunity", deals.ours["Switches"])
    if seen:
        deals.look()
    deals.merge("Firewall", "Switches")
    deals.look()
    deals.look()
    (left,) = deals.world.all_ours("opportunity")
    assert left == deals.ours["Firewall"]
    assert deals.world.held() == []
    assert all(one.is_clean for one in deals.world.verify("crm"))


@pytest.mark.parametrize("lag", [0, 400])
def test_an_undo_writes_to_the_record_that_was_kept_under_its_third_id(
    make_world: Any, lag: int
) -> None:
    """Where the search lags, only the look before the write shows that there was a merge."""
    deals = Deals(make_world(crm="hubspot"))
    world = deals.world
    world.edit("opportunity", deals.ours["Switches"], {"name": "Routers"})
    world.wait(700)  # the run reads the archive, and the undo not again so soon
    wrote = world.sync("crm", release=True)
    deals.set_up(index_lag_seconds=lag)
    deals.merge("Firewall", "Switches")
    assert deals.crm.only("opportunity")["dealname"] == "Routers"
    with world.session("crm") as session:
        assert undo(session, wrote.run_id, release=True).state == "done"
    assert deals.crm.only("opportunity")["dealname"] == "Switches"


def run_at_once(world: Any) -> None:
    """A run without any time since what went before."""
    with world.session("crm") as session:
        run.sync(session, release=True)


@pytest.mark.parametrize("kept", ["Globex", "Initech"])
def test_the_record_that_was_kept_follows_where_only_the_other_was_seen_to_be_gone(
    make_world: Any, partner_values: Values, kept: str
) -> None:
    """The search lags, and the merge came so soon that one of the two looks as it was made."""
    world = make_world(crm="hubspot")
    crm = world.crms["crm"]
    portal = crm.simulator.portal
    portal.settings = replace(portal.settings, merge_new_id=True, index_lag_seconds=400)
    ours = {
        name: world.insert(
            "partner", {**partner_values, "name": name, "domain": f"{name.lower()}.example"}
        )
        for name in ("Globex", "Initech")
    }
    run_at_once(world)
    ids = {row["name"]: row["id"] for row in crm.rows("partner")}
    (lost,) = ids.keys() - {kept}
    crm.merge("partner", ids[lost], ids[kept])
    world.edit("partner", ours[lost], {"country": "AT"})  # who is written to is looked at
    run_at_once(world)
    left = crm.only("partner")["id"]
    world.wait(700)
    world.settle("crm")
    (item,) = world.held()
    assert item.kind == f"merged in the CRM into {left}, which is linked to {kept}"
    assert {row["name"] for row in world.all_ours("partner").values()} == set(ours)
    assert all(one.is_clean for one in world.verify("crm"))


@pytest.mark.parametrize("kept", ["Firewall", "Switches"])
def test_a_record_without_a_key_is_known_to_be_the_one_that_was_kept(
    make_world: Any, kept: str
) -> None:
    """What is left shows the key of the other one, which alone was seen to be gone."""
    deals = Deals(make_world(crm="hubspot"), made_there="Switches")
    world = deals.world
    world.wait(700)  # the archive is read, and not again so soon
    run_at_once(world)
    deals.set_up(index_lag_seconds=400)
    (lost,) = deals.ours.keys() - {kept}
    deals.merge(lost, kept)
    world.edit("opportunity", deals.ours["Firewall"], {"source": "Fair"})  # so it is looked at
    run_at_once(world)
    deals.look()
    (item,) = world.held()
    left = deals.crm.only("opportunity")
    assert item.kind == f"merged in the CRM into {left['id']}, which is linked to {kept}"
    assert deals.stand_as_before()
    assert all(one.is_clean for one in world.verify("crm"))


def test_a_lagging_search_does_not_bring_back_what_was_merged_away(make_world: Any) -> None:
    """It goes on showing the record that was kept under its old id for a while."""
    deals = Deals(make_world(crm="hubspot"))
    world = deals.world
    deals.crm.edit("deals", deals.ids["Switches"], {"dealname": "Routers"})
    deals.set_up(index_lag_seconds=20)
    deals.merge("Firewall", "Switches")
    world.edit("opportunity", deals.ours["Firewall"], {"source": "Fair"})  # so it is looked at
    for _ in range(2):
        run_at_once(world)
        world.wait(1)
    names = {prm_id: row["name"] for prm_id, row in world.all_ours("opportunity").items()}
    assert names == {deals.ours["Firewall"]: "Firewall", deals.ours["Switches"]: "Routers"}
