"""Creating and upgrading the database with Alembic, from within the program."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from prmsync.errors import StoreError
from prmsync.store import imports as imports  # its tables are part of the database
from prmsync.store import snapshots as snapshots  # so is its table
from prmsync.store import targets as targets  # and its
from prmsync.store.capture import missing_triggers, reinstall
from prmsync.store.database import Database, check_version, open_database, stored_version
from prmsync.store.schema_version import HEAD, VERSIONS

_UPGRADE_LOCK = 0x70726D73796E63  # "prmsync": one upgrade at a time on a PostgreSQL server


def create(url: str) -> None:
    """Make all tables in a new or empty database. Raises StoreError where tables exist."""
    database = open_database(url, check=False)
    try:
        with database.begin() as connection:
            _require_empty(database, connection)
            _run(connection)
    finally:
        database.close()


def upgrade(database: Database) -> str | None:
    """Bring the schema to this program's version; returns the version it had before. Triggers that
    someone removed are put back.

    One transaction: it happens whole or not at all. Raises StoreError for a database without
    prmsync tables, or one written by a newer prmsync.
    """
    before = stored_version(database)
    if before not in VERSIONS[:-1]:
        check_version(database)
    with database.begin() as connection:
        if before != HEAD:
            _run(connection)
        if missing_triggers(connection):
            reinstall(connection)
    return before


def configuration(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration for the packaged migrations, on an open write transaction."""
    config = Config()
    folder = str(Path(__file__).parent).replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.attributes["connection"] = connection
    return config


def _run(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
    command.upgrade(configuration(connection), HEAD)


def _require_empty(database: Database, connection: sa.Connection) -> None:
    tables = sa.inspect(connection).get_table_names()
    if not tables:
        return
    if "alembic_version" in tables:
        raise StoreError(
            f"the database {database.name} exists already; nothing was changed",
            hint="use it as it is, upgrade it with `prmsync db upgrade`, or name another one",
        )
    raise StoreError(
        f"the database {database.name} holds tables of another program; nothing was changed",
        hint="name an empty database or schema in [database] url",
    )
