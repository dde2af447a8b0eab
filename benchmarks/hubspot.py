"""What HubSpot's connector costs, at no latency and at 80 ms: calls, CPU, and time side by side.

    python benchmarks/hubspot.py [--load 50000] [--changed 10000]

All figures of one table come from one run on one simulator, which is a process of its own; so is
each measured program. Reading: deals and their associations with partners' companies into SQLite,
HubSpot's rate limits lifted, against the floor (fetch the same pages with httpx, decode, upsert)
and against dlt, which joins in when it is installed and reads the associations as its own source
can (peer.py). Writing: opportunities changed in the partner database, by a whole sync, with the
limits of a Professional account (190 calls in ten seconds); what these bound is the time of the
calls alone, without the engine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
from sync import HERE, show
from world import PARTNERS, READ_BATCH, SimulatorProcess, deals_with_partners_file

PAGE, BATCH, HISTORY = 100, 100, 50
LATENCIES = (0, 80)
LIMIT, SECONDS = 190, 10
LIMITS = {"burst_limit": LIMIT, "burst_seconds": SECONDS, "search_per_second": 5}


def made(way: str, folder: Path, base_url: str, *more: str) -> dict[str, Any]:
    command = [sys.executable, str(HERE / "hubspot_work.py"), way, str(folder), base_url, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{way} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def control(base_url: str, topic: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """A control path of the simulator: asked, or given a body."""
    address = f"{base_url}/_simulator/{topic}"
    with httpx.Client(timeout=60, trust_env=False) as client:
        answer = client.get(address) if body is None else client.post(address, json=body)
        found: dict[str, Any] = answer.raise_for_status().json()
    return found


def reading(folder: Path, base_url: str, count: int) -> None:
    """The same deals and associations into SQLite: bare, by the connector, by dlt."""
    before, ours = made("floor", folder, base_url), made("read", folder, base_url)
    after = made("floor", folder, base_url)
    if any((one["rows"], one["links"]) != (count, count) for one in (before, ours, after)):
        raise SystemExit(f"not all {count} records were read: {before} {ours}")
    reads, least = ours["calls"]["read"], -(-count // PAGE) + -(-count // READ_BATCH)
    show(
        f"{count:,} deals with associations, read calls",
        f"{reads} of {least}",
        "≤ 1.1 × the minimum",
        reads <= 1.1 * least,
    )
    floor = (before["cpu"] + after["cpu"]) / 2
    ratio = ours["cpu"] / floor
    told = f"{ours['cpu']:.2f} / {floor:.2f} s = {ratio:.1f} ×"
    show("their CPU", told, "≤ 4 × the floor", ratio <= 4)
    bare = (before["wall"] + after["wall"]) / 2
    print(f"  {'':4}beside: {ours['wall']:.1f} s, the floor {bare:.1f} s, {ours['peak_mb']:.0f} MB")
    dlt = made("dlt", folder, base_url)
    if not dlt:
        print("  dlt is not installed: its rate was not compared")
        return
    faster = dlt["wall"] / ours["wall"]
    told = f"{ours['wall']:.1f} against {dlt['wall']:.1f} s = {faster:.1f} ×"
    # With latency, waiting is most of either: the connector has several pages under way, dlt one.
    show("their rate against dlt's", told, "≥ 3 ×", faster >= 3)
    extract, alone = made("dlt-extract", folder, base_url), made("dlt-bare", folder, base_url)
    print(
        f"  {'':4}beside: dlt takes {dlt['cpu'] / ours['cpu']:.1f} × the CPU; its extraction alone"
        f" {extract['wall']:.1f} s; without associations {alone['wall']:.1f} s"
    )


def loading(folder: Path, base_url: str, count: int) -> None:
    """A first sync: linked, merged, with base, journal and history."""
    load = made("load", folder, base_url)
    counts = load["counts"]
    arrived = [counts.get(f"{one}/prm/create/done") for one in ("opportunity", "relation")]
    if arrived != [count, count]:
        raise SystemExit(f"not all {count} records arrived: {counts}")
    print(
        f"  {'':4}beside: a first sync of them takes {load['wall']:.1f} s, {load['cpu']:.1f} s CPU,"
        f" {load['calls']}"
    )


def writing(folder: Path, base_url: str, count: int, latency: int) -> None:
    control(base_url, "settings", LIMITS)
    before = control(base_url, "stats")["by_status"].get("429", 0)
    ours = made("update", folder, base_url, str(count))
    calls, batches = ours["calls"], -(-count // BATCH)
    if ours["counts"].get("opportunity/crm/update/done") != count:
        raise SystemExit(f"not all {count} records were written: {ours['counts']}")
    for kind, title, least, share in (
        ("write", f"{count:,} changed deals, write calls", batches, 1.05),
        ("guard", "looks before them, calls", batches, 1.0),
        ("history", "their history read back, calls", -(-count // HISTORY), 1.0),
    ):
        told = calls.get(kind, 0)
        words = f"≤ {share:g} × {least}"
        show(title, str(told), words, told <= share * least)
    alone = made("write", folder, base_url, str(count))
    bound = (sum(alone["calls"].values()) - 1) // LIMIT * SECONDS
    show(
        "the time of these calls against the rate limit's",
        f"{alone['wall']:.1f} of {bound:.1f} s",
        "≤ 1.25 × + 2 s" if latency else "(no target)",
        not latency or alone["wall"] <= 1.25 * bound + 2,
    )
    refused = control(base_url, "stats")["by_status"].get("429", 0) - before
    show("calls refused with 429", str(refused), "none", refused == 0)
    whole = f"the whole sync {ours['wall']:.1f} s, {ours['cpu']:.1f} s CPU"
    print(f"  {'':4}beside: {whole}, {calls}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--load", type=int, default=50_000)
    parser.add_argument("--changed", type=int, default=10_000)
    parser.add_argument("--latency", type=int, action="append")
    chosen = parser.parse_args()
    for latency in chosen.latency or LATENCIES:
        print(f"latency {latency} ms")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            data = deals_with_partners_file(chosen.load, PARTNERS, folder)
            with SimulatorProcess("hubspot", folder, data, latency) as simulator:
                # Else the second run's look-back would reach all that the simulator began with.
                simulator.advance(3600)
                reading(folder, simulator.base_url, chosen.load)
                loading(folder, simulator.base_url, chosen.load)
                simulator.advance(3600)
                writing(folder, simulator.base_url, chosen.changed, latency)


if __name__ == "__main__":
    main()
