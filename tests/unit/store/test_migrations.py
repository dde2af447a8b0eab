"""Databases made by the migrations and by the tables of the code are the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from prmsync.errors import StoreError
from prmsync.store.capture import trigger_statements
from prmsync.store.database import Database, open_database, stored_version
from prmsync.store.migrations import configuration, create, upgrade
from prmsync.store.schema_version import HEAD, VERSIONS
from prmsync.store.tables import metadata

SQLITE_SCHEMA = """
    SELECT type, name, tbl_name FROM sqlite_master
    WHERE tbl_name NOT IN ('alembic_version') ORDER BY 1, 2, 3
"""
SQLITE_TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
POSTGRES_QUERIES = (
    """SELECT tablename, indexname, replace(indexdef, current_schema() || '.', '')
       FROM pg_indexes WHERE schemaname = current_schema() AND tablename <> 'alembic_version'
       ORDER BY 1, 2""",
    """SELECT c.relname, t.tgname, replace(pg_get_triggerdef(t.oid), current_schema() || '.', '')
       FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
       WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
       ORDER BY 1, 2""",
    """SELECT c.relname, k.conname, pg_get_constraintdef(k.oid)
       FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
       WHERE c.relnamespace = current_schema()::regnamespace AND c.relname <> 'alembic_version'
       ORDER BY 1, 2""",
    """SELECT proname, prosrc FROM pg_proc
       WHERE pronamespace = current_schema()::regnamespace ORDER BY 1""",
    """SELECT table_name, column_name, data_type, is_nullable, column_default,
              numeric_precision, numeric_scale
       FROM information_schema.columns
       WHERE table_schema = current_schema() AND table_name <> 'alembic_version' ORDER BY 1, 2""",
)


def shape(database: Database) -> list[object]:
    """Everything the database itself tells about tables, columns, indexes, checks, triggers."""
    with database.read() as connection:
        if database.dialect == "postgresql":
            return [
                [tuple(row) for row in connection.execute(sa.text(query))]
                for query in POSTGRES_QUERIES
            ]
        tables = sorted(metadata.tables)
        pragmas = ("table_info", "foreign_key_list", "index_list")
        result: list[object] = [
            [tuple(row) for row in connection.execute(sa.text(SQLITE_SCHEMA))],
            [tuple(row) for row in connection.execute(sa.text(SQLITE_TRIGGERS))],
        ]
        for table in tables:
            for pragma in pragmas:
                rows = connection.exec_driver_sql(f"PRAGMA {pragma}({table})")
                result.append((table, pragma, sorted(str(tuple(row)[1:]) for row in rows)))
        indexes = (
            "SELECT name, sql FROM sqlite_master WHERE type = 'index'"
            " AND tbl_name <> 'alembic_version' ORDER BY name"
        )
        result.append([tuple(row) for row in connection.execute(sa.text(indexes))])
        autoincrement = (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'"
        )
        result.append(sorted(row[0] for row in connection.execute(sa.text(autoincrement))))
        return result


@pytest.fixture
def by_tables(database_url: str) -> Iterator[Database]:
    """A database made by the code's tables and triggers, without Alembic."""
    opened = open_database(database_url, check=False)
    with opened.begin() as connection:
        metadata.create_all(connection)
        for statement in trigger_statements(opened.dialect):
            connection.exec_driver_sql(statement)
    yield opened
    opened.close()


@pytest.fixture
def tables_shape(by_tables: Database) -> list[object]:
    """Shape by the code; the database is empty again afterwards, for the migrations."""
    found = shape(by_tables)
    with by_tables.begin() as connection:
        metadata.drop_all(connection)
        if by_tables.dialect == "postgresql":
            functions = "prmsync_log_change, prmsync_log_truncate, prmsync_keep_past"
            connection.execute(sa.text(f"DROP FUNCTION {functions}"))
    by_tables.close()
    return found


def test_migrations_and_tables_make_the_same_database(
    tables_shape: list[object], database_url: str
) -> None:
    create(database_url)
    migrated = open_database(database_url)
    found = shape(migrated)
    migrated.close()
    assert len(found) == len(tables_shape)
    for mine, code in zip(found, tables_shape, strict=True):
        assert mine == code


# An index of PostgreSQL only, by an expression; `shape` above compares it.
@pytest.mark.filterwarnings("ignore:autogenerate skipping .* index 'ix_link_from'")
def test_alembic_finds_nothing_to_add(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_the_versions_in_code_are_the_migrations_in_order() -> None:
    scripts = ScriptDirectory.from_config(configuration())
    assert tuple(s.revision for s in scripts.walk_revisions())[::-1] == VERSIONS
    assert scripts.get_current_head() == HEAD


def test_a_new_database_has_the_present_version(database: Database) -> None:
    assert stored_version(database) == HEAD
    assert upgrade(database) == HEAD


def test_create_refuses_a_database_that_exists(database: Database, database_url: str) -> None:
    with pytest.raises(StoreError, match="exists already"):
        create(database_url)


def test_create_refuses_tables_of_another_program(database_url: str) -> None:
    other = open_database(database_url, check=False)
    with other.begin() as connection:
        connection.execute(sa.text("CREATE TABLE invoice (id integer)"))
    with pytest.raises(StoreError, match="another program"):
        create(database_url)
    with other.read() as connection:
        assert sa.inspect(connection).get_table_names() == ["invoice"]
    other.close()


def test_an_upgrade_that_fails_leaves_no_table_behind(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ("CREATE TABLE half (id integer)", "CREATE TABLE half (id integer)")
    kind = "POSTGRESQL" if database_url.startswith("postgres") else "SQLITE"
    monkeypatch.setattr(f"prmsync.store.migrations.triggers_0001.{kind}", broken)
    with pytest.raises(sa.exc.DBAPIError):
        create(database_url)
    database = open_database(database_url, check=False)
    with database.read() as connection:
        assert sa.inspect(connection).get_table_names() == []
    database.close()


def test_removed_triggers_are_told_and_put_back(database: Database, database_url: str) -> None:
    whole = shape(database)
    removed = {
        "sqlite": "DROP TRIGGER partner_log_update",
        "postgresql": "ALTER TABLE partner DISABLE TRIGGER log_update",
    }
    with database.begin() as connection:
        connection.execute(sa.text(removed[database.dialect]))
    with pytest.raises(StoreError, match="log_update on partner") as raised:
        open_database(database_url)
    assert "prmsync db upgrade" in raised.value.hint
    assert upgrade(database) == HEAD
    open_database(database_url).close()
    assert shape(database) == whole
