"""A close date is a day with us, and in HubSpot a moment that its account shows as a day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync_hubspot.simulator import HubSpotSimulator
from rig import World

ZONES = {
    "US/Pacific": ("2026-03-08", "2026-11-01"),
    "America/St_Johns": ("2026-03-08", "2026-11-01"),
    "UTC": (),
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "Asia/Kolkata": (),
    "Pacific/Auckland": ("2026-09-27", "2026-04-05"),
    "Pacific/Kiritimati": (),
}
"""West and east of UTC, and the days on which their clocks change."""


def days(zone: str) -> list[str]:
    """Each day on which the clock changes with its neighbours, and days where a year or a leap day
    turns."""
    turns = [datetime.fromisoformat(day) for day in ZONES[zone]]
    around = [turn + timedelta(days=step) for turn in turns for step in (-1, 0, 1)]
    plain = [datetime.fromisoformat(day) for day in ("2026-12-31", "2027-01-01", "2028-02-29")]
    return [f"{day:%Y-%m-%d}" for day in [*around, *plain]]


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(make_world: Callable[..., World], zone: str) -> World:
    world = make_world(crm="hubspot")
    schema = {"account": {"timeZone": zone}}
    world.crms["crm"].simulator = HubSpotSimulator(
        SimulatorOptions(now=world.now, schema=schema), monotonic=lambda: world.now().timestamp()
    )
    return world


def shown(row: dict[str, Any], zone: str) -> str:
    """The day that a person sees in HubSpot."""
    moment = datetime.fromisoformat(row["closedate"])
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d}"


def test_every_day_is_shown_as_it_was_meant_and_comes_back_unchanged(
    world: World, zone: str
) -> None:
    crm = world.crms["crm"]
    meant = {f"Deal {day}": day for day in days(zone)}
    made = {
        name: world.insert("opportunity", {"name": name, "stage": "qualified", "close_date": day})
        for name, day in meant.items()
    }
    world.settle("crm")
    assert {row["dealname"]: shown(row, zone) for row in crm.rows("opportunity")} == meant
    world.wait(700)
    assert world.settle("crm").counts == {}
    assert {
        name: world.ours("opportunity", one)["close_date"] for name, one in made.items()
    } == meant


@pytest.mark.parametrize("hour", [0, 23])
def test_a_day_that_a_person_chooses_in_hubspot_is_that_day_here(
    world: World, zone: str, hour: int
) -> None:
    """HubSpot keeps the hour at which somebody chose the day, or midnight."""
    crm = world.crms["crm"]
    chosen: dict[str, str] = {}
    for day in days(zone):
        local = datetime.fromisoformat(f"{day}T{hour:02}:30").replace(tzinfo=ZoneInfo(zone))
        milliseconds = str(int(local.astimezone(UTC).timestamp() * 1000))
        name = f"Deal {day}"
        stage = {"dealstage": "qualifiedtobuy", "pipeline": "default"}
        crm.create("deals", {"dealname": name, "closedate": milliseconds, **stage})
        chosen[name] = day
    world.settle("crm")
    ours = world.all_ours("opportunity").values()
    assert {one["name"]: one["close_date"] for one in ours} == chosen
    assert {row["dealname"]: shown(row, zone) for row in crm.rows("opportunity")} == chosen
