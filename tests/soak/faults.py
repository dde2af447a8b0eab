"""How the CRMs misbehave during a soak: another mix before each run."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import rig
from soak.ground import Crm, Ground

ANYTHING = "services/data|/crm/|associations"
LOCKED = {
    "salesforce": {"status": 400, "code": "UNABLE_TO_LOCK_ROW"},
    "hubspot": {"status": 500, "code": "INTERNAL_ERROR"},
}
TOO_MANY: dict[str, dict[str, Any]] = {
    "salesforce": {
        "status": 403,
        "code": "REQUEST_LIMIT_EXCEEDED",
        "message": "TotalRequests Limit exceeded.",
    },
    "hubspot": {"status": 429, "headers": {"retry-after": "1"}},
}


def kinds(connector: str) -> dict[str, dict[str, Any]]:
    """Name → the fault rule."""
    writes = {"path": rig.WRITE_PATHS[connector]}
    return {
        "reply of a write lost": {**writes, "drop": True, "every_nth": 2, "times": 2},
        "write lost on its way": {**writes, "drop": True, "commit": False, "times": 2},
        "server error after the write": {**writes, "status": 502, "commit": True, "times": 2},
        "rows locked": {**writes, **LOCKED[connector], "record": ".", "percent": 25, "times": 10},
        "unavailable": {"path": ANYTHING, "status": 503, "percent": 20, "times": 6},
        "too many calls": {"path": ANYTHING, **TOO_MANY[connector], "every_nth": 7, "times": 1},
        "session ended": {"path": ANYTHING, "status": 401, "every_nth": 5, "times": 1},
        "slow": {"path": ANYTHING, "latency_ms": 300, "percent": 20, "times": 20},
        "read broken off": {"path": "query|search|/objects/", "drop": True, "times": 2},
    }


class Weather:
    """The faults in force; `fired` counts those that had an effect, by kind."""

    def __init__(self, ground: Ground, chance: random.Random) -> None:
        self._ground = ground
        self._chance = chance
        self._now: dict[str, list[str]] = {name: [] for name in ground.crms}
        self.fired: Counter[str] = Counter()

    def change(self) -> None:
        """Other faults than before: up to three kinds for each CRM, sometimes none."""
        self.clear()
        for name, crm in self._ground.crms.items():
            known = kinds(crm.connector)
            chosen = self._chance.sample(sorted(known), self._chance.randrange(4))
            self._now[name] = chosen
            if chosen:
                crm.control("POST", "faults", [known[one] for one in chosen])

    def clear(self) -> None:
        for name, crm in self._ground.crms.items():
            self._count(name, crm)
            crm.control("DELETE", "faults")
            self._now[name] = []

    def _count(self, name: str, crm: Crm) -> None:
        rules = crm.control("GET", "faults")["faults"]
        for kind, rule in zip(self._now[name], rules, strict=True):
            self.fired[kind] += rule["fired"]
