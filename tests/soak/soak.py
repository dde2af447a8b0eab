"""The soak: prmsync's processes are killed at random moments while everybody works and CRMs fail.

In the end: no edit is lost, nothing is there twice, two quiet rounds settle everything, a third
writes nothing, and `prmsync verify` finds nothing unexplained.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prmsync.store.database import open_database
from soak.faults import Weather
from soak.ground import CONNECTIONS, INDEX_LAG_SECONDS, Ground, ground
from soak.office import Office
from soak.oracle import blind, duplicates, unaccounted

WAYS: Sequence[tuple[str, Sequence[Sequence[str]]]] = (
    ("sync", [["sync", "--yes"]]),
    ("sync of each connection beside the other", [["sync", one, "--yes"] for one in CONNECTIONS]),
    ("serve", [["serve"]]),
)
"""How prmsync runs: the arguments of its processes."""

AT_LEAST = 2
"""Kills, however short the soak."""

CALLS, LONGEST = 45, 40
"""A run is killed within so many calls to the CRMs, however fast the machine is, or so many
seconds."""

STUCK, PATIENCE = 120, 10
"""A process that has done nothing for so many seconds hangs; so does one that goes on for so many
times as long. On a busy machine a first sync alone takes minutes."""

LEFT_ALONE = 0.2
"""Share of the runs that are not killed but waited for (`serve`: asked to stop)."""


@dataclass
class Told:
    """What a soak did and found; `wrong` is empty when all is well."""

    seed: int
    store: str
    seconds: float = 0
    runs: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    did: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    calls: dict[str, int] = field(default_factory=dict)
    decided: int = 0
    verified: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return self.ended["killed"]


def soak(
    folder: Path,
    seconds: float,
    seed: int,
    *,
    partners: int,
    deals: int,
    store: str = "sqlite",
    calm_start: bool = False,
) -> Told:
    """Run for so many seconds, then let it settle and check everything. With a calm start the
    first sync is not disturbed, so that a short soak has something to edit."""
    chance = random.Random(seed)
    told = Told(seed, store)
    with ground(folder, store) as place:
        database = open_database(place.database_url)
        try:
            office = Office(place, database, chance)
            office.fill(partners, deals)
            if calm_start:
                place.run("sync", "--yes")
            weather = Weather(place, chance)
            began = time.monotonic()
            while time.monotonic() - began < seconds or told.kills < AT_LEAST:
                weather.change()
                _one_run(place, office, chance, told)
                office.meet()
                told.decided += _decide(place, chance)
            weather.clear()
            told.seconds = time.monotonic() - began
            _settle(place, told)
            told.wrong += duplicates(office) + unaccounted(office) + _tracebacks(place)
            told.wrong += [f"the oracle does not see {one}" for one in blind(office)]
            told.did, told.faults = office.did, weather.fired
            told.calls = {
                crm.connector: crm.control("GET", "stats")["total"] for crm in place.crms.values()
            }
        finally:
            database.close()
    return told


def _one_run(place: Ground, office: Office, chance: random.Random, told: Told) -> None:
    """Start prmsync one way, work beside it, and kill it or wait for its end."""
    name, commands = chance.choice(WAYS)
    told.runs[name] += 1
    processes = [place.start(*one) for one in commands]
    try:
        until = time.monotonic() + LONGEST
        reached = place.calls() + chance.randrange(1, CALLS)
        alone = chance.random() < LEFT_ALONE
        while time.monotonic() < until:
            office.work()
            time.sleep(chance.uniform(0.0, 0.1))
            if all(one.poll() is not None for one in processes):
                break
            if place.calls() < reached or (alone and name != "serve"):
                continue
            if alone:
                _send(processes, signal.SIGTERM)
            break
        if not alone:
            chance.shuffle(processes)
            for one in processes:
                _send([one], signal.SIGKILL)
                time.sleep(chance.uniform(0.0, 0.3))
    finally:
        for one in processes:
            told.ended[_how(_wait(place, one))] += 1


def _send(processes: Sequence[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    for one in processes:
        if one.poll() is None:
            one.send_signal(number)


def _wait(place: Ground, process: subprocess.Popen[bytes]) -> int:
    """Its exit code. Raises TimeoutExpired where it hangs."""
    seen = place.progress()
    for _ in range(PATIENCE):
        try:
            return process.wait(STUCK)
        except subprocess.TimeoutExpired as error:
            stuck, before, seen = error, seen, place.progress()
            if seen == before:
                break
    process.kill()
    process.wait()
    raise stuck


def _how(code: int) -> str:
    return "killed" if code == -signal.SIGKILL else f"exit {code}"


def _decide(place: Ground, chance: random.Random) -> int:
    """Now and then a person answers some of what waits; the rest stays open."""
    if chance.random() < 0.6:
        return 0
    listed = json.loads(place.run("held", "list", "--json").stdout or "[]")
    open_items = [one["id"] for one in listed if one["state"] == "open"]
    chosen = [one for one in open_items if chance.random() < 0.3]
    for one in chosen:
        place.run("held", "decide", str(one), "--take", chance.choice(["prm", "crm"]))
    return len(chosen)


def _settle(place: Ground, told: Told) -> None:
    """Two quiet rounds, a third that must write nothing, and the whole comparison."""
    time.sleep(INDEX_LAG_SECONDS + 1)
    for _ in range(2):
        place.run("sync", "--yes")
        time.sleep(INDEX_LAG_SECONDS + 1)
    third = place.run("sync", "--yes", "--json")
    for report in json.loads(third.stdout or "[]"):
        if report["counts"] or report["message"] or report["calls"].get("write"):
            told.wrong.append(f"the third quiet round was not quiet: {report}")
    if third.returncode:
        told.wrong.append(f"the third quiet round ended with {third.returncode}: {third.stderr}")
    compared = place.run("verify", "--json")
    told.verified = json.loads(compared.stdout or "{}")
    if compared.returncode or set(told.verified) != set(CONNECTIONS):
        told.wrong.append(f"verify ended with {compared.returncode}: {compared.stderr}")
        for name, streams in told.verified.items():
            told.wrong += [f"verify {name}: {one}" for one in streams if one["mismatched"]]


def _tracebacks(place: Ground) -> list[str]:
    said = place.log.read_text(errors="replace")
    mistakes = [one for one in ("Traceback", "mistake of its own") if one in said]
    return [f"a process said {one!r}; see {place.log}" for one in mistakes]
