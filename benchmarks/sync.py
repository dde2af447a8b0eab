"""What a sync costs: CRM calls against the least that batch sizes allow, CPU against the floor,
memory against a tenth of the records. All figures of one table come from one run.

    python benchmarks/sync.py [--size 50000] [--crm salesforce] [--crm hubspot]

Each measured program is a process of its own, the simulator another one. CPU is the process's
own time after its imports; the floor reads the same pages from the same server with httpx and
orjson and upserts the same fields into SQLite, nothing else, once before the load and once after
it. dlt joins in when it is installed (pip install "dlt[sqlalchemy]") and reads as its own sources
do (peer.py); the target for the rate is 1.5 times dlt's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from world import SimulatorProcess, opportunities_file

HERE = Path(__file__).parent
BATCH = {"salesforce": 200, "hubspot": 100}


def measured(what: str, crm: str, folder: Path, base_url: str, **more: str) -> dict[str, Any]:
    """Run one measured program in a process of its own; it prints its figures as JSON."""
    command = [sys.executable, str(HERE / "measured.py"), what, crm, str(folder), base_url]
    command += [f"{key}={value}" for key, value in more.items()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{what} on {crm} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(title: str, value: str, target: str, met: bool) -> None:
    print(f"  {title:<52} {value:>22}   {target:<26} {'met' if met else 'NOT MET'}")


def registrations_out(crm: str, size: int) -> None:
    """First sync of registrations into an empty CRM, then runs with nothing to do."""
    with tempfile.TemporaryDirectory() as name, SimulatorProcess(crm, Path(name)) as simulator:
        folder = Path(name)
        first = measured("registrations", crm, folder, simulator.base_url, size=str(size))
        writes, least = first["calls"]["write"], -(-size // BATCH[crm]) + 1
        show(
            f"first sync of {size:,} registrations, write calls",
            f"{writes} of {least}",
            "≤ 1.05 × the minimum",
            writes <= 1.05 * least,
        )
        other = {kind: n for kind, n in first["calls"].items() if kind != "write"}
        print(f"  {'':4}beside: {other}; {first['wall']:.1f} s wall, {first['cpu']:.1f} s CPU")
        simulator.advance(3600)
        measured("sync", crm, folder, simulator.base_url)
        simulator.advance(3600)
        idle = measured("sync", crm, folder, simulator.base_url)
        calls = sum(idle["calls"].values())
        quiet = calls <= 10 and not idle["calls"].get("write") and not idle["counts"]
        show(
            "a run with nothing to do, calls",
            f"{calls}, {idle['calls'].get('write', 0)} writes",
            "≤ 10, no write",
            quiet,
        )


def opportunities_in(crm: str, size: int) -> None:
    """First load of opportunities from a CRM, against the floor, dlt and a tenth of the size."""
    peaks = []
    for count in (size // 10, size):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            data = opportunities_file(crm, count, folder)
            with SimulatorProcess(crm, folder, data) as simulator:
                floor = measured("floor", crm, folder, simulator.base_url)
                load = measured("sync", crm, folder, simulator.base_url, yes="1")
                again = measured("floor", crm, folder, simulator.base_url)
                dlt = measured("dlt", crm, folder, simulator.base_url) if count == size else {}
        if floor["rows"] != count or load["counts"].get("opportunity/prm/create/done") != count:
            raise SystemExit(f"{crm}: not all {count} records arrived: {floor} {load}")
        peaks.append(load["peak_mb"])
    least = (floor["cpu"] + again["cpu"]) / 2
    ratio = load["cpu"] / least
    show(
        f"first load of {size:,} opportunities, CPU",
        f"{load['cpu']:.2f} / {least:.2f} s = {ratio:.1f} ×",
        "≤ 4 × the floor",
        ratio <= 4,
    )
    if dlt.get("cpu"):
        faster = dlt["wall"] / load["wall"]
        show(
            "its rate against dlt's",
            f"{load['wall']:.1f} against {dlt['wall']:.1f} s = {faster:.1f} ×",
            "≥ 1.5 ×",
            faster >= 1.5,
        )
        print(f"  {'':4}beside: dlt takes {dlt['cpu'] / load['cpu']:.1f} × the CPU")
    else:
        print("  dlt is not installed: its rate was not compared")
    allowed = 1.5 * peaks[0] + 50
    show(
        f"peak memory at {size:,}",
        f"{peaks[1]:.0f} MB ({peaks[0]:.0f} at a tenth)",
        f"≤ {allowed:.0f} MB",
        peaks[1] <= allowed,
    )
    rate = size / load["wall"]
    print(f"  {'':4}beside: {rate:,.0f} records/s wall, {load['calls']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--size", type=int, default=50_000)
    parser.add_argument("--crm", action="append", choices=sorted(BATCH))
    chosen = parser.parse_args()
    for crm in chosen.crm or sorted(BATCH, reverse=True):
        print(crm)
        registrations_out(crm, chosen.size)
        opportunities_in(crm, chosen.size)


if __name__ == "__main__":
    main()
