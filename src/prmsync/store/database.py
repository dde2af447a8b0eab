"""Opening the database, and its two kinds of transactions: `begin` writes, `read` only reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError

from prmsync.errors import StoreError
from prmsync.store.capture import missing_triggers
from prmsync.store.damage import check_length, check_tables
from prmsync.store.database_errors import display_name, store_error
from prmsync.store.direct import DirectConnection
from prmsync.store.schema_version import HEAD, VERSIONS
from prmsync.store.sqlite_dialect import DRIVER, WRITES

BUSY_SECONDS = 30
"""How long a writer waits for another process's transaction on SQLite."""
KEPT_STATEMENTS = 1000
"""Compiled statements that a SQLite connection keeps: more than a run has, or each would be parsed
anew, together with the triggers that it fires."""
CONNECT_SECONDS = 10

# FULL because the journal's intents must be on disk before a write leaves for a CRM;
# recursive_triggers because REPLACE fires delete triggers only with it; the cache holds the
# indexes of some 100,000 links, and a checkpoint comes every 32 MB of log.
_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA wal_autocheckpoint = 8000",
    "PRAGMA cache_size = -16384",
)


class Database:
    """One open database. Threads may share it; every transaction has its own connection."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @property
    def dialect(self) -> str:
        """ "sqlite" or "postgresql"."""
        return self.engine.dialect.name

    @property
    def name(self) -> str:
        """The database in words for messages, without credentials."""
        return display_name(self.engine.url)

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A write transaction: committed at the end, rolled back on any error.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE), so that it never fails
        half-way on a lock. Raises StoreError when the database cannot be reached or written.
        """
        with self._connected() as connection:
            if self.dialect == "sqlite":
                connection.info[WRITES] = True
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A read transaction that sees one state of the database from begin to end.

        Writing in it is a fault of this program: PostgreSQL refuses the statement, on SQLite a
        StoreError follows at the end; nothing of it stays.
        """
        with self._connected() as connection:
            if self.dialect == "postgresql":
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin() as transaction:
                before = _changes(connection)
                yield connection
                if _changes(connection) != before:
                    transaction.rollback()
                    raise StoreError(
                        f"the database {self.name} was to be read only, and was written",
                        hint="nothing of it was stored; this is a fault of prmsync: report it",
                    )

    def _connected(self) -> sa.Connection:
        return DirectConnection(self.engine) if self.dialect == "sqlite" else self.engine.connect()

    def rewrite(self) -> None:
        """Rewrite the stored data without the remains of what was deleted or replaced. On SQLite
        nothing else may have the database open; backups and replicas keep what they have.

        Raises StoreError when another process is in the way.
        """
        sqlite = self.dialect == "sqlite"
        raw = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with raw as connection:
            if sqlite:
                driver: Any = connection.connection.dbapi_connection
                for step in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                    driver.execute(step).close()
            else:
                connection.exec_driver_sql("VACUUM FULL")

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def open_database(url: str, *, check: bool = True) -> Database:
    """Open `sqlite:///path` or `postgresql://…`; with `check`, require the present schema.

    Raises StoreError with a remedy: unknown URL, missing or damaged file, unreachable server,
    no permission, no tables, missing triggers, or the schema of another version.
    """
    parsed = _parse(url)
    if check:
        _require_file(parsed)
        if parsed.get_backend_name() == "sqlite":
            check_length(Path(str(parsed.database)), display_name(parsed))
    database = Database(_engine(parsed))
    try:
        if check:
            check_version(database)
            with database.read() as connection:
                check_tables(connection, database.name)
            check_capture(database)
    except BaseException:
        database.close()
        raise
    return database


def check_version(database: Database) -> None:
    """Raise StoreError unless the database holds the schema of this program."""
    version = stored_version(database)
    if version is None:
        raise StoreError(
            f"the database {database.name} holds no prmsync tables",
            hint="run `prmsync init`, or correct [database] url",
        )
    if version in VERSIONS[:-1]:
        raise StoreError(
            f"the database {database.name} has schema {version}, this program needs {HEAD}",
            hint="back it up, then run `prmsync db upgrade`",
        )
    if version != HEAD:
        raise StoreError(
            f"the database {database.name} was written by a newer prmsync "
            f"(schema {version}, this program knows {HEAD})",
            hint="install the newer prmsync, or restore a backup from before its upgrade",
        )


def check_capture(database: Database) -> None:
    """Raise StoreError when triggers are missing: edits would go unseen, so nothing runs."""
    with database.read() as connection:
        missing = missing_triggers(connection)
    if missing:
        raise StoreError(
            f"the database {database.name} lacks triggers that notice edits: {', '.join(missing)}",
            hint="run `prmsync db upgrade` to put them back, then `prmsync sync --full`",
        )


def stored_version(database: Database) -> str | None:
    """The schema version written in the database; None where there are no prmsync tables."""
    with database.read() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        row = connection.execute(sa.text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError) as error:
        raise _unknown_url() from error
    backend = parsed.get_backend_name()
    if backend == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(drivername=DRIVER)
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise _unknown_url()


def _unknown_url() -> StoreError:
    # The URL itself is not repeated: it may hold a password.
    return StoreError(
        "[database] url is not a database this program knows",
        hint="write sqlite:///FILE or postgresql://USER@HOST/NAME",
    )


def _require_file(url: sa.URL) -> None:
    if url.get_backend_name() != "sqlite" or Path(str(url.database)).is_file():
        return
    raise StoreError(
        f"there is no database {display_name(url)}",
        hint="run `prmsync init`, or correct [database] url",
    )


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() == "sqlite":
        # hide_parameters: values of records must not appear in error texts.
        arguments = {"timeout": BUSY_SECONDS, "cached_statements": KEPT_STATEMENTS}
        engine = sa.create_engine(url, hide_parameters=True, connect_args=arguments)
        sa.event.listen(engine, "connect", _prepare_sqlite)
    else:
        engine = sa.create_engine(
            url, hide_parameters=True, pool_pre_ping=True, connect_args=_postgres_arguments(url)
        )
    sa.event.listen(engine, "handle_error", _translate_error(url), retval=True)
    return engine


def _postgres_arguments(url: sa.URL) -> dict[str, Any]:
    defaults = {"connect_timeout": CONNECT_SECONDS, "application_name": "prmsync"}
    return {key: value for key, value in defaults.items() if key not in url.query}


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the dialect begins transactions, not the driver
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _changes(connection: sa.Connection) -> int:
    """How many rows this connection has changed so far; PostgreSQL guards reads itself."""
    if connection.dialect.name == "postgresql":
        return 0
    driver: Any = connection.connection.dbapi_connection
    return int(driver.total_changes)


def _translate_error(url: sa.URL) -> Any:
    def translate(context: ExceptionContext) -> BaseException | None:
        return store_error(url, context.original_exception)

    return translate
