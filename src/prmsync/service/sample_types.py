"""What the sample program consists of, and the seeded dice that it is made with."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from prmsync.domain.values import PrmId, Values

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SampleSize:
    """How much is generated. At most 40 partners; at least 200 registrations for all states."""

    partners: int = 40
    registrations: int = 600
    direct: int = 2000


@dataclass(frozen=True, slots=True)
class CrmRecord:
    """A record that is in a CRM before the first sync.

    `values` are canonical values by prm field name. `refs` are references: prm field name → the
    `ref` of another record of the same CRM.
    """

    stream: str
    ref: str
    values: Values
    refs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planted:
    """A conflict that the check must find; `other` is a registration number or a CrmRecord ref."""

    kind: str
    registration: str
    other: str


@dataclass(frozen=True, slots=True)
class SampleProgram:
    """Rows of the partner database by table name, in insertion order, and both CRMs' records."""

    rows: dict[str, list[Row]]
    salesforce: list[CrmRecord]
    hubspot: list[CrmRecord]
    planted: list[Planted]


class Dice:
    """Seeded choices, ids and times around one day."""

    def __init__(self, seed: int, today: date) -> None:
        # Sample data, not secrets: it has to be the same for the same seed.
        self.random = random.Random(seed)  # noqa: S311 - repeatable chance, not a secret
        self.today = today
        self.now = datetime.combine(today, time(8), UTC)

    def new_id(self) -> PrmId:
        return PrmId(str(uuid.UUID(int=self.random.getrandbits(128), version=4)))

    def ago(self, least: float, most: float) -> datetime:
        """A moment between `least` and `most` days ago, to the second."""
        seconds = self.random.uniform(least, most) * 86400
        return (self.now - timedelta(seconds=seconds)).replace(microsecond=0)

    def day(self, least: int, most: int) -> date:
        """A day between `least` and `most` days from today."""
        return self.today + timedelta(days=self.random.randint(least, most))

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent
