"""`make soak MINUTES=10 [SEED=1] [STORE=postgresql]`"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from soak.soak import Told, soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="prmsync-soak-"))
    told = soak(folder, asked.minutes * 60, asked.seed, store=asked.store, partners=30, deals=120)
    show(told)
    if told.wrong:
        again = f"make soak MINUTES={asked.minutes:g} SEED={told.seed} STORE={told.store}"
        Console().print(f"\n[bold]{len(told.wrong)} violations[/bold]; kept: {folder}\n{again}")
    return 1 if told.wrong else 0


def show(told: Told) -> None:
    console = Console(highlight=False)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("seed, database", f"{told.seed}, {told.store}")
    table.add_row("time", f"{told.seconds:,.0f} s")
    table.add_row("kill -9", f"{told.kills:,}")
    for title, counted in (
        ("runs", told.runs),
        ("processes ended by", told.ended),
        ("edits", told.did),
        ("faults that struck", told.faults),
        ("calls", told.calls),
    ):
        table.add_row(title, f"{sum(counted.values()):,}")
        for name, count in sorted(counted.items()):
            table.add_row(f"  {name}", f"{count:,}")
    table.add_row("decisions taken", f"{told.decided:,}")
    console.print(table)
    for name, streams in told.verified.items():
        for one in streams:
            explained = sum(one["explained"].values())
            console.print(
                f"verify {name} {one['stream']}: {one['linked']:,} linked, {one['equal']:,} equal, "
                f"{explained:,} explained, {one['mismatched'] + one['missing_in_crm']:,} not"
            )
    for one in told.wrong[:50]:
        console.print(f"WRONG  {one}", markup=False)
    if not told.wrong:
        console.print("No edit lost, nothing twice, settled after two rounds, verify is clean.")


if __name__ == "__main__":
    sys.exit(main())
