"""Triggers that append to `change_log` in the writer's own transaction, so any writer is seen, and
those that keep what opportunities looked like before (`prmsync.store.opportunity_past`).

These are the triggers as they have to be for the tables of this version; migrations spell theirs
out, and a test keeps both equal. An update is logged only when a column really changed. A change
of a record's id is logged as the deletion of the old and the insertion of the new one.
"""

from __future__ import annotations

import sqlalchemy as sa

from prmsync.store import opportunity_past
from prmsync.store.tables import PRM_TABLES

_POSTGRES_NAMES = ("log_change", "log_update", "log_truncate")

# The writer may be any tool: with any search path, and without rights on change_log.
_POSTGRES_FUNCTIONS = (
    """
CREATE FUNCTION prmsync_log_change() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND OLD.id IS DISTINCT FROM NEW.id) THEN
    INSERT INTO change_log (xid, stream, record, op)
    VALUES (pg_current_xact_id()::text::bigint, TG_ARGV[0], OLD.id, 'delete');
  END IF;
  IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND OLD.id IS DISTINCT FROM NEW.id) THEN
    INSERT INTO change_log (xid, stream, record, op)
    VALUES (pg_current_xact_id()::text::bigint, TG_ARGV[0], NEW.id, 'insert');
  ELSIF TG_OP = 'UPDATE' THEN
    INSERT INTO change_log (xid, stream, record, op)
    VALUES (pg_current_xact_id()::text::bigint, TG_ARGV[0], NEW.id, 'update');
  END IF;
  RETURN NULL;
END
$$
""",
    """
CREATE FUNCTION prmsync_log_truncate() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  EXECUTE 'INSERT INTO change_log (xid, stream, record, op) '
    || 'SELECT pg_current_xact_id()::text::bigint, ' || quote_literal(TG_ARGV[0])
    || ', id, ''delete'' FROM ' || TG_RELID::regclass::text;
  RETURN NULL;
END
$$
""",
)


_POSTGRES_PRESENT = """
SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = current_schema()::regnamespace AND t.tgenabled <> 'D'
"""
_SQLITE_PRESENT = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"


def missing_triggers(connection: sa.Connection) -> list[str]:
    """Triggers that are absent or switched off, as "trigger on table": changes are lost there."""
    postgres = connection.dialect.name == "postgresql"
    query = _POSTGRES_PRESENT if postgres else _SQLITE_PRESENT
    present = {(table, name) for table, name in connection.execute(sa.text(query))}
    return [
        f"{name} on {table.name}"
        for table in PRM_TABLES.values()
        for name in _names(table, connection.dialect.name)
        if (table.name, name) not in present
    ]


def reinstall(connection: sa.Connection) -> None:
    """Put all triggers back as they have to be."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        functions = "prmsync_log_change, prmsync_log_truncate, prmsync_keep_past"
        connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS {functions} CASCADE")
    else:
        for table in PRM_TABLES.values():
            for name in _names(table, dialect):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
    for statement in trigger_statements(dialect):
        connection.exec_driver_sql(statement)


def trigger_statements(dialect: str) -> tuple[str, ...]:
    """DDL of change capture for "sqlite" or "postgresql", in the order to run it."""
    make = _postgres_triggers if dialect == "postgresql" else _sqlite_triggers
    functions = _POSTGRES_FUNCTIONS if dialect == "postgresql" else ()
    triggers = [text for stream, table in PRM_TABLES.items() for text in make(stream, table)]
    past = opportunity_past.trigger_statements(dialect)
    return (*(text.strip() for text in functions), *triggers, *past)


def _names(table: sa.Table, dialect: str) -> list[str]:
    """Of all triggers that a table has to have."""
    past = opportunity_past.trigger_names(dialect) if table.name == "opportunity" else ()
    if dialect == "postgresql":
        return [*_POSTGRES_NAMES, *past]
    return [*(f"{table.name}_log_{event}" for event in ("insert", "update", "delete")), *past]


def _postgres_triggers(stream: str, table: sa.Table) -> list[str]:
    name = table.name
    return [
        f"CREATE TRIGGER log_change AFTER INSERT OR DELETE ON {name}\n"
        f"FOR EACH ROW EXECUTE FUNCTION prmsync_log_change('{stream}')",
        f"CREATE TRIGGER log_update AFTER UPDATE ON {name}\n"
        "FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)\n"
        f"EXECUTE FUNCTION prmsync_log_change('{stream}')",
        f"CREATE TRIGGER log_truncate BEFORE TRUNCATE ON {name}\n"
        f"FOR EACH STATEMENT EXECUTE FUNCTION prmsync_log_truncate('{stream}')",
    ]


def _sqlite_triggers(stream: str, table: sa.Table) -> list[str]:
    name = table.name
    changed = "\n  OR ".join(f"OLD.{c.name} IS NOT NEW.{c.name}" for c in table.columns)
    into = "  INSERT INTO change_log (stream, record, op)"
    renamed = f"SELECT '{stream}', OLD.id, 'delete' WHERE OLD.id IS NOT NEW.id"
    operation = "CASE WHEN OLD.id IS NEW.id THEN 'update' ELSE 'insert' END"
    bodies = {
        "insert": ("", f"{into} VALUES ('{stream}', NEW.id, 'insert')"),
        "update": (
            f"\nWHEN {changed}",
            f"{into}\n  {renamed};\n{into}\n  VALUES ('{stream}', NEW.id, {operation})",
        ),
        "delete": ("", f"{into} VALUES ('{stream}', OLD.id, 'delete')"),
    }
    return [
        f"CREATE TRIGGER {name}_log_{event} AFTER {event.upper()} ON {name}{when}\n"
        f"BEGIN\n{body};\nEND"
        for event, (when, body) in bodies.items()
    ]
