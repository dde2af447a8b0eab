"""`make mutants`: change the merge line by line, count the changes that no test notices.

Cosmic Ray edits the files it changes, so it works on a copy. Exit code 1 where fewer changes are
noticed than `BAR` says; all that were not are printed with their line.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
CONFIG = "tests/unit/reconcile/mutation.toml"
BAR = 95.0
"""Per cent of the changes that at least have to be noticed."""


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="prmsync-mutants-") as folder:
        copy = Path(folder)
        for name in ("src", "tests"):
            shutil.copytree(ROOT / name, copy / name)
        shutil.copy(ROOT / "pyproject.toml", copy)
        (copy / ".venv").symlink_to(Path(sys.prefix))
        _run(copy, "cosmic-ray", "init", CONFIG, "merge.db")
        _run(copy, "cr-filter-operators", "merge.db", CONFIG)
        _run(copy, "cosmic-ray", "baseline", CONFIG)
        _run(copy, "cosmic-ray", "exec", CONFIG, "merge.db")
        _run(copy, "cr-report", "merge.db", "--show-diff", "--surviving-only")
        noticed, made = _counted(copy / "merge.db")
    rate = 100 * noticed / made
    sys.stdout.write(f"{noticed} of {made} changes are noticed, {rate:.1f} %; the bar is {BAR} %\n")
    return int(rate < BAR)


def _counted(session: Path) -> tuple[int, int]:
    """Changes noticed and made; the tool's own rate counts what was filtered out as noticed."""
    connection = sqlite3.connect(session)
    told = dict(
        connection.execute(
            "SELECT test_outcome, count(*) FROM work_results "
            "WHERE worker_outcome <> 'SKIPPED' GROUP BY test_outcome"
        )
    )
    connection.close()
    made = sum(told.values())
    return made - told.get("SURVIVED", 0), made


def _run(copy: Path, tool: str, *arguments: str) -> None:
    """Run a tool of the environment in the copy, whose code is imported before ours."""
    subprocess.run(
        [Path(sys.prefix) / "bin" / tool, *arguments],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src")},
        check=True,
    )


if __name__ == "__main__":
    sys.exit(main())
