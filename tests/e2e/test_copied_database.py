"""A copied or restored database starts paused, says why, and goes on when a person has looked."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from prmsync.service.serving_run import Kind, run_connection
from prmsync.service.serving_stop import Stop
from prmsync.service.settings import load_settings
from prmsync.service.wiring import open_application

PARTNERS = "name,domain,tier\nGlobex,globex.example,Gold\nInitech,initech.example,Silver\n"
OBJECT = {"salesforce": "Account", "hubspot": "companies"}


@pytest.fixture
def synced(acme: Any) -> Any:
    """Two partners that both CRMs have."""
    acme.write("partners.csv", PARTNERS)
    assert acme.run("import", "partners.csv", "--as", "partner").code == 0
    assert acme.run("sync", "--yes").code == 0
    assert acme.run("sync").code == 0
    return acme


def rename(home: Any, old: str, new: str) -> None:
    """An edit of the partner database."""
    connection = sqlite3.connect(home.folder / "prmsync.db")
    with connection:
        connection.execute("UPDATE partner SET name = ? WHERE name = ?", (new, old))
    connection.close()


def names(home: Any) -> list[str]:
    return sorted(one["Name"] for one in home.records("salesforce", "Account"))


def copied(home: Any, folder: Path) -> Any:
    """The whole folder on another machine, as for a staging system; the CRM stays the same."""
    shutil.copytree(home.folder, folder)
    return type(home)(folder, home.urls)


def told(text: str) -> str:
    """What was said, without its line breaks."""
    return re.sub(r"\s+", " ", text)


def test_a_copy_of_the_folder_writes_nothing(synced: Any, tmp_path: Path) -> None:
    staging = copied(synced, tmp_path / "staging")
    rename(staging, "Globex", "Staging test")
    said = told(staging.refused(2, "sync", "acme-sf", "--yes"))
    assert "acme-sf is paused: its database is not where it was" in said
    assert "prmsync verify acme-sf" in said and "prmsync resume acme-sf" in said
    assert staging.run("sync", "--yes").code == 2  # acme-hs notices by itself
    assert staging.run("sync", "--yes").code == 2  # nobody has decided so
    undo = told(staging.refused(2, "runs", "undo", "1"))
    assert "is paused: its database is not where it was" in undo
    assert "its database is not where it was" in told(staging.run("status").said)
    assert names(synced) == ["Globex", "Initech"]
    rename(synced, "Initech", "Initech SE")
    assert synced.run("sync").code == 0  # the original goes on
    assert names(synced) == ["Globex", "Initech SE"]


def test_what_only_asks_is_free_and_what_would_write_is_not(synced: Any, tmp_path: Path) -> None:
    staging = copied(synced, tmp_path / "staging")
    for command in (("plan", "acme-sf"), ("match", "acme-sf"), ("apply", "1", "--yes")):
        assert "is paused" in staging.refused(2, *command)
    assert staging.run("verify", "acme-sf").code == 0
    assert "in doubt" in staging.refused(2, "verify", "acme-sf", "--repair")


def test_a_moved_database_goes_on_after_a_comparison_was_accepted(
    synced: Any, tmp_path: Path
) -> None:
    moved = copied(synced, tmp_path / "moved")
    rename(moved, "Globex", "Globex SE")
    moved.refused(2, "sync", "acme-sf")
    said = told(moved.refused(2, "resume", "acme-sf"))
    assert "Look first: prmsync verify acme-sf" in said
    assert moved.run("verify", "acme-sf").code == 1  # the rename is not in the CRM
    assert names(synced) == ["Globex", "Initech"]
    assert "goes on here" in moved.run("resume", "acme-sf").out
    assert moved.run("sync", "acme-sf", "--yes").code == 0
    assert names(synced) == ["Globex SE", "Initech"]
    assert moved.run("verify", "acme-sf").code == 0
    moved.refused(2, "sync", "acme-hs")
    assert moved.run("resume", "--all", "--accept").code == 0
    assert moved.run("sync").code == 0


def test_renaming_the_folder_is_no_copy(synced: Any, tmp_path: Path) -> None:
    moved = synced.folder.rename(tmp_path / "renamed")
    assert type(synced)(moved, synced.urls).run("sync").code == 0


def test_a_restored_backup_is_noticed_by_the_run_that_it_lacks(synced: Any, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    shutil.copyfile(synced.folder / "prmsync.db", backup)
    rename(synced, "Globex", "Globex SE")
    assert synced.run("sync").code == 0
    for log in synced.folder.glob("prmsync.db-*"):
        log.unlink()
    shutil.copyfile(backup, synced.folder / "prmsync.db")  # the same file, with older content
    said = told(synced.refused(2, "sync", "acme-sf", "--yes"))
    assert "acme-sf is paused: its database is older than its last run" in said
    assert "acme-hs is paused: its database is older" in told(synced.refused(2, "sync"))
    assert names(synced) == ["Globex SE", "Initech"]
    assert synced.run("verify", "acme-sf").code == 1
    assert synced.run("resume", "acme-sf").code == 0
    assert synced.run("sync", "acme-sf").code == 0
    assert names(synced) == ["Globex SE", "Initech"]  # what the backup lacked is read back
    assert synced.run("verify", "acme-sf").code == 0


def test_a_doubt_fails_until_a_person_has_answered_it(synced: Any, tmp_path: Path) -> None:
    """Nobody decided that nothing runs: a nightly `sync` must not end as if all were well."""
    copy = type(synced)(shutil.copytree(synced.folder, tmp_path / "copy"), synced.urls)
    for command in ("sync", "plan"):
        said = told(copy.refused(2, command))
        assert "acme-sf is paused: its database is not where it was" in said
        assert "prmsync pause acme-sf" in said and "prmsync verify acme-sf" in said
    assert turn(copy) is Kind.FAILED
    assert copy.run("pause", "--all", "--why", "a copy").code == 0
    left = copy.run("sync")
    assert left.code == 0
    assert "acme-sf is paused: a copy" in told(left.said)
    assert turn(copy) is Kind.PAUSED


def turn(acme: Any) -> Kind:
    """How a turn of the service ends."""
    settings = load_settings(acme.folder / "prmsync.toml", acme.environ)
    with open_application(settings, environ=acme.environ) as application:
        return run_connection(application, "acme-sf", Stop(), lambda: None).kind


@pytest.mark.parametrize("connection", ["acme-sf", "acme-hs"])
def test_a_second_installation_is_noticed_by_its_keys(
    synced: Any, tmp_path: Path, connection: str
) -> None:
    folder = tmp_path / "second"
    assert synced.run("init", str(folder), "--simulators").code == 0
    second = type(synced)(folder, synced.urls)
    said = told(second.refused(2, "sync", connection, "--yes"))
    assert "holds 2 records with keys of a partner database that this one does not know" in said
    assert "another prmsync writes there" in said
    assert "paused" in told(second.run("status").said)
    (run,) = json.loads(second.run("runs", "list", "--json").out)
    assert run["state"] == "failed" and "does not know" in run["message"]
    # The first installation sees a record that the second one makes in spite of it.
    second.write("partners.csv", "name,domain,tier\nUmbrella,umbrella.example,Gold\n")
    assert second.run("import", "partners.csv", "--as", "partner").code == 0
    assert second.run("resume", connection, "--accept").code == 0
    assert second.run("sync", connection, "--yes").code == 0
    said = told(synced.refused(2, "sync", connection, "--yes"))
    assert "holds a record with a key of a partner database that this one does not know" in said


def test_another_account_goes_on_only_when_a_person_takes_it(synced: Any) -> None:
    connection = sqlite3.connect(synced.folder / "prmsync.db")
    with connection:
        connection.execute("UPDATE connection SET org_id = '00D9' WHERE name = 'acme-sf'")
    connection.close()
    rename(synced, "Globex", "Globex SE")
    said = told(synced.refused(2, "sync", "acme-sf"))
    assert "bound to account 00D9, but these credentials open" in said
    said = told(synced.refused(2, "resume", "acme-sf"))
    assert "Look first: prmsync verify acme-sf" in said
    assert synced.run("verify", "acme-sf").code == 1
    assert names(synced) == ["Globex", "Initech"]
    assert synced.run("resume", "acme-sf").code == 0
    assert synced.run("sync", "acme-sf").code == 0
    assert names(synced) == ["Globex SE", "Initech"]


def test_the_right_account_put_back_goes_on_by_itself(synced: Any) -> None:
    place = synced.folder / "prmsync.db"
    for org in ("'00D9'", None):
        connection = sqlite3.connect(place)
        with connection:
            if org is not None:
                ours = connection.execute("SELECT org_id FROM connection WHERE name = 'acme-sf'")
                right = ours.fetchone()[0]
            wanted = org or f"'{right}'"
            connection.execute(f"UPDATE connection SET org_id = {wanted} WHERE name = 'acme-sf'")
        connection.close()
        assert synced.run("sync", "acme-sf").code == (2 if org else 0)
    assert "was not paused" in synced.run("resume", "acme-sf").out


def test_a_folder_that_may_not_be_written_remembers_nothing_and_syncs(
    synced: Any, tmp_path: Path
) -> None:
    mark = synced.folder / "prmsync.installation"
    mark.unlink()
    mark.mkdir()  # nothing can be stored there, whoever runs the test
    assert synced.run("sync").code == 0
