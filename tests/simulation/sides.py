"""The three systems as they are, read past the engine and the connectors."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from prmsync.connector.simulator.http import Request
from simulation.words import CRM_ROLES, GROUPS, KEYS, OBJECTS, RECORDS, WORDS, Value, money

Place = tuple[str, str]
"""(stream, the record's id in this system)"""
Groups = dict[str, Value]
Relation = tuple[str, str, str]
"""(the deal's id, the partner's id, role)"""


class Impossible(Exception):
    """What a person wanted to do cannot be done: the record is gone, say. Nothing happened."""


@dataclass
class View:
    """Live records of a system, by place, and its relations."""

    records: dict[Place, Groups] = field(default_factory=dict)
    keys: dict[Place, str | None] = field(default_factory=dict)
    """Of a CRM: the external key that a record carries. Of ours: the record's home."""
    relations: frozenset[Relation] = frozenset()
    doubles: int = 0
    """Rows of relations beyond the first of the same deal, partner and role."""
    twice: frozenset[Relation] = frozenset()
    """Relations that have such rows."""


_PRM_TABLES = {"partner": "partner", "opportunity": "opportunity", "registration": "registration"}


class PrmSide:
    """The partner database, read over a connection of its own: only what is committed."""

    name = "prm"

    def __init__(self, path: str) -> None:
        self._rows = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._seen = -1
        self._view = View()

    def ask(self, text: str, *values: Any) -> list[Any]:
        return self._rows.execute(text, values).fetchall()

    def version(self) -> int:
        """Moves with every commit of anybody else."""
        return int(self._rows.execute("PRAGMA data_version").fetchone()[0])

    def view(self) -> View:
        version = self.version()
        if version == self._seen:
            return self._view
        self._seen = version
        view = View()
        for stream in RECORDS:
            groups = GROUPS[stream]
            names = [name for members in groups.values() for name in members]
            home = "home" if stream == "opportunity" else "NULL"
            text = f"SELECT id, {home}, {', '.join(names)} FROM {_PRM_TABLES[stream]}"
            at = {name: index + 2 for index, name in enumerate(names)}
            places = {group: [at[one] for one in members] for group, members in groups.items()}
            for row in self.ask(text):
                place = (stream, row[0])
                view.keys[place] = row[1]
                view.records[place] = {
                    group: tuple(row[index] for index in indexes)
                    for group, indexes in places.items()
                }
                if stream == "opportunity":
                    amount, currency = view.records[place]["value"]
                    view.records[place]["value"] = (money(amount), currency)
        rows = self.ask("SELECT opportunity, partner, role FROM deal_partner")
        view.relations = frozenset((row[0], row[1], row[2]) for row in rows)
        self._view = view
        return view

    def close(self) -> None:
        self._rows.close()


@dataclass
class CrmSide:
    """One simulated CRM: what stands in it, and what its users do with it."""

    name: str
    connector: str
    simulator: Any
    _parsed: dict[Place, tuple[Any, Groups]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.name}.example"

    def view(self) -> View:
        return self._salesforce() if self.connector == "salesforce" else self._hubspot()

    def _groups(self, stream: str, row: Mapping[str, Any]) -> Groups:
        words = WORDS[self.connector][stream]
        return {
            group: tuple(words[name].read(row.get(words[name].crm)) for name in members)
            for group, members in GROUPS[stream].items()
        }

    def _known(self, place: Place, mark: Any, row: Mapping[str, Any]) -> Groups:
        known = self._parsed.get(place)
        if known is None or known[0] != mark:
            known = self._parsed[place] = (mark, self._groups(place[0], row))
        return known[1]

    def _salesforce(self) -> View:
        view = View()
        tables = self.simulator.org.database.tables
        for stream in RECORDS:
            key = KEYS["salesforce"][stream]
            for row in tables[OBJECTS["salesforce"][stream]].rows.values():
                if row["IsDeleted"]:
                    continue
                place = (stream, row["Id"])
                known = self._parsed.get(place)
                if known is None or known[0] is not row:
                    known = self._parsed[place] = (row, self._groups(stream, row))
                view.records[place] = known[1]
                view.keys[place] = row.get(key)
        roles = {crm: role for role, crm in CRM_ROLES["salesforce"].items()}
        relations = [
            (row["OpportunityId"], row["AccountToId"], roles[row["Role"]])
            for row in tables["OpportunityPartner"].rows.values()
            if not row["IsDeleted"] and row["Role"] in roles
        ]
        view.relations = frozenset(relations)
        view.doubles = len(relations) - len(view.relations)
        if view.doubles:
            view.twice = frozenset(one for one, rows in Counter(relations).items() if rows > 1)
        return view

    def _hubspot(self) -> View:
        view = View()
        portal = self.simulator.portal
        for stream in RECORDS:
            kind = portal.find_type(OBJECTS["hubspot"][stream])
            key = KEYS["hubspot"][stream]
            for row_id in kind.table.live:
                row = kind.table.rows[row_id]
                place = (stream, str(row_id))
                view.records[place] = self._known(place, kind.table.generation, row.props)
                view.keys[place] = row.props.get(key)
        deals, companies = portal.find_type("deals"), portal.find_type("companies")
        pair = (deals.type_id, companies.type_id)
        roles = {label: role for role, label in CRM_ROLES["hubspot"].items()}
        view.relations = frozenset(
            (str(deal), str(company), roles[str(kind.label)])
            for deal in deals.table.live
            for company, kinds in portal.links.of(pair, deal).items()
            if companies.table.is_live(company)
            for kind in kinds
            if kind.label in roles
        )
        return view

    def rows(self) -> Iterator[tuple[Place, Mapping[str, Any]]]:
        """Live records with all their fields."""
        for stream in RECORDS:
            name = OBJECTS[self.connector][stream]
            if self.connector == "salesforce":
                for row in self.simulator.org.database.tables[name].live():
                    yield (stream, row["Id"]), row
                continue
            table = self.simulator.portal.find_type(name).table
            for row_id in table.live:
                yield (stream, str(row_id)), table.rows[row_id].props

    def control(self, method: str, what: str, body: object = None, **query: str) -> Any:
        """A call to the simulator's control paths, as one of the CRM's own users."""
        response = self.simulator.handle(
            Request(
                method,
                f"/_simulator/{what}",
                {key: [value] for key, value in query.items()},
                {"host": "crm.example"},
                b"" if body is None else orjson.dumps(body),
            )
        )
        if response.status >= 300:
            raise Impossible(response.body.decode())
        return orjson.loads(response.body) if response.body else None

    def create(self, stream: str, values: Mapping[str, Any]) -> str:
        body = {"object": OBJECTS[self.connector][stream], "values": values}
        return str(self.control("POST", "records", body)["id"])

    def edit(
        self, stream: str, record: str, values: Mapping[str, Any], stamp: str | None = None
    ) -> None:
        body = {"object": OBJECTS[self.connector][stream], "id": record, "values": values}
        self.control("PATCH", "records", {**body, **({"stamp": stamp} if stamp else {})})

    def stamp(self, stream: str, record: str) -> datetime:
        """When a Salesforce record was last modified."""
        table = self.simulator.org.database.tables[OBJECTS["salesforce"][stream]]
        return datetime.fromisoformat(table.rows[record]["SystemModstamp"])

    def delete(self, stream: str, record: str) -> None:
        self.control("DELETE", "records", object=OBJECTS[self.connector][stream], id=record)

    def relate(self, deal: str, partner: str, role: str) -> None:
        word = CRM_ROLES[self.connector][role]
        if self.connector == "salesforce":
            self.create("relation", {"OpportunityId": deal, "AccountToId": partner, "Role": word})
            return
        ends = {"from_object": "deals", "from_id": deal, "to_object": "companies", "to_id": partner}
        self.create("relation", {**ends, "label": word})

    def unrelate(self, deal: str, partner: str, role: str) -> None:
        word = CRM_ROLES[self.connector][role]
        if self.connector == "salesforce":
            rows = self.simulator.org.database.tables["OpportunityPartner"].rows.values()
            wanted = (False, deal, partner, word)
            found = [
                row["Id"]
                for row in rows
                if (row["IsDeleted"], row["OpportunityId"], row["AccountToId"], row["Role"])
                == wanted
            ]
        else:
            portal = self.simulator.portal
            ends = portal.find_type("deals").type_id, portal.find_type("companies").type_id
            types = portal.links.types[ends].values()
            number = next(one.type_id for one in types if one.label == word)
            found = [f"{ends[0]}:{deal}:{ends[1]}:{partner}:{number}"]
        for one in found:
            self.delete("relation", one)
