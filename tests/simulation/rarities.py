"""What happens now and then in a history, besides edits: made up here, carried out in `deeds`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

Made = dict[str, Any]
Labels = Mapping[str, Sequence[str]]


class Rarities:
    """`labels` are those of the history that is being made, which grow."""

    def __init__(self, chance: random.Random, labels: Labels, seed: int) -> None:
        self.chance, self.labels = chance, labels
        self.anew = random.Random(f"merges {seed}")
        """Whether a merge in HubSpot leaves a record with a new id."""
        self.twins: list[tuple[str, str]] = []
        """(system, label) of duplicates that people have made."""
        self.deleted: list[Made] = []

    def between_runs(self) -> list[Made]:
        """What people and admins do while nothing runs."""
        found = []
        for part, make in (
            (0.10, self.twin),
            (0.12, self.merge),
            (0.25, self.restore),
            (0.35, self.answer),
            (0.05, self.lag),
            (0.10, self.lock),
            (0.04, self.flow),
            (0.05, self.share),
            (0.04, self.remap),
        ):
            if self.chance.random() < part:
                found += make()
        return found

    def lock(self) -> list[Made]:
        stream = self.chance.choice(("partner", "opportunity", "opportunity"))
        locked = self.chance.random() < 0.6
        return [{"do": "lock", "stream": stream, "who": self.known(stream), "locked": locked}]

    def flow(self) -> list[Made]:
        stream = self.chance.choice(("partner", "opportunity"))
        does = self.chance.choice(("upper", "lower", ""))
        return [{"do": "flow", "in": self.crm(), "stream": stream, "does": does}]

    def share(self) -> list[Made]:
        return [{"do": "share", "on": self.crm(), "calls": self.chance.choice((5, 20, 60, 400))}]

    def remap(self) -> list[Made]:
        stream, group = self.chance.choice((("opportunity", "source"), ("partner", "manager")))
        to = self.chance.choice(("gone", "", "prm" if group == "source" else "hold"))
        return [{"do": "remap", "on": self.crm(), "stream": stream, "group": group, "to": to}]

    def undo(self, wire: list[Made]) -> Made:
        """Somebody takes a run back: most often the last one."""
        back = self.chance.choice((0, 0, 0, 1, 1, 2, 4))
        return {"do": "undone", "on": self.crm(), "back": back, "wire": wire}

    def crm(self) -> str:
        return self.chance.choice(("sf", "hs"))

    def known(self, stream: str) -> str:
        return self.chance.choice(self.labels[stream])

    def twin(self) -> list[Made]:
        """Somebody makes a company a second time."""
        system, who = self.crm(), self.known("partner")
        label = f"{who} twin {len(self.twins) + 1}"
        self.twins.append((system, label))
        return [{"do": "twin", "in": system, "who": who, "as": label}]

    def merge(self) -> list[Made]:
        """Salesforce merges accounts alone; HubSpot deals too."""
        system = self.crm()
        stream = "partner"
        if system == "hs" and self.chance.random() < 0.3:
            stream = "opportunity"
        pair = [self.known(stream), self.known(stream)]
        twins = [label for place, label in self.twins if place == system]
        if stream == "partner" and twins and self.chance.random() < 0.8:
            pair[0] = self.chance.choice(twins)
            if self.chance.random() < 0.7:
                pair[1] = pair[0].partition(" twin ")[0]
        self.chance.shuffle(pair)
        made = {"do": "merge", "in": system, "stream": stream, "who": pair[0], "into": pair[1]}
        return [{**made, "anew": system == "hs" and self.anew.random() < 0.5}]

    def restore(self) -> list[Made]:
        """Somebody wants back what was deleted in a CRM, by whomever."""
        stream = self.chance.choice([name for name in self.labels if self.labels[name]])
        pick = self.chance.randint(0, 20)
        return [{"do": "restore", "in": self.crm(), "stream": stream, "pick": pick}]

    def answer(self) -> list[Made]:
        """Somebody in a CRM answers what waits there."""
        take, pick = self.chance.choice(("prm", "crm")), self.chance.randint(0, 20)
        return [{"do": "answer", "in": self.crm(), "pick": pick, "take": take}]

    def lag(self) -> list[Made]:
        """HubSpot's search lags from now on, or no longer."""
        seconds = self.chance.choice((0, 20, 90, 400))
        return [{"do": "lag", "in": "hs", "seconds": seconds}]
