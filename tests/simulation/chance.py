"""From a seed to a history: which events, in which order. Nothing is played here."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from simulation.aims import Aims, cell_of
from simulation.faults import FAULTS
from simulation.play import History
from simulation.rarities import Rarities
from simulation.template import DEALS, PARTNERS, REGISTRATIONS
from simulation.words import ROLES, STAGES, day
from simulation.world import CONNECTORS, PROFILES

EDITS = 60
CRASHES = 3
SYSTEMS = ("prm", "prm", "sf", "hs")
"""Where people work; ours twice, because two connections meet there."""

Made = dict[str, Any]


class Writer:
    """Makes up a history. Every value that is typed is typed once, so that it can be told who
    typed it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(f"history {seed}")
        self.cell = cell_of(seed)
        self.profile = self.chance.choice(sorted(PROFILES))
        if self.cell[1] == "crm delete":
            self.profile = "propagate"
        self.synced = self.chance.random() < 0.8
        self.count = 0
        self.edits = 0
        self.labels = {
            "partner": [f"P{n}" for n in range(1, PARTNERS + 1)],
            "opportunity": [f"D{n}" for n in range(1, DEALS + 1)],
            "registration": [f"R{n}" for n in range(1, REGISTRATIONS + 1)]
            if "registration" in PROFILES[self.profile].streams
            else [],
        }
        self.hot = {
            stream: self.chance.sample(labels, min(3, len(labels)))
            for stream, labels in self.labels.items()
        }
        """Records that several people care about at once."""
        self.rare = Rarities(self.chance, self.labels, seed)
        self.aims = Aims(self.chance, self.number)

    def history(self, seed: int) -> History:
        events = [] if self.synced else self.first_runs()
        crashes, aimed = 0, self.aims.round(self.cell)
        while self.edits < EDITS or crashes < CRASHES:
            for _ in range(self.chance.randint(5, 11)):
                events.append(self.by_people())
            events += self.rare.between_runs()
            if self.chance.random() < 0.4:
                events.append(self.decision())
            if self.chance.random() < 0.5:
                events.append(self.pause())
            run = [self.run(crash=self.chance.random() < 0.5 or self.edits >= EDITS)]
            if aimed and self.chance.random() < 0.3:
                run, aimed = aimed, []
            crashes += any(_cut(event) for event in run)
            events += run
            if self.chance.random() < 0.15:
                events.append(self.undo())
        events += aimed
        for _ in range(2):
            events.append(self.decision())
        return History(seed, self.profile, self.synced, tuple(events))

    def first_runs(self) -> list[Made]:
        """Nothing was ever synced: the first creations are let go, and may go wrong."""
        order = self.chance.choice((("sf", "hs"), ("hs", "sf")))
        return [
            {"do": "sync", "on": name, "release": True, "wire": self.trouble(name, crash=first)}
            for first in (self.chance.random() < 0.5, False)
            for name in order
        ]

    # --- people ------------------------------------------------------------------------------

    def by_people(self) -> Made:
        self.edits += 1
        kinds: list[tuple[int, Callable[[], Made]]] = [
            (60, self.edit),
            (8, self.creation),
            (4, self.deletion),
            (14, self.relation),
        ]
        make = self.chance.choices([one for _, one in kinds], [weight for weight, _ in kinds])[0]
        return make()

    def number(self) -> int:
        self.count += 1
        return self.count

    def who(self, stream: str) -> str:
        hot = self.hot[stream]
        if hot and self.chance.random() < 0.65:
            return self.chance.choice(hot)
        return self.chance.choice(self.labels[stream])

    def stream(self) -> str:
        known = [name for name, labels in self.labels.items() if labels]
        return self.chance.choice([*known, "opportunity"])

    def edit(self) -> Made:
        stream = self.stream()
        system = self.chance.choice(SYSTEMS)
        made = {
            "do": "edit",
            "in": system,
            "stream": stream,
            "who": self.who(stream),
            "set": self.values(stream),
        }
        if system == "sf" and self.chance.random() < 0.15:
            made["late"] = self.chance.randint(5, 400)
        return made

    def values(self, stream: str) -> Made:
        number = self.number()
        choices: dict[str, list[Callable[[int], Made]]] = {
            "partner": [
                lambda n: {"name": f"Partner name {n}"},
                lambda n: {"domain": f"p{n}.example"},
                lambda n: {"partner_manager": f"Manager {n}"},
            ],
            "opportunity": [
                lambda n: {"name": f"Deal name {n}"},
                lambda n: {"source": f"Source {n}"},
                lambda n: {"customer_name": f"Customer name {n}"},
                lambda n: {"customer_domain": f"c{n}.example", "customer_country": "FR"},
                lambda n: {"amount": f"{1000 + n}.00"},
                lambda n: {"amount": f"{1000 + n}.00", "currency": "GBP"},
                lambda n: {"close_date": day(n)},
                self.progress,
                self.progress,
            ],
            "registration": [
                lambda n: {"customer_name": f"Filed name {n}"},
                lambda n: {"expected_close": day(n)},
                lambda n: {"customer_contact": f"c{n}@filed.example"},
                lambda n: {"reason": f"Reason {n}"},
            ],
        }
        return self.chance.choice(choices[stream])(number)

    def progress(self, number: int) -> Made:
        stage = self.chance.choices(STAGES, [2, 4, 5, 5, 4, 2, 2])[0]
        made = {"stage": stage, "close_date": day(number)}
        if stage == "closed_lost":
            made["loss_reason"] = f"Loss {number}"
        return made

    def creation(self) -> Made:
        number = self.number()
        system = self.chance.choice(("prm", "prm", "sf", "hs"))
        if system == "prm" and self.chance.random() < 0.3:
            label = f"P{100 + number}"
            self.labels["partner"].append(label)
            values = {
                "name": f"Partner {100 + number}",
                "domain": f"partner{100 + number}.example",
                "country": "AT",
                "types": "reseller",
                "status": "active",
            }
            return self.made("partner", system, label, values)
        label = f"D{100 + number}"
        self.labels["opportunity"].append(label)
        values = {
            "name": f"Deal {100 + number}",
            "stage": self.chance.choice(STAGES[:3]),
            "amount": f"{5000 + number}.00",
            "currency": "EUR",
            "close_date": day(number),
            "customer_name": f"Customer {100 + number}",
        }
        if system == "prm" and self.chance.random() < 0.5:
            values["partner"] = self.who("partner")
        return self.made("opportunity", system, label, values)

    def made(self, stream: str, system: str, label: str, values: Made) -> Made:
        if self.chance.random() < 0.5:
            self.hot[stream].append(label)
        return {"do": "create", "in": system, "stream": stream, "who": label, "set": values}

    def deletion(self) -> Made:
        known = [name for name in self.labels if self.labels[name]]
        stream = self.chance.choice([*known, "opportunity"])
        system = self.chance.choice(SYSTEMS)
        return {"do": "delete", "in": system, "stream": stream, "who": self.who(stream)}

    def relation(self) -> Made:
        system = self.chance.choice(SYSTEMS)
        made = {
            "in": system,
            "deal": self.who("opportunity"),
            "partner": self.who("partner"),
            "role": self.chance.choice(ROLES),
        }
        kind = self.chance.random()
        if kind < 0.5:
            return {"do": "relate", **made}
        number = self.chance.randint(1, DEALS - 2)
        known = {**made, "deal": f"D{number}", "partner": f"P{number}", "role": "reseller"}
        if kind < 0.75:
            return {"do": "unrelate", **known}
        return {"do": "rerole", **known, "in": "prm", "to": self.chance.choice(ROLES[1:])}

    def decision(self) -> Made:
        return {
            "do": "decide",
            "pick": self.chance.randint(0, 20),
            "take": self.chance.choice(("prm", "crm")),
        }

    def pause(self) -> Made:
        return {"do": "wait", "seconds": self.chance.choice((1, 5, 30, 60, 300, 900, 4000))}

    # --- runs --------------------------------------------------------------------------------

    def run(self, *, crash: bool) -> Made:
        name = self.chance.choice(sorted(CONNECTORS))
        return {
            "do": "sync",
            "on": name,
            "release": self.chance.random() < 0.7,
            "wire": self.trouble(name, crash=crash),
        }

    def undo(self) -> Made:
        """Of a run; every second time nothing disturbs it."""
        made = self.rare.undo([])
        if self.chance.random() < 0.5:
            made["wire"] = self.trouble(made["on"], crash=self.chance.random() < 0.4)
        return made

    def trouble(self, name: str, *, crash: bool) -> list[Made]:
        wire: list[Made] = []
        if crash:
            wire.append(self.crash())
        elif self.chance.random() < 0.6:
            wire.append(self.fault())
        if self.chance.random() < 0.35:
            wire.append(self.meanwhile(name))
        for _ in range(self.chance.choice((0, 1, 1, 2))):
            wire.append(self.touched())
        return wire

    def crash(self) -> Made:
        at = self.chance.choice(("commit", "commit", "read", "look", "write"))
        return {
            "hook": "crash",
            "at": at,
            "n": self.chance.randint(0, {"commit": 14, "read": 6, "look": 2, "write": 1}[at]),
            "when": self.chance.choice(("before", "after")),
            "elsewhere": self.chance.random() < 0.2,
        }

    def fault(self) -> Made:
        name = self.chance.choice(sorted(FAULTS))
        at = "write" if self.chance.random() < 0.75 else "read"
        return {
            "hook": "fault",
            "at": at,
            "n": self.chance.randint(0, 2 if at == "write" else 7),
            "fault": name,
        }

    def meanwhile(self, name: str) -> Made:
        """People go on while it runs: before a read, so that a guard may still see them, or
        between two transactions."""
        at = self.chance.choice(("read", "read", "commit"))
        events = [self.by_people() for _ in range(self.chance.randint(1, 2))]
        return self.people(at, self.chance.randint(0, 8), events)

    def touched(self) -> Made:
        """People type into what is just being written: before the guard has looked at it, between
        the guard and the write, after the write, or between two transactions."""
        at = self.chance.choice(("look", "look", "write", "commit"))
        event = {
            "do": "touch",
            "in": self.chance.choice(("prm", "crm", "crm")),
            "pick": self.chance.randint(0, 9),
            "number": 1000 + self.number(),
        }
        return self.people(at, self.chance.randint(0, 9 if at == "commit" else 3), [event])

    def people(self, at: str, number: int, events: list[Made]) -> Made:
        when = "after" if at == "commit" else self.chance.choice(("before", "after"))
        return {"hook": "people", "at": at, "n": number, "when": when, "events": events}


def _cut(event: Made) -> bool:
    return any(hook["hook"] == "crash" for hook in event.get("wire", ()))


def history_of(seed: int) -> History:
    """The history of a seed; always the same."""
    return Writer(seed).history(seed)
