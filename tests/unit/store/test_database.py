"""Transactions, and what people are told when the database cannot be used."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from prmsync.errors import StoreError
from prmsync.store import database as database_module
from prmsync.store.database import Database, open_database
from prmsync.store.migrations import create
from prmsync.store.schema_version import HEAD, VERSIONS
from prmsync.store.tables import partner, registration


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@pytest.fixture
def sqlite_database(sqlite_url: str) -> Iterator[Database]:
    create(sqlite_url)
    opened = open_database(sqlite_url)
    yield opened
    opened.close()


def names(database: Database) -> list[str]:
    with database.read() as db:
        return list(db.execute(sa.select(partner.c.name).order_by(partner.c.name)).scalars())


def refusal(url: str) -> StoreError:
    with pytest.raises(StoreError) as raised:
        open_database(url)
    assert raised.value.hint
    return raised.value


# --- transactions ---------------------------------------------------------------------------


def test_a_write_transaction_is_kept_whole_or_not_at_all(database: Database) -> None:
    with database.begin() as db:
        db.execute(partner.insert().values(id="a", name="A"))
    with pytest.raises(ZeroDivisionError), database.begin() as db:
        db.execute(partner.insert().values(id="b", name="B"))
        _ = 1 / 0
    assert names(database) == ["A"]


def test_a_read_transaction_sees_one_state_while_others_write(database: Database) -> None:
    with database.read() as db:
        count = sa.select(sa.func.count()).select_from(partner)
        assert db.execute(count).scalar_one() == 0
        with database.begin() as writer:
            writer.execute(partner.insert().values(id="a", name="A"))
        assert db.execute(count).scalar_one() == 0
    assert names(database) == ["A"]


def test_a_read_transaction_cannot_write(database: Database) -> None:
    with pytest.raises((StoreError, sa.exc.DBAPIError)), database.read() as db:
        db.execute(partner.insert().values(id="a", name="A"))
    with database.begin() as db:
        db.execute(partner.insert().values(id="b", name="B"))
    assert names(database) == ["B"]


def test_references_are_enforced(database: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError), database.begin() as db:
        db.execute(registration.insert().values(id="r", number="R-1", partner="nobody"))


def test_errors_of_rows_show_no_values(database: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError) as raised, database.begin() as db:
        db.execute(partner.insert().values(id="a", name="Private Person"))
        db.execute(partner.insert().values(id="a", name="Private Person"))
    assert "Private Person" not in str(raised.value)


def test_writers_in_threads_wait_for_each_other(database: Database) -> None:
    def write(number: int) -> None:
        for place in range(5):
            with database.begin() as db:
                db.execute(partner.insert().values(id=f"{number}-{place}", name=f"{number}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 20


def test_sqlite_is_opened_with_everything_a_journal_needs(sqlite_database: Database) -> None:
    wanted = {"foreign_keys": 1, "recursive_triggers": 1, "synchronous": 2, "journal_mode": "wal"}
    with sqlite_database.begin() as db:
        for pragma, value in wanted.items():
            assert db.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


def test_a_busy_sqlite_database_is_told(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.01)
    create(sqlite_url)
    database = open_database(sqlite_url)
    other = sqlite3.connect(path_of(sqlite_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="is busy"), database.begin():
        raise AssertionError("two writers at once")
    other.close()
    with database.begin() as db:
        db.execute(partner.insert().values(id="a", name="A"))
    database.close()


# --- what people are told -------------------------------------------------------------------


def test_a_missing_file_is_told_and_not_made(sqlite_url: str) -> None:
    error = refusal(sqlite_url)
    assert "there is no database" in error.message
    assert str(path_of(sqlite_url)) in error.message
    assert "prmsync init" in error.hint
    assert not path_of(sqlite_url).exists()


def test_a_file_that_is_no_database_is_told_and_left_as_it_is(sqlite_url: str) -> None:
    path_of(sqlite_url).write_bytes(b"These are my notes, not a database." * 100)
    before = path_of(sqlite_url).read_bytes()
    assert "is not a database" in refusal(sqlite_url).message
    assert path_of(sqlite_url).read_bytes() == before


def test_a_damaged_database_is_told(sqlite_url: str) -> None:
    create(sqlite_url)
    path = path_of(sqlite_url)
    content = bytearray(path.read_bytes())
    content[100:] = os.urandom(len(content) - 100)
    path.write_bytes(content)
    assert "damaged" in refusal(sqlite_url).message


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened") as raised:
        create(f"sqlite:///{tmp_path / 'nowhere' / 'prmsync.db'}")
    assert "folder" in raised.value.hint


def test_a_database_without_tables_is_told(database_url: str) -> None:
    open_database(database_url, check=False).close()
    if database_url.startswith("sqlite"):
        path_of(database_url).touch()
    assert "no prmsync tables" in refusal(database_url).message


def test_a_newer_database_is_told(database: Database, database_url: str) -> None:
    with database.begin() as db:
        db.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    error = refusal(database_url)
    assert "newer prmsync" in error.message
    assert "9999" in error.message


def test_an_older_database_is_told_how_to_upgrade(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "VERSIONS", (*VERSIONS, "9998"))
    monkeypatch.setattr(database_module, "HEAD", "9998")
    error = refusal(database_url)
    assert f"has schema {HEAD}, this program needs 9998" in error.message
    assert "prmsync db upgrade" in error.hint


@pytest.mark.parametrize(
    "url", ["", "prmsync.db", "mysql://root:hunter2@host/db", "sqlite://", "sqlite:///:memory:"]
)
def test_a_url_of_another_kind_is_told_without_repeating_it(url: str) -> None:
    error = refusal(url)
    assert "sqlite:///FILE" in error.hint
    assert "hunter2" not in f"{error.message} {error.hint}"


def test_an_unreachable_server_is_told_without_the_password() -> None:
    error = refusal("postgresql://ann:hunter2@127.0.0.1:1/prm")
    assert "the database prm on 127.0.0.1:1 cannot be reached" in error.message
    assert "hunter2" not in f"{error.message} {error.hint} {error!r}"


def test_a_server_that_lacks_the_database_is_told(postgres_url: str) -> None:
    url = sa.make_url(postgres_url).set(database="absent")
    error = refusal(url.render_as_string(hide_password=False))
    assert "the database absent" in error.message
    assert "does not exist" in error.message


def test_a_user_without_rights_is_told(postgres_url: str) -> None:
    create(postgres_url)
    database = open_database(postgres_url)
    with pytest.raises(StoreError, match="does not allow") as raised, database.begin() as db:
        schema = db.execute(sa.text("SELECT current_schema()")).scalar_one()
        db.execute(sa.text(f"CREATE ROLE r_{schema}"))
        db.execute(sa.text(f"GRANT USAGE ON SCHEMA {schema} TO r_{schema}"))
        db.execute(sa.text(f"SET LOCAL ROLE r_{schema}"))
        db.execute(sa.select(partner.c.id))
    assert "rights" in raised.value.hint
    database.close()


# --- a crash --------------------------------------------------------------------------------

WRITER = """
import sys
from prmsync.store.database import open_database
from prmsync.store.tables import partner, registration

database = open_database(sys.argv[1])
number = 0
while True:
    number += 1
    with database.begin() as db:
        db.execute(partner.insert().values(id=f"p{number}", name="P"))
        db.execute(registration.insert().values(id=f"r{number}", number=f"R-{number}",
                                                partner=f"p{number}"))
    print(number, flush=True)
"""


def test_a_process_killed_while_it_writes_leaves_whole_transactions(
    database: Database, database_url: str
) -> None:
    command = [sys.executable, "-c", WRITER, database_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = 0
        for line in writer.stdout:
            acknowledged = int(line)
            if acknowledged == 25:
                os.kill(writer.pid, signal.SIGKILL)
                break
        acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])
    with database.begin() as db:
        partners = set(db.execute(sa.select(partner.c.id)).scalars())
        registered = set(db.execute(sa.select(registration.c.partner)).scalars())
        logged = db.execute(sa.text("SELECT count(*) FROM change_log")).scalar_one()
    assert {f"p{number}" for number in range(1, acknowledged + 1)} <= partners
    assert partners == registered
    assert logged == 2 * len(partners)
    if database.dialect == "sqlite":
        with database.read() as db:
            assert db.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
            assert db.exec_driver_sql("PRAGMA foreign_key_check").all() == []
