"""Transactions on SQLite begin in the database when they are begun, and cost no listeners."""

from __future__ import annotations

import sqlite3

import pytest

from prmsync.errors import StoreError
from prmsync.store import database as database_module
from prmsync.store.database import open_database
from prmsync.store.migrations import create


def test_a_write_transaction_has_the_lock_before_its_first_statement(sqlite_url: str) -> None:
    create(sqlite_url)
    database = open_database(sqlite_url)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), timeout=0)
    with database.begin(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    with database.read():  # which only reads is in nobody's way, also right after a write
        other.execute("BEGIN IMMEDIATE")
        other.rollback()
    other.close()
    database.close()


def test_a_lock_that_is_not_had_is_told_in_words(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(sqlite_url)
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0)
    database = open_database(sqlite_url)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError), database.begin():
        pass
    other.rollback()
    with database.begin():  # a failed begin leaves nothing behind
        pass
    other.close()
    database.close()
