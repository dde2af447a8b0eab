"""A damaged, cut, locked or full database, and plans that are not this database's: told with what
to do, exit 2, and nothing is written to a CRM."""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prmsync.store import database as database_module


@pytest.fixture
def planned(acme: Any) -> Any:
    """Two partners, and a plan to create them in Salesforce."""
    acme.write("partners.csv", "name,domain\nGlobex,globex.example\nInitech,initech.example\n")
    assert acme.run("import", "partners.csv", "--as", "partner").code == 0
    assert acme.run("plan", "acme-sf", "--out", "plan.json").code == 0
    close(acme)
    return acme


def close(acme: Any) -> None:
    """All of the database stands in its one file."""
    execute(acme, "PRAGMA wal_checkpoint(TRUNCATE)")


def execute(acme: Any, sql: str) -> None:
    connection = sqlite3.connect(acme.folder / "prmsync.db", isolation_level=None)
    connection.execute(sql).fetchall()
    connection.close()


def nothing_in_the_crm(acme: Any) -> bool:
    return acme.records("salesforce", "Account") == [] == acme.records("hubspot", "companies")


def test_a_file_that_was_cut_is_noticed_by_every_command(planned: Any) -> None:
    path: Path = planned.folder / "prmsync.db"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for command in (("status",), ("sync", "--yes"), ("apply", "plan.json", "--yes"), ("serve",)):
        said = planned.refused(2, *command)
        assert "is damaged: its file was cut short" in said
        assert "restore it from a backup" in said
    assert nothing_in_the_crm(planned)


def test_overwritten_pages_are_told_and_serve_looks_at_all_of_them(planned: Any) -> None:
    path: Path = planned.folder / "prmsync.db"
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = b"\xa5" * (len(content) - len(content) // 2)
    path.write_bytes(content)
    for command in (("serve",), ("sync", "--yes")):
        said = planned.refused(2, *command)
        assert "damaged" in said and "backup" in said
    assert nothing_in_the_crm(planned)


@pytest.mark.parametrize("table", ["action", "link", "lease", "deal_partner"])
def test_a_missing_table_is_named_before_anything_is_read(planned: Any, table: str) -> None:
    execute(planned, "PRAGMA foreign_keys = OFF")
    for trigger in ("insert", "update", "delete"):
        execute(planned, f"DROP TRIGGER IF EXISTS {table}_log_{trigger}")
    execute(planned, f"DROP TABLE {table}")
    said = planned.refused(2, "sync", "--yes")
    assert f"lacks tables that it had: {table}" in said
    assert nothing_in_the_crm(planned)


@pytest.mark.parametrize(
    ("sql", "command", "told"),
    [
        ("UPDATE action SET fields = '{broken'", ("apply", "1", "--yes"), "table action"),
        ("UPDATE action SET fields = '[1]'", ("runs", "show", "1"), "table action"),
        ("UPDATE link SET base = '{', crm_id = 'x'", ("sync", "acme-sf", "--yes"), "table link"),
    ],
)
def test_rows_that_prmsync_did_not_write_so_are_named(
    planned: Any, sql: str, command: tuple[str, ...], told: str
) -> None:
    execute(planned, sql if "crm_id" not in sql else f"{sql} WHERE id = 1")
    said = planned.refused(2, *command)
    assert told in said and "is damaged" in said and "backup" in said
    assert nothing_in_the_crm(planned)


def test_a_database_that_another_program_holds_is_told_as_busy(
    planned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.05)
    other = sqlite3.connect(planned.folder / "prmsync.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    said = planned.refused(2, "sync", "acme-sf", "--yes")
    other.close()
    assert "is busy: another process is writing to it" in said
    assert nothing_in_the_crm(planned)
    assert planned.run("sync", "acme-sf", "--yes").code == 0


def test_a_disk_that_is_full_stops_a_run_before_it_writes_to_the_crm(planned: Any) -> None:
    """Files may not grow beyond what the database has now, as on a full disk."""
    size = (planned.folder / "prmsync.db").stat().st_size

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 64, size // 64))

    done = subprocess.run(
        [sys.executable, "-m", "prmsync.cli.main", "sync", "acme-sf", "--yes"],
        cwd=planned.folder,
        env={**planned.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=no_room,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "disk" in done.stderr and "Traceback" not in done.stderr
    assert nothing_in_the_crm(planned)
    assert planned.run("sync", "acme-sf", "--yes").code == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 2}, "is a plan of format 2, this program knows 1"),
        ({"connection": "acme-hs"}, "run 1 belongs to acme-sf, the file to acme-hs"),
        ({"org_id": "00D9"}, "is a plan for account 00D9, which acme-sf is not bound to"),
        ({"run": 77}, "there is no run 77"),
    ],
)
def test_a_plan_of_something_else_is_refused(
    planned: Any, change: dict[str, Any], told: str
) -> None:
    path: Path = planned.folder / "plan.json"
    plans = json.loads(path.read_text(encoding="utf-8"))
    plans[0].update(change)
    path.write_text(json.dumps(plans), encoding="utf-8")
    said = planned.refused(2, "apply", "plan.json", "--yes")
    assert told in " ".join(said.split())
    assert nothing_in_the_crm(planned)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("policy: prm}", "policy: prm, direction: to_prm}", "policy"),
        ("policy: prm}", "policy: crm, direction: to_crm}", "policy"),
    ],
)
def test_a_policy_that_contradicts_its_direction_is_placed(
    planned: Any, old: str, new: str, told: str
) -> None:
    file = "mappings/salesforce/registration.yaml"
    text = (planned.folder / file).read_text(encoding="utf-8")
    assert old in text
    (planned.folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    said = planned.refused(2, "sync", "acme-sf", "--yes")
    assert f"{file}:" in said and told in said and "direction" in said
    assert nothing_in_the_crm(planned)
