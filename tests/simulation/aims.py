"""Strikes at a chosen cell of the coverage table: a fault, in a run that writes a certain path.

Left to chance some pairs would hardly ever meet, a crash right before a deletion, say. So every
history has some rounds that are aimed, and the seeds take all cells in turn.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulation.faults import FAULTS
from simulation.template import DEALS
from simulation.words import ROLES

Made = dict[str, Any]
Labels = Mapping[str, Sequence[str]]
Cell = tuple[str, str]

STRIDE = 37
"""From the cell of one history to that of the next; takes all in turn."""

CRASHES = {
    f"crash {when} {kind}": {"hook": "crash", "at": at, "when": when}
    for kind, at in (("commit", "settle"), ("read", "look"), ("write", "write"))
    for when in ("before", "after")
}
UNANSWERED = ("lost reply", "503 after commit", "crash after write")
"""After these nobody knows whether it was written."""
CUSTOMS = ("approval lock", "index lag", "automation")
"""What is no fault of one call, but how a CRM is for a while."""
PATHS = (
    "prm create",
    "prm update",
    "prm delete",
    "crm create",
    "crm update",
    "crm delete",
    "relation create",
    "relation replace",
    "relation delete",
    "base move",
    "held",
    "undo",
)
"""Write paths: the columns of the coverage table."""
RELATIONS = ("relation create", "relation replace", "relation delete")
SELDOM = ("prm delete", "crm delete", *RELATIONS, "undo")
"""Paths that are aimed at; the others are met often enough."""
TWICE: Sequence[Cell] = tuple((fault, "relation create") for fault in UNANSWERED)
"""Made again without a look, a relation would stand there twice: aimed at most often."""
CELLS: Sequence[Cell] = (
    *((fault, path) for path in SELDOM for fault in (*CRASHES, *FAULTS, *CUSTOMS)),
    *TWICE,
    *TWICE,
    *TWICE,
)


def cell_of(seed: int) -> Cell:
    """What a history aims at."""
    return CELLS[seed * STRIDE % len(CELLS)]


class Aims:
    """Makes up aimed rounds. `number` gives a number that no typed value has had yet."""

    def __init__(self, chance: random.Random, number: Callable[[], int]) -> None:
        self.chance, self.number = chance, number

    def round(self, cell: Cell) -> list[Made]:
        """What people do, and the run that meets it."""
        fault, path = cell
        only = "sf" if cell in TWICE else {"approval lock": "sf", "index lag": "hs"}.get(fault)
        name = only or self.chance.choice(("hs", "sf"))
        deal = self._deal()
        number = self.number()  # below: there is a record to write in any case
        values = {"name": f"Deal name {number}", "source": f"Source {number}"}
        events = [_edited("prm", deal, values)]
        run = {"do": "sync", "on": name, "release": True, "wire": []}
        struck = run
        if path == "undo":
            events.append(run)
            struck = {"do": "undone", "on": name, "back": 0}
        else:
            events += self._prepared(path, name, but=deal)
        begun, wire, ended = self._fault(fault, name, deal)
        if cell in TWICE:
            wire += [_met(number) for number in range(2, 40)]
        if fault in UNANSWERED:  # what the next run may not write over, nor take for the CRM's own
            now = {"name": f"Deal name {self.number()}"}
            ended = [_edited(name, deal, now), _edited("prm", deal, {"source": None})]
        return [*events, *begun, {**struck, "wire": wire}, *ended]

    def _deal(self, but: str = "") -> str:
        return self.chance.choice([f"D{n}" for n in range(1, DEALS - 1) if f"D{n}" != but])

    def _prepared(self, path: str, name: str, *, but: str) -> list[Made]:
        """What has a run of this connection write that path."""
        system = name if path == "prm delete" else "prm"
        if path in RELATIONS:
            return [self._relation(system, path) for _ in range(2)]
        who = self._deal(but)
        gone = {"do": "delete", "in": system, "stream": "opportunity", "who": who}
        return [gone, *([self._relation(system, path)] if path == "prm delete" else [])]

    def _relation(self, system: str, path: str) -> Made:
        """One of those that stood there before the history."""
        number = self.chance.randint(1, DEALS - 2)
        ends = {"in": system, "deal": f"D{number}", "partner": f"P{number}", "role": ROLES[0]}
        if path == "relation create":
            return {**ends, "do": "relate", "role": self.chance.choice(ROLES[1:])}
        if path == "relation replace":
            return {**ends, "do": "rerole", "to": self.chance.choice(ROLES[1:])}
        return {**ends, "do": "unrelate"}

    def _fault(self, fault: str, name: str, deal: str) -> tuple[list[Made], list[Made], list[Made]]:
        """What begins before the run, what meets it on the wire, and what ends after it."""
        if fault in CRASHES:
            number = self.chance.randint(0, 5 if "commit" in fault else 1)
            elsewhere = self.chance.random() < 0.2
            return [], [{**CRASHES[fault], "n": number, "elsewhere": elsewhere}], []
        if fault in FAULTS:
            number = self.chance.choice((0, 0, 1))
            return [], [{"hook": "fault", "at": "write", "n": number, "fault": fault}], []
        if fault == "index lag":
            lag = {"do": "lag", "in": name}
            return [{**lag, "seconds": 90}], [], [{**lag, "seconds": 0}]
        if fault == "approval lock":
            lock = {"do": "lock", "stream": "opportunity", "who": deal, "locked": True}
            return [lock], [], [{**lock, "locked": False}]
        flow = {"do": "flow", "in": name, "stream": "opportunity"}
        return [{**flow, "does": "upper"}], [], [{**flow, "does": ""}]


def _met(commit: int) -> Made:
    """Somebody in the CRM makes what is planned, before the run looks whether it is there."""
    events = [{"do": "meet"}]
    return {"hook": "people", "at": "commit", "n": commit, "when": "after", "events": events}


def _edited(system: str, deal: str, values: Made) -> Made:
    return {"do": "edit", "in": system, "stream": "opportunity", "who": deal, "set": values}
