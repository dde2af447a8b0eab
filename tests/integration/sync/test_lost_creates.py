"""Edits on both sides of a record whose creation is not known to have arrived: neither is first."""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.connector.simulator.http import Request, Response
from prmsync.domain.values import Values
from rig import Crm, World

DEAL: Values = {"name": "Firewall", "close_date": "2026-12-20"}
EARLIER = {
    "salesforce": {"CloseDate": "2026-12-18"},
    "hubspot": {"closedate": "2026-12-18T12:00:00Z"},
}
"""The deal's close date as somebody sets it in the CRM."""
NAME = {"salesforce": "Name", "hubspot": "dealname"}


class EditsAtOnce:
    """A CRM with somebody who edits a deal as soon as there is one."""

    def __init__(self, crm: Crm, **values: Any) -> None:
        self.crm, self.inner, self.values, self.done = crm, crm.simulator, values, False

    def handle(self, request: Request) -> Response:
        try:
            return self.inner.handle(request)
        finally:
            if not self.done and not request.path.startswith("/_simulator/"):
                for row in self.crm.rows("opportunity"):
                    self.done = True
                    self.crm.change("opportunity", row[self.crm.words["id"]], **self.values)


def made_without_an_answer(world: World, crm: Crm, partner: str | None = None, **fault: Any) -> str:
    """A deal of ours that arrived in the CRM, was edited there, and whose answer was lost."""
    made = world.insert("opportunity", {**DEAL, "partner": partner})
    crm.fault(**(fault or {"drop": True}), times=1)
    simulator = crm.simulator
    crm.simulator = EditsAtOnce(crm, **EARLIER[crm.connector])
    assert world.sync("crm", release=True).state == "failed"
    crm.simulator = simulator
    return made


def test_a_group_edited_on_both_sides_waits_for_a_person(world: World, crm: Crm) -> None:
    made = made_without_an_answer(world, crm)
    ours: Values = {"stage": "business_validation", "close_date": "2026-12-26"}
    world.edit("opportunity", made, ours)
    world.settle("crm")
    kept = world.ours("opportunity", made)
    assert {name: kept[name] for name in ours} == ours
    (item,) = world.held()
    assert (item.group, item.crm and item.crm[1]) == ("progress", "2026-12-18")


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 503, "commit": True}])
def test_an_edit_in_the_crm_alone_comes_here(world: World, crm: Crm, fault: Any) -> None:
    """A create that was sent once more would write over it."""
    made = made_without_an_answer(world, crm, **fault)
    world.settle("crm")
    assert world.ours("opportunity", made)["close_date"] == "2026-12-18"
    assert world.held() == []


def test_an_edit_here_of_what_the_crm_left_as_it_was_goes_there(world: World, crm: Crm) -> None:
    made = made_without_an_answer(world, crm)
    world.edit("opportunity", made, {"name": "Firewall XL"})
    world.settle("crm")
    assert crm.only("opportunity")[NAME[crm.connector]] == "Firewall XL"
    assert world.held() == []


def test_it_is_not_made_once_more_in_a_run_that_comes_back_to_what_waits(
    world: World, crm: Crm, partner_values: Values
) -> None:
    """Its partner is gone in the CRM: it is made without, and waits for that; another partner is
    made in the same run, so that what waits is decided again."""
    gone = world.insert("partner", partner_values)
    world.settle("crm")
    crm.remove("partner", crm.only("partner")[crm.words["id"]])
    world.wait(700)
    world.settle("crm")
    world.insert("partner", {"name": "Initech", "domain": "initech.example", "country": "DE"})
    path = r"/(Opportunity/|deals/batch/upsert)"
    made = made_without_an_answer(world, crm, gone, drop=True, path=path)
    earlier = EARLIER[crm.connector]
    shown = crm.only("opportunity")
    assert {name: shown[name] for name in earlier} == earlier
    world.settle("crm")
    assert world.ours("opportunity", made)["close_date"] == "2026-12-18"
    assert world.ours("opportunity", made)["partner"] == gone
    creates = [one for one in world.history("opportunity", made) if one.op == "create"]
    assert len(creates) == 1
