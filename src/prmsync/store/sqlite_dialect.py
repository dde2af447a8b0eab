"""SQLAlchemy's SQLite dialect with transactions that begin in the database when they are begun.

The driver's own transaction control skips BEGIN before SELECT and DDL. A listener for the begin of
a transaction would do as well, but an engine with a listener asks it at every statement, which
costs more than many of them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

DRIVER = "sqlite+prmsync"
"""The URL's scheme for this dialect."""
WRITES = "prmsync_writes"
"""In a connection's `info`: its next transaction takes the write lock at once."""


class SqliteDialect(SQLiteDialect_pysqlite):
    """Begins transactions by itself; needs connections with `isolation_level = None`."""

    supports_statement_cache = True

    def do_begin(self, dbapi_connection: Any) -> None:
        # Not PRAGMA query_only for what reads: each change of it has SQLite parse every statement
        # anew.
        writes = dbapi_connection.info.pop(WRITES, False)
        begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
        dbapi_connection.dbapi_connection.execute(begin).close()


registry.register("sqlite.prmsync", __name__, SqliteDialect.__name__)
