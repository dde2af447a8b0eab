"""What Salesforce's connector costs, at no latency and at 80 ms: calls, CPU, and time side by side.

    python benchmarks/salesforce.py [--load 50000] [--changed 10000]

All figures of one table come from one run on one simulator, which is a process of its own; so is
each measured program. Loading: a first sync of the opportunities into the partner database, against
the floor (fetch the same pages with httpx, decode, upsert into SQLite) and against dlt and ingestr,
which join in where they are installed. Writing: changed opportunities, against collections calls of
200 rows one after the other without any look before. The simulator answers one call at a time, so
that its own work bounds what calls that go together can gain.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import compiled_peer
from sync import HERE, measured, show
from world import SimulatorProcess, opportunities_file

PAGE, BATCH = 2000, 200
LATENCIES = (0, 80)
ROUNDS = 2
"""Times that each program is measured: the best time counts, and CPU on average."""
OTHER_STREAMS = 3
"""Objects of the shipped mappings beside opportunities: each is one read at least."""


def written(way: str, folder: Path, base_url: str, count: int) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "salesforce_writes.py"), way, str(folder), base_url]
    done = subprocess.run([*command, str(count)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{way} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def best(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of the round that took least time."""
    return dict(min(rounds, key=lambda one: float(one["wall"])))


def loading(folder: Path, base_url: str, count: int, latency: int) -> None:
    """Each program as often as any other, in turn: what else the machine does meets them all."""
    told: dict[str, list[dict[str, Any]]] = {"floor": [], "sync": [], "dlt": [], "ingestr": []}
    for turn in range(ROUNDS):
        fresh = folder / f"round-{turn}"
        fresh.mkdir()
        told["floor"].append(measured("floor", "salesforce", fresh, base_url))
        told["sync"].append(measured("sync", "salesforce", fresh, base_url, yes="1"))
        told["dlt"].append(measured("dlt", "salesforce", fresh, base_url))
        told["ingestr"].append(compiled_peer.load(fresh, base_url, latency))
    floor, load = best(told["floor"]), best(told["sync"])
    if floor["rows"] != count or load["counts"].get("opportunity/prm/create/done") != count:
        raise SystemExit(f"not all {count} records arrived: {floor} {load}")
    cpu = [sum(one["cpu"] for one in told[name]) / ROUNDS for name in ("sync", "floor")]
    show_load(floor | {"cpu": cpu[1]}, load | {"cpu": cpu[0]}, count)
    peers = {name: best(told[name]) for name in ("dlt", "ingestr") if told[name][0].get("wall")}
    for name, peer in peers.items():
        print(f"  {'':4}beside: {name} {peer['wall']:.1f} s wall, {peer['cpu']:.1f} s CPU")
    if not peers:
        print("  neither dlt nor ingestr is installed: the rate was not compared")
        return
    name, peer = min(peers.items(), key=lambda one: float(one[1]["wall"]))
    faster = peer["wall"] / load["wall"]
    told_of = f"{load['wall']:.1f} against {peer['wall']:.1f} s = {faster:.1f} ×"
    show(
        f"its rate against the best of {', '.join(peers)} ({name})",
        told_of,
        "≥ 1.5 ×",
        faster >= 1.5,
    )


def show_load(floor: Mapping[str, Any], load: Mapping[str, Any], count: int) -> None:
    reads, least = load["calls"]["read"], -(-count // PAGE) + OTHER_STREAMS
    show(
        f"first load of {count:,} opportunities, read calls",
        f"{reads} of {least}",
        "≤ 1.1 × the minimum",
        reads <= 1.1 * least,
    )
    ratio = load["cpu"] / floor["cpu"]
    show(
        "its CPU",
        f"{load['cpu']:.2f} / {floor['cpu']:.2f} s = {ratio:.1f} ×",
        "≤ 4 × the floor",
        ratio <= 4,
    )
    other = {kind: number for kind, number in load["calls"].items() if kind != "read"}
    walls = f"{load['wall']:.1f} s, the floor {floor['wall']:.1f} s wall"
    print(f"  {'':4}beside: {other}; {walls}; peak {load['peak_mb']:.0f} MB")


def writing(folder: Path, base_url: str, count: int, latency: int) -> None:
    turns = [
        {way: written(way, folder, base_url, count) for way in ("serial", "calls")}
        for _ in range(2 * ROUNDS)
    ]
    serial, ours = (best([turn[way] for turn in turns]) for way in ("serial", "calls"))
    calls, least = ours["calls"], -(-count // BATCH)
    show(
        f"{count:,} changed records, write calls",
        f"{calls['write']} of {least}",
        "≤ 1.05 × the minimum",
        calls["write"] <= 1.05 * least,
    )
    show("looks before them, calls", str(calls["guard"]), f"≤ {least}", calls["guard"] <= least)
    alone = ours["wall"] - ours["looking"]
    faster = serial["wall"] / alone
    show(
        "time of the write calls against one by one",
        f"{alone:.1f} against {serial['wall']:.1f} s = {faster:.1f} ×",
        "≥ 3 ×" if latency else "(no target)",
        not latency or faster >= 3,
    )
    print(f"  {'':4}beside: with the looks {ours['wall']:.1f} s, of which {ours['looking']:.1f} s")
    job = written("job", folder, base_url, count)
    made = ", ".join(f"{number} {kind}" for kind, number in job["calls"].items() if number)
    print(f"  {'':4}beside: by one Bulk job {made}; {job['wall'] - job['looking']:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--load", type=int, default=50_000)
    parser.add_argument("--changed", type=int, default=10_000)
    chosen = parser.parse_args()
    for latency in LATENCIES:
        print(f"latency {latency} ms")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            data = opportunities_file("salesforce", chosen.load, folder)
            with SimulatorProcess("salesforce", folder, data, latency) as simulator:
                loading(folder, simulator.base_url, chosen.load, latency)
                writing(folder, simulator.base_url, chosen.changed, latency)


if __name__ == "__main__":
    main()
