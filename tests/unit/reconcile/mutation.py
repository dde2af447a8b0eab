"""`make mutants`: change the merge line by line, count the changes that no test notices.

Cosmic Ray edits the files it changes, so it works on a copy. Exit code 1 where fewer changes are
noticed than `BAR` says; all that were not are printed with their line.
"""

from __future__ import annotations

import os
import shutil
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
        left = float(_run(copy, "cr-rate", "merge.db", told=False))
    sys.stdout.write(f"{100 - left:.1f} % of the changes are noticed; the bar is {BAR} %\n")
    return int(100 - left < BAR)


def _run(copy: Path, tool: str, *arguments: str, told: bool = True) -> str:
    """What a tool of the environment says, in the copy, whose code is imported before ours."""
    done = subprocess.run(
        [Path(sys.prefix) / "bin" / tool, *arguments],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src")},
        stdout=None if told else subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout or ""


if __name__ == "__main__":
    sys.exit(main())
