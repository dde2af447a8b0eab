"""The same opportunities through ingestr, a compiled program: its own source, all of its fields.

It is used where it is on the PATH (`pip install ingestr==0.15.9`, the last version whose package
holds the program; later ones download it when they first run).
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

_FRONT = Path(__file__).with_name("front.py")


def load(folder: Path, base_url: str, latency: int) -> dict[str, Any]:
    """Its figures and how many rows arrived; nothing where it is not installed."""
    program = shutil.which("ingestr")
    if program is None:
        return {}
    command = [sys.executable, str(_FRONT), base_url, str(latency), str(folder / "tls")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as front:
        assert front.stdout is not None
        try:
            return _measured(program, folder, json.loads(front.stdout.readline()))
        finally:
            front.terminate()


def _measured(program: str, folder: Path, front: dict[str, Any]) -> dict[str, Any]:
    target = folder / "ingestr.db"
    target.unlink(missing_ok=True)
    # Its source appends “.salesforce.com” to the domain: here that becomes part of a query.
    signs_in = {
        "username": "u",
        "password": "p",
        "token": "t",
        "domain": f"127.0.0.1:{front['tls']}/?",
    }
    command = [program, "ingest", "--yes", "--progress", "log"]
    command += ["--source-uri", f"salesforce://?{urlencode(signs_in)}"]
    command += ["--source-table", "opportunity", "--dest-uri", f"sqlite:///{target}"]
    command += ["--dest-table", "main.opportunity", "--pipelines-dir", str(folder / "ingestr")]
    environment = {**os.environ, "SSL_CERT_FILE": front["certificate"], "NO_PROXY": "127.0.0.1"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"ingestr failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    rows = sqlite3.connect(target)
    (count,) = rows.execute("SELECT count(*) FROM opportunity").fetchone()
    rows.close()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"rows": count, "wall": wall, "cpu": cpu, "told": done.stdout}
