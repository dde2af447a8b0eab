"""What the sessions of this process read of a PostgreSQL database's own tables and their indexes.

The server counts it for each session and transaction; the counts of a whole server or database have
autovacuum, other sessions and reads of the catalogue among them, which grow as they like.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

_TOUCHED = """
SELECT c.relname,
       pg_stat_get_xact_tuples_returned(c.oid)
       + CASE c.relkind WHEN 'r' THEN pg_stat_get_xact_tuples_fetched(c.oid) ELSE 0 END
FROM pg_class c
WHERE c.relkind IN ('r', 'i') AND c.relnamespace = current_schema()::regnamespace
"""
# Else what a transaction read would be counted to the ones after it too, for up to a second.
_BEGIN_ANEW = "SELECT pg_stat_force_next_flush()"


@dataclass
class Touched:
    """Rows of tables and entries of indexes, by table or index."""

    by_name: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.by_name.values())

    def note(self, connection: sa.Connection) -> None:
        with connection.connection.cursor() as cursor:
            cursor.execute(_TOUCHED)
            for name, count in cursor.fetchall():
                if count:
                    self.by_name[name] = self.by_name.get(name, 0) + count
            cursor.execute(_BEGIN_ANEW)


@contextmanager
def counting(engine: sa.Engine) -> Iterator[Touched]:
    """Count at the end of each transaction of this engine; of others than PostgreSQL nothing."""
    touched = Touched()
    if engine.dialect.name != "postgresql":
        yield touched
        return

    for name in ("commit", "rollback"):
        sa.event.listen(engine, name, touched.note)
    yield touched
