"""An answer in HubSpot is one on the record on which somebody gave it. A merge fills the blanks of
the record that is kept, also its decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prmsync.store.held import HeldState

STATE, DECISION = "prm_sync_state", "prm_sync_decision"


class Deals:
    """Firewall, which is asked about and answered in HubSpot, and is merged into Switches."""

    def __init__(self, world: Any, *, third_id: bool) -> None:
        self.world, self.crm = world, world.crms["crm"]
        portal = self.crm.simulator.portal
        portal.settings = replace(portal.settings, merge_new_id=third_id)
        self.ours = {
            name: world.insert("opportunity", {"name": name, "close_date": "2026-12-20"})
            for name in ("Firewall", "Switches")
        }
        world.settle("crm")
        self.ids = {row["dealname"]: row["id"] for row in self.crm.rows("opportunity")}

    def disagree(self, name: str) -> None:
        self.world.wait(2)
        self.world.edit("opportunity", self.ours[name], {"name": f"{name} here"})
        self.crm.edit("deals", self.ids[name], {"dealname": f"{name} there"})

    def run(self) -> None:
        self.world.wait(700)
        self.world.sync("crm", release=True)

    def answer(self, name: str) -> None:
        self.crm.edit("deals", self.ids[name], {DECISION: "keep_crm"})

    def merge(self) -> None:
        self.crm.merge("opportunity", self.ids["Firewall"], self.ids["Switches"])

    def name(self, name: str) -> Any:
        return self.world.ours("opportunity", self.ours[name])["name"]


@pytest.mark.parametrize("third_id", [False, True])
@pytest.mark.parametrize("told", [False, True])
def test_an_answer_that_a_merge_brings_to_another_deal_decides_nothing_there(
    make_world: Any, told: bool, third_id: bool
) -> None:
    """`told`: Switches was asked about before the merge, and not answered."""
    deals = Deals(make_world(crm="hubspot"), third_id=third_id)
    deals.disagree("Firewall")
    if told:
        deals.disagree("Switches")
    deals.run()
    deals.answer("Firewall")
    if not told:
        deals.disagree("Switches")
    deals.merge()
    assert deals.crm.only("opportunity")[DECISION] == "keep_crm"
    deals.run()
    deals.run()
    assert deals.name("Switches") == "Switches here"
    row = deals.crm.only("opportunity")
    assert (row[STATE], row[DECISION] or None) == ("needs_decision", None)
    (item,) = [one for one in deals.world.held() if one.group == "name"]
    assert item.state == HeldState.OPEN


@pytest.mark.parametrize("third_id", [False, True])
def test_after_a_merge_a_deal_is_answered_as_before(make_world: Any, third_id: bool) -> None:
    """Also while the other one waits for a person to say what becomes of it."""
    deals = Deals(make_world(crm="hubspot"), third_id=third_id)
    deals.disagree("Firewall")
    deals.disagree("Switches")
    deals.run()
    deals.merge()
    deals.run()
    deals.crm.edit("deals", deals.crm.only("opportunity")["id"], {DECISION: "keep_crm"})
    deals.run()
    deals.run()
    assert deals.name("Switches") == "Switches there"
    assert deals.name("Firewall") == "Firewall here"
