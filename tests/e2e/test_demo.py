"""`prmsync demo`, whole and small, as a newcomer runs it; its facts are asked for anew here."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CONNECTIONS = ("acme-hs", "acme-sf")


def prmsync(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prmsync.cli.main", *arguments],
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of settings that are not the demo's."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def told(home: Path) -> subprocess.CompletedProcess[str]:
    """The demo in a shell that points elsewhere: it must run on embedded defaults anyway."""
    elsewhere = f"sqlite:///{home / 'elsewhere.db'}"
    return prmsync(
        "demo",
        "--size",
        "small",
        cwd=home,
        PRMSYNC_CONFIG=str(home / "none.toml"),
        PRMSYNC_DATABASE__URL=elsewhere,
    )


@pytest.fixture(scope="module")
def folder(home: Path, told: subprocess.CompletedProcess[str]) -> Path:
    assert told.returncode == 0, told.stdout + told.stderr
    return home / "prmsync-demo"


def answer(folder: Path, *arguments: str) -> Any:
    done = prmsync(*arguments, "--json", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_every_fact_that_it_states_is_so(told: subprocess.CompletedProcess[str]) -> None:
    assert [line for line in told.stdout.splitlines() if "✗" in line] == []
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count("\n✓ ") >= 15
    assert "nothing refused, nothing waits for a decision" in told.stdout
    assert told.stderr == ""


def test_it_shows_the_story_in_order(told: subprocess.CompletedProcess[str]) -> None:
    marks = [
        "prmsync match acme-sf --apply",
        "first creations wait for a person",
        "--yes",
        "prmsync import edits.csv",
        "put back: the partner database owns this",
        "equal on both sides, nothing to write",
        "both sides changed",
        "--take crm",
        "prmsync conflicts check",
        "prmsync margins explain",
        "prmsync forecast",
        "prmsync runs undo ",
        "✓ the former contacts of 2 registrations stand in Salesforce again",
        "--field customer_contact --take crm",
        "✓ all sides have the right contacts",
        "✓ neither run wrote anything",
        "prmsync report pipeline",
    ]
    rest = told.stdout
    for mark in marks:
        assert mark in rest, mark
        rest = rest.partition(mark)[2]


def test_the_runs_in_the_database_are_those_of_the_story(folder: Path) -> None:
    runs = answer(folder, "runs", "list", "--limit", "1000")
    assert {one["state"] for one in runs} <= {"done", "superseded", "planned"}
    for one in runs[:2]:
        assert not [key for key in one["counts"] if key.count("/") == 3]
    assert {one["connection"] for one in runs[:2]} == set(CONNECTIONS)
    assert answer(folder, "held", "list") == []
    assert answer(folder, "parked", "list") == []


def test_conflicts_margins_and_forecast_can_be_asked_for_afterwards(folder: Path) -> None:
    conflicts = answer(folder, "conflicts", "list")
    assert {one["kind"] for one in conflicts} == {"C1", "C2"}
    number = conflicts[0]["registration"]
    assert prmsync("registrations", "show", number, cwd=folder).stdout.count("conflict") == 1
    currencies = [one["currency"] for one in answer(folder, "forecast")["indirect"]]
    assert currencies == ["EUR", "USD"]


@contextmanager
def simulator(folder: Path, connector: str) -> Iterator[None]:
    """The simulator as the demo's last words start it."""
    settings = (folder / "prmsync.toml").read_text(encoding="utf-8")
    block = settings.partition(f'connector = "{connector}"')[2]
    found = re.search(r"127\.0\.0\.1:(\d+)", block)
    assert found is not None
    command = [sys.executable, "-m", "prmsync.cli.main", "simulator", connector]
    options = ["--port", found.group(1), "--data", f"{connector}-state.json"]
    process = subprocess.Popen([*command, *options], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "simulated" in process.stdout.readline()
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_the_crms_come_back_as_they_were_and_are_in_step(folder: Path) -> None:
    with simulator(folder, "salesforce"), simulator(folder, "hubspot"):
        synced = prmsync("sync", "--json", cwd=folder)
        assert synced.returncode == 0, synced.stdout + synced.stderr
        assert [one["counts"] for one in json.loads(synced.stdout)] == [{}, {}]
        streams = answer(folder, "verify")
    assert set(streams) == set(CONNECTIONS)
    for one in (stream for found in streams.values() for stream in found):
        assert one["prm_records"] == one["crm_records"] == one["linked"] == one["equal"] > 0


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "prmsync.toml").write_text("# mine\n", encoding="utf-8")
    done = prmsync("demo", "--folder", "theirs", cwd=tmp_path)
    assert done.returncode == 2
    assert "no demo made" in done.stderr
    assert (tmp_path / "theirs" / "prmsync.toml").read_text(encoding="utf-8") == "# mine\n"
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["prmsync.toml"]
