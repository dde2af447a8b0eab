"""A first sync of many HubSpot deals whose pages come several at a time, and which ends midway."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.http import Request, Response
from prmsync.errors import RetryableError
from prmsync_hubspot.simulator import HubSpotSimulator
from rig import World

COUNT = 3_550
LIST = "/crm/objects/2026-09/deals"


class Ending:
    """A simulator that answers no page of deals after the first so many."""

    def __init__(self, simulator: HubSpotSimulator, pages: int) -> None:
        self._simulator = simulator
        self.pages = pages

    def handle(self, request: Request) -> Response:
        if request.method == "GET" and request.path == LIST:
            self.pages -= 1
            if self.pages < 0:
                return Response(503, b"{}", {})
        return self._simulator.handle(request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._simulator, name)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    world = make_world(crm="hubspot")
    ids = [str(51_000_000_001 + 3 * place) for place in range(COUNT)]
    deals = [{"id": one, "properties": {"dealname": f"Deal {one}"}} for one in ids]
    world.crms["crm"].simulator = HubSpotSimulator(
        SimulatorOptions(now=world.now, data={"deals": deals}),
        monotonic=lambda: world.now().timestamp(),
    )
    world.wait(3600)
    return world


def names(world: World) -> Counter[Any]:
    return Counter(one["name"] for one in world.all_ours("opportunity").values())


@pytest.mark.parametrize("pages", [14, 30])
def test_it_goes_on_at_the_next_run_and_each_deal_arrives_once(
    world: World, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr("prmsync_hubspot.connector.JOINED", 300)
    crm = world.crms["crm"]
    whole = crm.simulator
    with ThreadPoolExecutor(12) as world.pool:
        crm.simulator = Ending(whole, pages)
        with pytest.raises(RetryableError):
            world.sync("crm", release=True)
        crm.simulator = whole
        asked = whole.chassis.stats.calls("objects.list")
        world.settle("crm")
        # The rest of the deals, and once their ids for the relations.
        assert whole.chassis.stats.calls("objects.list") - asked < 2 * COUNT / 100 + 15
    assert names(world) == Counter(f"Deal {51_000_000_001 + 3 * one}" for one in range(COUNT))
