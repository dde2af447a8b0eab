"""People at work on both sides of both CRMs, all the time, and the log of what they did.

While prmsync runs, each field is edited on one side only (which one differs from field to field),
so that nobody can type into the moment between prmsync's look at a record and its write; no API
closes that moment. Fields that several sides edit at once are edited while no run is under way.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

import rig
from prmsync.domain.values import PrmId, Values
from prmsync.store import records
from prmsync.store.database import Database
from prmsync.store.tables import link, stream
from soak.ground import Crm, Ground

PRM, SF, HS, HOME = "prm", "acme-sf", "acme-hs", "home"

WHO: dict[tuple[str, str], str] = {
    ("partner", "name"): PRM,
    ("partner", "duns"): SF,
    ("partner", "domain"): HS,
    ("registration", "customer_name"): PRM,
    ("registration", "customer_contact"): SF,
    ("registration", "expected_close"): HS,
    ("opportunity", "source"): PRM,
    ("opportunity", "customer_name"): HOME,
}
"""Field → the side that edits it while prmsync runs; `home`: the CRM that owns the deal."""

Where = tuple[str, str, str]
"""(stream, our id, field)"""


@dataclass
class Office:
    """`log`: (field, side, value) in order. `born`: names of deals that somebody made."""

    ground: Ground
    database: Database
    chance: random.Random
    log: list[tuple[Where, str, str]] = field(default_factory=list)
    born: list[str] = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)
    relations: int = 0
    count: int = 0

    def fill(self, partners: int, deals: int) -> None:
        """The program before the first sync; a third of the partners are accounts already."""
        ids = [self.partner() for _ in range(partners)]
        for number in range(partners // 3):
            for crm in self.ground.crms.values():
                values = {"name": f"Partner {number + 1:04}", "domain": f"p{number + 1:04}.example"}
                crm.create("partner", values)
        for number in range(deals):
            deal = self.deal(f"Deal {number:04}", ids[number % partners])
            self.registration(ids[number % partners], deal)
            if number % 2:
                self.relation(deal, ids[number % partners])

    def partner(self) -> str:
        self.count += 1
        return self._insert(
            "partner",
            {
                "name": f"Partner {self.count:04}",
                "domain": f"p{self.count:04}.example",
                "country": "DE",
                "types": "reseller",
                "status": "active",
            },
        )

    def deal(self, name: str, partner: str) -> str:
        self.born.append(name)
        values: Values = {
            "name": name,
            "number": f"OP-{name}",
            "partner": partner,
            "stage": "qualified",
            "amount": "1000.00",
            "currency": "EUR",
            "close_date": "2026-12-20",
            "customer_name": f"Customer of {name}",
        }
        return self._insert("opportunity", values)

    def registration(self, partner: str, deal: str) -> str:
        self.count += 1
        values: Values = {
            "number": f"DR-{self.count:05}",
            "partner": partner,
            "opportunity": deal,
            "customer_name": f"Customer {self.count}",
        }
        return self._insert("registration", values)

    def relation(self, deal: str, partner: str) -> str:
        self.relations += 1
        ends: Values = {"opportunity": deal, "partner": partner, "role": "reseller"}
        return self._insert("relation", ends)

    def work(self) -> None:
        """One thing that somebody does while prmsync may be running."""
        if self.chance.random() < 0.04:
            self._make_something()
            return
        (kind, name), side = self.chance.choice(list(WHO.items()))
        found = self._links(kind)
        if side == HOME:
            found = [one for one in found if one[3] == one[0]]
        elif side != PRM:
            found = [one for one in found if one[0] == side]
        if not found:
            return
        connection, prm_id, crm_id, _ = self.chance.choice(found)
        value = self._value(name)
        if side == PRM:
            self._edit_prm(kind, prm_id, name, value)
        else:
            self._edit_crm(connection, kind, prm_id, crm_id, name, value)

    def meet(self) -> None:
        """No run is under way: several sides edit one field of one record."""
        ours = [where for where, side in WHO.items() if side == PRM]
        for kind, name in self.chance.sample(ours, 2):
            found = self._links(kind)
            if not found:
                continue
            prm_id = self.chance.choice(found)[1]
            for connection, other, crm_id, _ in found:
                if other == prm_id and self.chance.random() < 0.7:
                    self._edit_crm(connection, kind, prm_id, crm_id, name, self._value(name))
            if self.chance.random() < 0.7:
                self._edit_prm(kind, prm_id, name, self._value(name))

    def _make_something(self) -> None:
        what = self.chance.choice(["partner deal", SF, HS])
        if what != "partner deal":
            crm = self.ground.crms[what]
            self.born.append(f"Deal of {what} {len(self.born):04}")
            self.crm_deal(crm, self.born[-1])
            self.did[f"deals made in {crm.connector}"] += 1
            return
        partner = self.partner()
        deal = self.deal(f"Late deal {len(self.born):04}", partner)
        self.registration(partner, deal)
        self.relation(deal, partner)
        self.did["partners with deal, registration and relation made in prm"] += 1

    def crm_deal(self, crm: Crm, name: str) -> None:
        """A rep's deal, whose transaction was slow: its modified time is older than its commit."""
        words = rig.WORDS[crm.connector]
        values: dict[str, Any] = {
            "deal_name": name,
            "stage": words["qualified"],
            "close_date": words["day"].format("2026-11-30"),
        }
        late = datetime.now(UTC) - timedelta(seconds=self.chance.randrange(1, 120))
        crm.create("opportunity", values, stamp=late.isoformat())

    def _edit_prm(self, kind: str, prm_id: str, name: str, value: str) -> None:
        with self.database.begin() as connection:
            problems = records.update(connection, kind, [(PrmId(prm_id), {name: value})])
        assert not problems, problems
        self._note((kind, prm_id, name), PRM, value)

    def _edit_crm(
        self, connection: str, kind: str, prm_id: str, crm_id: str, name: str, value: str
    ) -> None:
        self.ground.crms[connection].edit(kind, crm_id, name, value)
        self._note((kind, prm_id, name), connection, value)

    def _note(self, where: Where, side: str, value: str) -> None:
        self.log.append((where, side, value))
        self.did[f"{where[0]} edits in {side}"] += 1

    def _value(self, name: str) -> str:
        """A value that nobody else ever types; days are the exception."""
        number = self.chance.randrange(10**8, 10**9)
        if name == "duns":
            return str(number)
        if name == "domain":
            return f"p{number}.example"
        if name == "expected_close":
            return (date(2027, 1, 1) + timedelta(days=number % 20_000)).isoformat()
        return f"value {number}"

    def _insert(self, kind: str, values: Values) -> str:
        made = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        with self.database.begin() as connection:
            problems = records.insert(connection, kind, [(PrmId(made), values)])
        assert not problems, problems
        return made

    def _links(self, kind: str) -> list[tuple[str, str, str, str | None]]:
        """(connection, our id, CRM id, the deal's home) of all pairs, in one order."""
        pairs = (
            sa.select(stream.c.connection, link.c.prm_id, link.c.crm_id)
            .join(stream, stream.c.id == link.c.stream_id)
            .where(stream.c.name == kind, link.c.state == "live")
            .where(link.c.prm_id.is_not(None), link.c.crm_id.is_not(None))
            .order_by(stream.c.connection, link.c.prm_id)
        )
        with self.database.read() as connection:
            found = [(row[0], str(row[1]), str(row[2])) for row in connection.execute(pairs)]
            # Until its first link a partner's name is the CRM's to say (`first: crm`).
            met = Counter(one[1] for one in found)
            if kind == "partner":
                found = [one for one in found if met[one[1]] == len(self.ground.crms)]
            homes: dict[str, Any] = {}
            if kind == "opportunity":
                known = records.read(connection, kind, [one[1] for one in found])
                homes = {key: values.get("home") for key, values in known.items()}
        return [(*one, homes.get(one[1])) for one in found]
