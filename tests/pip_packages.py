"""Vendors' Python clients that we do not ship with: packages in a folder kept between runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

WHOLE = "installed"


@pytest.fixture(scope="session")
def pip_folder(kept_folder):
    """A function: package and version → a folder to import it from."""

    def folder_of(package, version):
        folder = kept_folder(package, version)
        if not (folder / WHOLE).exists():
            _install(folder, f"{package}=={version}")
            (folder / WHOLE).touch()
        return folder

    return folder_of


@pytest.fixture(scope="session")
def run_python():
    """A function: script, folder of its packages and arguments → the JSON object that it prints."""

    def run(script, folder, *arguments):
        done = subprocess.run(
            [sys.executable, script, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(folder)},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def _install(folder, package):
    # Upgraded, so that what an interrupted run left is not taken for whole.
    how = "-m pip install --quiet --upgrade --retries 1 --timeout 30 --target"
    run = subprocess.run(
        [sys.executable, *how.split(), folder, package],
        capture_output=True,
        text=True,
        timeout=300,
    )
    if run.returncode:
        pytest.skip(f"pip cannot install {package} here: {run.stderr.strip()[-300:]}")
