"""Relations of HubSpot deals that go on under another id: what a merge leaves may have a third."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.sync import merging
from rig import OTHER_PARTNER, Crm, World


class Pair:
    """Two deals that both sides have, each with a partner of its own."""

    def __init__(self, world: World, first: Values) -> None:
        self.world, self.crm = world, world.crms["crm"]
        self.said: dict[str, Values] = {}
        self.relations: dict[str, str] = {}
        for name, role, partner in (
            ("Firewall", "reseller", first),
            ("Switches", "si", OTHER_PARTNER),
        ):
            deal = world.insert("opportunity", {"name": name, "close_date": "2026-12-20"})
            ends = {"opportunity": deal, "partner": world.insert("partner", partner)}
            self.said[name] = {**ends, "role": role}
            self.relations[name] = world.insert("relation", self.said[name])
        self.made_in = world.sync("crm", release=True).run_id
        self.look()

    def look(self) -> None:
        for _ in range(2):
            self.world.wait(700)
            self.world.sync("crm", release=True)

    def id_of(self, name: str) -> str:
        return self.crm.id_of("opportunity", name)

    def merge(self) -> None:
        self.crm.merge("opportunity", self.id_of("Firewall"), self.id_of("Switches"))

    def merge_into_a_duplicate(self) -> None:
        """One that a person made there and that nobody here knows."""
        values = {"dealstage": "qualifiedtobuy", "closedate": "2026-12-20T12:00:00.000Z"}
        winner = self.crm.create("deals", {"dealname": "Switches", **values})
        (lost,) = (
            row["id"]
            for row in self.crm.rows("opportunity")
            if row["dealname"] == "Switches" and row["id"] != winner
        )
        self.crm.merge("opportunity", lost, winner)

    def said_here(self) -> list[Values]:
        rows = self.world.all_ours("relation").values()
        return [{name: row[name] for name in ("opportunity", "partner", "role")} for row in rows]

    def take_off(self, role: str) -> None:
        """A person takes every relation with this role off its deal in the CRM."""
        for _, _, label, relation in self.crm.relations():
            if label == self.crm.words[role]:
                self.crm.unrelate(relation)

    def assert_alike(self) -> None:
        assert all(one.is_clean for one in self.world.verify("crm"))


@pytest.fixture
def pair(make_world: Callable[..., World], partner_values: Values) -> Pair:
    return Pair(make_world(crm="hubspot"), partner_values)


@pytest.fixture
def third_ids(pair: Pair) -> None:
    set_up(pair.crm, merge_new_id=True)


def set_up(crm: Crm, **settings: Any) -> None:
    portal = crm.simulator.portal
    portal.settings = replace(portal.settings, **settings)


@pytest.mark.usefixtures("third_ids")
def test_of_two_deals_that_got_a_third_id_every_relation_is_compared_again(pair: Pair) -> None:
    before = pair.said_here()
    pair.merge()
    shown = sorted(pair.crm.relations())
    pair.look()
    pair.assert_alike()
    assert sorted(pair.crm.relations()) == shown
    assert all(one in pair.said_here() for one in before)
    pair.world.decide("prm")
    pair.look()
    pair.assert_alike()
    assert all(one in pair.said_here() for one in before)


@pytest.mark.parametrize("third", [False, True])
def test_a_relation_goes_on_with_its_deal_into_the_one_that_stays(pair: Pair, third: bool) -> None:
    set_up(pair.crm, merge_new_id=third)
    before = pair.world.all_ours("relation")
    pair.merge_into_a_duplicate()
    shown = sorted(pair.crm.relations())
    pair.look()
    pair.assert_alike()
    assert (pair.world.all_ours("relation"), sorted(pair.crm.relations())) == (before, shown)


@pytest.mark.parametrize("third", [False, True])
def test_who_takes_it_off_under_the_new_id_takes_it_away_here(pair: Pair, third: bool) -> None:
    set_up(pair.crm, merge_new_id=third)
    pair.merge_into_a_duplicate()
    pair.look()
    pair.take_off("si")
    pair.look()
    assert pair.said_here() == [pair.said["Firewall"]]
    pair.assert_alike()


@pytest.mark.usefixtures("third_ids")
def test_what_was_taken_off_before_the_merge_was_seen_is_taken_away_here(pair: Pair) -> None:
    pair.merge_into_a_duplicate()
    pair.take_off("si")
    pair.look()
    assert pair.said_here() == [pair.said["Firewall"]]
    pair.assert_alike()


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.usefixtures("third_ids")
def test_what_is_taken_away_here_goes_under_the_new_id(pair: Pair, seen: bool) -> None:
    pair.merge_into_a_duplicate()
    if seen:
        pair.look()
    pair.world.remove("relation", pair.relations["Switches"])
    pair.look()
    assert [label for _, _, label, _ in pair.crm.relations()] == [pair.crm.words["reseller"]]
    assert pair.said_here() == [pair.said["Firewall"]]
    pair.assert_alike()


@pytest.mark.usefixtures("third_ids")
def test_a_role_edited_while_the_deals_were_merged_replaces_the_old_one(pair: Pair) -> None:
    pair.merge_into_a_duplicate()
    pair.world.edit("relation", pair.relations["Switches"], {"role": "distributor"})
    pair.look()
    words = pair.crm.words
    labels = sorted(label for _, _, label, _ in pair.crm.relations())
    assert labels == sorted([words["reseller"], words["distributor"]])
    assert {**pair.said["Switches"], "role": "distributor"} in pair.said_here()
    assert len(pair.said_here()) == 2
    pair.assert_alike()


@pytest.mark.usefixtures("third_ids")
def test_an_undo_finds_the_relation_that_it_made_under_its_new_id(pair: Pair) -> None:
    role = pair.world.insert("relation", {**pair.said["Switches"], "role": "distributor"})
    made = pair.world.sync("crm", release=True)
    pair.look()
    pair.merge_into_a_duplicate()
    pair.look()
    pair.world.undo("crm", made.run_id)
    labels = [label for _, _, label, _ in pair.crm.relations()]
    assert pair.crm.words["distributor"] not in labels
    assert len(labels) == 2
    assert role in pair.world.all_ours("relation")


@pytest.mark.parametrize("met", [False, True])
@pytest.mark.usefixtures("third_ids")
def test_while_the_search_lags_nothing_is_written_and_afterwards_all_is_alike(
    pair: Pair, met: bool
) -> None:
    """The new deal, its relations and the merge are seen late, the old id answers meanwhile; or
    the look before a write meets the merge at once."""
    set_up(pair.crm, index_lag_seconds=400)
    before = pair.said_here()
    pair.crm.change("opportunity", pair.id_of("Switches"), deal_name="Switches")
    pair.merge_into_a_duplicate()
    if met:
        deal = str(pair.said["Switches"]["opportunity"])
        pair.world.edit("opportunity", deal, {"close_date": "2027-01-15"})
    shown = sorted(pair.crm.relations())
    for _ in range(3):
        pair.world.wait(60)
        pair.world.sync("crm", release=True)
    pair.look()
    assert (pair.said_here(), sorted(pair.crm.relations())) == (before, shown)
    pair.assert_alike()
    pair.take_off("si")
    pair.look()
    assert pair.said_here() == [pair.said["Firewall"]]
    pair.assert_alike()


@pytest.mark.usefixtures("third_ids")
def test_a_relation_that_was_read_under_the_new_id_before_the_merge_is_the_same(
    pair: Pair,
) -> None:
    """The merge comes between the search for deals and the search for those with relations."""
    before, asked = pair.said_here(), []

    def merge_late(_: Any) -> None:
        asked.append(1)
        if len(asked) == 2:
            pair.merge_into_a_duplicate()

    pair.world.wait(700)
    with pair.crm.standing_before(merge_late, "deals/search$|0-3/search$"):
        pair.world.sync("crm", release=True)
    assert len(asked) >= 2
    pair.look()
    assert pair.said_here() == before
    pair.assert_alike()


@pytest.mark.usefixtures("third_ids")
def test_a_run_that_dies_between_the_deal_and_its_relations_leaves_no_half_of_it(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pair.said_here()
    pair.merge_into_a_duplicate()
    pair.world.wait(700)

    def cut(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(merging, "rename_relations", cut)
        pair.world.sync("crm", release=True)
    pair.look()
    assert pair.said_here() == before
    pair.assert_alike()


@pytest.mark.usefixtures("third_ids")
def test_relations_of_merged_partners_go_on_with_the_one_that_has_a_third_id(pair: Pair) -> None:
    before = pair.said_here()
    winner = pair.crm.create("companies", {"name": "Initech SA"})
    pair.crm.merge("partner", pair.crm.id_of("partner", "Initech"), winner)
    shown = sorted(pair.crm.relations())
    pair.look()
    assert (pair.said_here(), sorted(pair.crm.relations())) == (before, shown)
    pair.assert_alike()
