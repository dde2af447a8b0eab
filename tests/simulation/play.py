"""Plays a history: people, time and runs, in the order of its events, with the oracle watching."""

from __future__ import annotations

import gc
import hashlib
import random
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from prmsync.errors import PrmsyncError
from prmsync.store import held
from prmsync.sync import run
from prmsync.sync.running import Report
from prmsync.sync.session import Session
from simulation import intents, quiet
from simulation.deeds import DEEDS, flows_run
from simulation.known import PERSON, Choice
from simulation.oracle import Oracle
from simulation.sides import Impossible
from simulation.template import lay_out
from simulation.versions import Broken, Entity
from simulation.wire import PowerCut
from simulation.words import GROUPS, RETYPED, day, to_crm
from simulation.world import World

Event = Mapping[str, Any]


@dataclass(frozen=True)
class History:
    """All there is to replay: the seed for ids and chance, and the events."""

    seed: int
    profile: str
    synced: bool
    events: tuple[Event, ...]
    crashes: int = 3
    """If fewer planned ones came true, more runs are cut before the end."""


@dataclass
class Outcome:
    """How a history ended. `broken` is the promise that was not kept, "" when all were."""

    broken: str = ""
    story: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """What happened how often: events, edits, runs, crashes."""
    digest: str = ""
    """Of the journal and of both CRMs' states at the end: the same for the same history."""
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(fault, write path) → runs in which the fault happened and the path was written."""


class Player:
    """One history on its way."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.outcome = Outcome()
        self.world = World(
            history.profile, random.Random(history.seed), self._meanwhile, self._showed, self._wrote
        )
        labels = lay_out(self.world, history.synced)
        self.oracle = Oracle(self.world.prm, self.world.crms, names=dict(labels))
        self.runs = ""
        """The connection that runs just now."""
        self.flows: dict[tuple[str, str], str] = {}
        """(CRM, stream) → what an automation makes of names there."""
        self.spent: dict[str, tuple[datetime, int]] = {}
        """Connection → when it got its share of calls, and how many these are."""
        self.last_action = self.last_held = 0

    def play(self) -> Outcome:
        try:
            self.oracle.begin(synced=self.history.synced)
            for event in self.history.events:
                self.carry_out(event)
            self._crash_more()
            quiet.judge(self)
            self.outcome.digest = self._digest()
        except Broken as error:
            self.outcome.broken = str(error)
        except Exception:  # noqa: BLE001 - whatever the engine raises is a finding
            self.outcome.broken = "an error nobody foresaw: " + traceback.format_exc()
        finally:
            self.world.close()
        return self.outcome

    def _crash_more(self) -> None:
        self.world.shares.clear()  # without a call there is nothing to cut
        for number in range(self.history.crashes):
            if self.outcome.counts["crashes"] < self.history.crashes:
                self.world.wait(400)  # a lease of somebody who died elsewhere runs out
                hook = {"hook": "crash", "at": "read", "n": number, "when": "after"}
                self.sync({"on": ("sf", "hs")[number % 2], "release": True, "wire": [hook]})

    def _digest(self) -> str:
        journal = self.oracle.prm.ask("SELECT * FROM action ORDER BY id")
        crms = [crm.control("GET", "state") for crm in self.world.crms.values()]
        packed = orjson.dumps([journal, crms], option=orjson.OPT_SORT_KEYS)
        return hashlib.blake2b(packed, digest_size=16).hexdigest()

    def tell(self, line: str) -> None:
        self.outcome.story.append(f"{self.world.at:%H:%M:%S}  {line}")

    # --- events ------------------------------------------------------------------------------

    def carry_out(self, event: Event) -> None:
        self.outcome.counts["events"] += 1
        _EVENTS[event["do"]](self, event)

    def _meanwhile(self, events: Sequence[Event]) -> None:
        """People work while a run is under way: what it has written so far is its own."""
        self.oracle.look("prm", self.runs)
        for event in events:
            self.carry_out(event)

    def _showed(self, system: str, body: bytes) -> None:
        self.oracle.shows(system, body)

    def _wrote(self, system: str) -> None:
        before, now = self.oracle.views[system], self.world.crms[system].view()
        self.outcome.counts["write calls"] += 1
        intents.check(self.oracle, system, before, now)
        self.oracle.look(system, system)
        if self.flows:
            flows_run(self, system, before, now)

    def person(self, system: str, what: str, work: Callable[[], object]) -> bool:
        """Somebody does something; False where it cannot be done."""
        try:
            work()
        except Impossible as error:
            self.tell(f"  in {system}: {what}: not possible ({error})")
            self.outcome.counts["impossible"] += 1
            return False
        self.outcome.counts["edits"] += 1
        self.tell(f"  in {system}: {what}")
        self.oracle.look(system, PERSON)
        return True

    def find(self, stream: str, label: str, system: str) -> Entity:
        for entity in self.oracle.entities:
            if (entity.stream, entity.label) == (stream, label) and entity.lives(system):
                return entity
        raise Impossible(f"{system} has no {label}")

    def edit(self, event: Event) -> None:
        system, stream, values = event["in"], event["stream"], event["set"]

        def work() -> None:
            record = self.find(stream, event["who"], system).ids[system]
            if system == "prm":
                self.world.edit(stream, record, values)
                return
            crm = self.world.crms[system]
            stamp = None
            if event.get("late"):
                late_by = timedelta(seconds=event["late"])
                # Whoever writes a record waits for the one before: its stamps never go back.
                stamp = max(self.world.at - late_by, crm.stamp(stream, record)).isoformat()
            crm.edit(stream, record, to_crm(crm.connector, stream, values), stamp)

        late = f", visible {event['late']} s late" if event.get("late") else ""
        self.person(system, f"{event['who']}: {_told(values)}{late}", work)

    def touch(self, event: Event) -> None:
        """Somebody types into what the run is about to write, on either side."""
        known = self.oracle.actions(self.runs, "action.state IN ('planned', 'released', 'sent')")
        targets = [
            (action.link, group)
            for action in known
            if action.op == "update" and action.link.stream in GROUPS
            for group, members in GROUPS[action.link.stream].items()
            if group in RETYPED and not action.fields.keys().isdisjoint(members)
        ]
        if not targets:
            return
        link, group = targets[event["pick"] % len(targets)]
        place = ("prm", link.stream, str(link.prm_id))
        entity = self.oracle.by_place.get(place)
        if entity is None:
            return
        values = {name: text.format(event["number"]) for name, text in RETYPED[group].items()}
        if "close_date" in values or "expected_close" in values:
            values = dict.fromkeys(values, day(event["number"]))
        if link.stream == "partner":
            values = {name: f"Partner {text}" for name, text in values.items()}
        system = "prm" if event["in"] == "prm" else self.runs
        self.outcome.counts["touches"] += 1
        self.edit({"in": system, "stream": link.stream, "who": entity.label, "set": values})

    def create(self, event: Event) -> None:
        system, stream, values = event["in"], event["stream"], event["set"]

        def work() -> None:
            self.oracle.newborn = event["who"]
            if system == "prm":
                self.world.insert(stream, self._with_references(values))
                return
            crm = self.world.crms[system]
            crm.create(stream, to_crm(crm.connector, stream, values))

        self.person(system, f"new {stream} {event['who']}: {_told(values)}", work)
        self.oracle.newborn = ""

    def _with_references(self, values: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(values)
        for name, stream in (("partner", "partner"), ("opportunity", "opportunity")):
            if found.get(name):
                found[name] = self.find(stream, found[name], "prm").ids["prm"]
        return found

    def delete(self, event: Event) -> None:
        system, stream = event["in"], event["stream"]

        def work() -> None:
            record = self.find(stream, event["who"], system).ids[system]
            if system == "prm":
                self.world.remove(stream, record)
            else:
                self.world.crms[system].delete(stream, record)

        self.person(system, f"{event['who']} deleted", work)

    def relate(self, event: Event) -> None:
        system, role = event["in"], event["role"]

        def work() -> None:
            deal = self.find("opportunity", event["deal"], system).ids[system]
            partner = self.find("partner", event["partner"], system).ids[system]
            if system == "prm":
                values = {"opportunity": deal, "partner": partner, "role": role}
                self.world.insert("relation", values)
            else:
                self.world.crms[system].relate(deal, partner, role)

        self.person(system, f"{event['partner']} becomes {role} on {event['deal']}", work)

    def unrelate(self, event: Event) -> None:
        system, role = event["in"], event["role"]

        def work() -> None:
            deal = self.find("opportunity", event["deal"], system).ids[system]
            partner = self.find("partner", event["partner"], system).ids[system]
            if system == "prm":
                self.world.remove("relation", self.world.relation_id(deal, partner, role))
            else:
                self.world.crms[system].unrelate(deal, partner, role)

        self.person(system, f"{event['partner']} is no {role} on {event['deal']} any more", work)

    def rerole(self, event: Event) -> None:
        def work() -> None:
            deal = self.find("opportunity", event["deal"], "prm").ids["prm"]
            partner = self.find("partner", event["partner"], "prm").ids["prm"]
            found = self.world.relation_id(deal, partner, event["role"])
            self.world.edit("relation", found, {"role": event["to"]})

        self.person(
            "prm", f"{event['partner']} on {event['deal']}: {event['role']} → {event['to']}", work
        )

    def wait(self, event: Event) -> None:
        self.world.wait(event["seconds"])

    def waiting(self, connection: str | None = None) -> list[Choice]:
        """What waits for a person, as they are shown it; not yet taken either way."""
        text = (
            "SELECT held.id, stream.connection, stream.name, link.prm_id, link.crm_id, group_name,"
            " members, held.prm, held.crm FROM held JOIN link ON link.id = link_id "
            "JOIN stream ON stream.id = stream_id WHERE held.state = 'open' ORDER BY held.id"
        )
        found = []
        for number, name, stream, prm_id, crm_id, group, members, *sides in self.world.prm.ask(
            text
        ):
            prm, crm = (None if one is None else tuple(orjson.loads(one)) for one in sides)
            fields = tuple(orjson.loads(members))
            one = Choice(number, name, stream, (prm_id, crm_id), group, fields, prm, crm)
            if connection in (None, name) and group != "@match":
                found.append(one)
        return found

    def decide(self, event: Event) -> None:
        """Somebody answers one of the things that wait."""
        waiting = self.waiting()
        if not waiting:
            return
        one = replace(waiting[event["pick"] % len(waiting)], take=event["take"])
        with self.world.database.begin() as connection:
            held.decide(connection, one.item, one.take, "a manager", self.world.now())
        self.oracle.choices.append(one)
        self.outcome.counts["decisions"] += 1
        self.tell(
            f"  held {one.item} of {one.connection}, {one.group} ours {one.prm} theirs "
            f"{one.crm}: take {one.take}"
        )

    # --- runs --------------------------------------------------------------------------------

    def sync(self, event: Event) -> None:
        """One run of a connection, and what happens to it on the way."""
        full, release = bool(event.get("full")), bool(event.get("release"))
        name = event["on"]
        self.run(
            event,
            f"run of {name}{' with brakes let go' if release else ''}",
            lambda session: run.sync(session, full=full, release=release),
        )

    def run(self, event: Event, what: str, work: Callable[[Session], Report]) -> Report | None:
        """A process that runs a connection; None where it did not come to its end."""
        name, report = event["on"], None
        self.tell(what)
        self.world.wait(1)
        self.started = self.world.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
        self.world.wire.arm(event.get("wire", ()))
        self.oracle.shown.clear()
        self.runs = name
        try:
            report = work(self.world.session(name))
            self.tell(f"  … {report.state}: {_counted(report.counts)} {report.message}")
        except PowerCut:
            self.outcome.counts["crashes"] += 1
            self.tell(f"  … the process dies: {self.world.wire.met[-1]}")
            self.world.reborn()
        except PrmsyncError as error:
            self.tell(f"  … stopped: {type(error).__name__}: {error.message}")
        self._after(name, whole=report is not None)
        return report

    def _after(self, name: str, *, whole: bool) -> None:
        self.outcome.counts["runs"] += 1
        self.oracle.look("prm", name)
        self.oracle.look(name, name)
        self.oracle.agree(name, whole=whole)
        self.oracle.bases(name)
        self._in_budget(name, whole=whole)
        self._count_cells(name)
        self.runs = ""

    def _in_budget(self, name: str, *, whole: bool) -> None:
        """A connection keeps to its share. What a dead process has not noted nobody can count."""
        if name not in self.world.shares:
            return
        since, calls = self.spent[name]
        if not whole:
            self.spent[name] = (since, calls + self.world.wire.counts["call"])
        elif self.world.now() - since < timedelta(hours=23) and self.world.wire.calls[name] > calls:
            raise Broken(f"{name} made {self.world.wire.calls[name]} calls of {calls} it may make")

    def _count_cells(self, name: str) -> None:
        text = (
            "SELECT stream.name, side, op, action.state, action.id, fields FROM action "
            "JOIN stream ON stream.id = action.stream_id WHERE action.id > ?"
        )
        rows = self.oracle.prm.ask(text, self.last_action)
        paths = {_path(row[0], row[1], row[2]) for row in rows}
        if rows:
            self.last_action = max(row[4] for row in rows)
        (held_now,) = self.oracle.prm.ask("SELECT coalesce(max(id), 0) FROM held")[0]
        if held_now > self.last_held:
            paths.add("held")
            self.last_held = held_now
        if rows and self.oracle.undoing:
            paths.add("undo")
        locked = "SELECT count(*) FROM parked WHERE code = 'ENTITY_IS_LOCKED' AND since >= ?"
        if name == "sf" and self.oracle.prm.ask(locked, self.started)[0][0]:
            self.world.wire.met.append("approval lock")
        if name == "hs" and self.world.crms["hs"].simulator.portal.settings.index_lag_seconds:
            self.world.wire.met.append("index lag")
        for fault in self.world.wire.met:
            for path in paths:
                self.outcome.cells[fault, path] += 1


def _path(stream: str, side: str, op: str) -> str:
    if side == "base":
        return "base move"
    if stream == "relation" and side == "crm":
        return {"create": "relation create", "update": "relation replace"}.get(
            op, "relation delete"
        )
    return f"{side} {op}"


def _told(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in values.items())


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} × {name}" for name, count in counts.items()) or "nothing to do"


_EVENTS: dict[str, Callable[[Player, Event], None]] = {
    "edit": Player.edit,
    "touch": Player.touch,
    "create": Player.create,
    "delete": Player.delete,
    "relate": Player.relate,
    "unrelate": Player.unrelate,
    "rerole": Player.rerole,
    "wait": Player.wait,
    "decide": Player.decide,
    "sync": Player.sync,
    **DEEDS,
}


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """A history leaves few cycles behind and makes many objects: the collector comes once, when it
    has ended, and leaves alone what was there before the first one. Of the histories since, it
    must see all: caches hold the last one until the next is under way."""
    gc.disable()
    if not gc.get_freeze_count():
        gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        gc.enable()


def play(history: History) -> Outcome:
    """The whole history; never raises for what the engine does."""
    with _rarely_collected():
        return Player(history).play()
