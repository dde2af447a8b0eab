"""The world before a history: made and synced once for each profile, then copied."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from prmsync.domain.values import Values
from prmsync.sync import run
from simulation.words import to_crm
from simulation.world import CONNECTORS, PROFILES, World

PARTNERS = 7
DEALS = 8
"""Of which the last two are made in a CRM, one in each."""
REGISTRATIONS = 4


@dataclass(frozen=True)
class Template:
    """A database file, both CRMs' states and what people call the records: system, stream and id
    → label."""

    database: Path
    states: Mapping[str, Any]
    labels: Mapping[tuple[str, str, str], str]
    at: datetime


def _nobody(_events: Sequence[Mapping[str, Any]]) -> None:
    """Nobody works while the world is made."""


def _unseen(_system: str, _body: bytes = b"") -> None:
    """Nobody watches while the world is made."""


@cache
def template(folder: Path, profile: str, *, synced: bool) -> Template:
    """The worker's own, in its folder. With `synced` all records are on all sides; else each is
    where it was made."""
    world = World(profile, random.Random(profile), _nobody, _unseen, _unseen)
    labels = _records(world)
    for name in ("sf", "hs", "sf", "hs", "sf") if synced else ():
        world.wait(2)
        run.sync(world.session(name), release=True)
    world.wait(3600)
    world.close()
    kept = world.path.parent / f"{profile}-{synced}.db"
    shutil.copyfile(world.path, kept)
    states = {name: crm.control("GET", "state") for name, crm in world.crms.items()}
    return Template(kept, states, labels, world.at)


def lay_out(world: World, synced: bool) -> Mapping[tuple[str, str, str], str]:
    """Make a world the template's twin."""
    made = template(world.path.parent, world.profile, synced=synced)
    world.prm.close()
    world.lay_down(made.database)
    world.at = made.at
    for name in CONNECTORS:
        world.crms[name].control("PUT", "state", made.states[name])
    return made.labels


def _records(world: World) -> dict[tuple[str, str, str], str]:
    labels: dict[tuple[str, str, str], str] = {}

    def ours(stream: str, label: str, values: Values) -> str:
        made = world.insert(stream, values)
        labels["prm", stream, made] = label
        return made

    partners = [
        ours(
            "partner",
            f"P{number}",
            {
                "name": f"Partner {number}",
                "domain": f"partner{number}.example",
                "country": "DE",
                "types": "reseller",
                "status": "active",
            },
        )
        for number in range(1, PARTNERS + 1)
    ]
    deals = [
        ours("opportunity", f"D{number}", deal(number, partners[number % PARTNERS]))
        for number in range(1, DEALS - 1)
    ]
    for deal_id, partner in zip(deals, partners, strict=False):
        world.insert("relation", {"opportunity": deal_id, "partner": partner, "role": "reseller"})
    if "registration" in PROFILES[world.profile].streams:
        for number in range(1, REGISTRATIONS + 1):
            ours(
                "registration",
                f"R{number}",
                {
                    "number": f"DR-{number}",
                    "partner": partners[number],
                    "opportunity": deals[number],
                    "customer_name": f"Filed {number}",
                    "expected_close": "2027-01-31",
                },
            )
    for number, (name, crm) in enumerate(world.crms.items(), DEALS - 1):
        made = crm.create("opportunity", typed(crm.connector, number))
        labels[name, "opportunity", made] = f"D{number}"
    return labels


def deal(number: int, partner: str | None) -> Values:
    """A deal as a channel manager enters it."""
    return {
        "name": f"Deal {number}",
        "stage": "qualified",
        "amount": f"{number}00.00",
        "currency": "EUR",
        "close_date": "2027-02-28",
        "customer_name": f"Customer {number}",
        "partner": partner,
    }


def typed(connector: str, number: int) -> dict[str, Any]:
    """The same kind of deal as sales types it."""
    values = {name: value for name, value in deal(number, None).items() if name != "partner"}
    return to_crm(connector, "opportunity", values)
