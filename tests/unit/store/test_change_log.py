"""Every writer's change is logged in its own transaction, and read exactly once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from prmsync.errors import StoreError
from prmsync.store import change_log
from prmsync.store.change_log import START, changes_after
from prmsync.store.database import Database, open_database
from prmsync.store.migrations import create
from prmsync.store.tables import PRM_TABLES, opportunity, partner, registration, tier
from prmsync.store.tables import connection as connections
from prmsync.store.tables import stream as streams

NEEDED: dict[str, dict[str, object]] = {
    "partner": {"name": "Acme"},
    "opportunity": {"name": "Deal"},
    "registration": {"number": "R-1", "partner": "p1"},
    "relation": {"opportunity": "o1", "partner": "p1", "role": "reseller"},
}
REFERENCES = {"tier": "Gold", "partner": "p2", "opportunity": "o2"}
BY_TYPE: dict[str, object] = {
    "Boolean": True,
    "Integer": 7,
    "ExactDecimal": Decimal("7.5"),
    "UtcDateTime": datetime(2026, 11, 22, tzinfo=UTC),
    "Date": date(2026, 11, 22),
    "Text": "other",
}


def execute(database: Database, *statements: sa.Executable) -> None:
    with database.begin() as db:
        for statement in statements:
            db.execute(statement)


def log(database: Database, name: str, cursor: tuple[int, int] = START) -> dict[str, str]:
    with database.read() as db:
        return dict(changes_after(db, cursor, name, 1000)[0])


def head(database: Database) -> tuple[int, int]:
    with database.read() as db:
        return change_log.head(db)


def another_value(column: sa.Column[object]) -> object:
    for key in column.foreign_keys:
        return REFERENCES[key.column.table.name]
    return BY_TYPE[type(column.type).__name__]


@pytest.fixture
def parents(database: Database) -> Database:
    execute(
        database,
        tier.insert().values(name="Gold", rank=1),
        partner.insert().values([{"id": "p1", "name": "One"}, {"id": "p2", "name": "Two"}]),
        opportunity.insert().values([{"id": "o1", "name": "One"}, {"id": "o2", "name": "Two"}]),
    )
    return database


@pytest.mark.parametrize("name", sorted(PRM_TABLES))
def test_insert_every_update_and_delete_are_logged(parents: Database, name: str) -> None:
    table = PRM_TABLES[name]
    before = head(parents)
    execute(parents, table.insert().values(id="x", **NEEDED[name]))
    assert log(parents, name, before) == {"x": "insert"}
    for column in table.columns:
        if column.name == "id":
            continue
        before = head(parents)
        execute(parents, table.update().values({column.name: column}))
        assert log(parents, name, before) == {}, f"{column} did not change"
        change = {column.name: another_value(column)}
        execute(parents, table.update().where(table.c.id == "x").values(change))
        assert log(parents, name, before) == {"x": "update"}, f"{column} changed"
    before = head(parents)
    execute(parents, table.delete().where(table.c.id == "x"))
    assert log(parents, name, before) == {"x": "delete"}


def test_a_change_of_id_is_a_deletion_and_an_insertion(parents: Database) -> None:
    execute(parents, partner.insert().values(id="x", name="Acme"))
    before = head(parents)
    execute(parents, partner.update().where(partner.c.id == "x").values(id="y"))
    assert log(parents, "partner", before) == {"x": "delete", "y": "insert"}


def test_changes_that_are_rolled_back_are_not_logged(parents: Database) -> None:
    before = head(parents)
    with pytest.raises(RuntimeError), parents.begin() as db:
        db.execute(partner.insert().values(id="x", name="Gone"))
        raise RuntimeError
    assert log(parents, "partner", before) == {}


def test_the_last_operation_of_a_record_is_told_once(parents: Database) -> None:
    before = head(parents)
    execute(
        parents,
        partner.insert().values(id="x", name="Acme"),
        partner.insert().values(id="y", name="Bolt"),
        partner.update().where(partner.c.id == "x").values(name="Acme Inc"),
    )
    with parents.read() as db:
        records, cursor = changes_after(db, before, "partner", 10)
        assert list(records.items()) == [("y", "insert"), ("x", "update")]
        assert changes_after(db, cursor, "partner", 10) == ({}, cursor)


def test_pages_continue_where_the_last_one_ended(parents: Database) -> None:
    before = head(parents)
    rows = [{"id": f"x{n:03}", "name": "Acme"} for n in range(25)]
    execute(parents, partner.insert().values(rows))
    seen: list[str] = []
    cursor = before
    with parents.read() as db:
        while True:
            records, cursor = changes_after(db, cursor, "partner", 10)
            if not records:
                break
            seen.extend(records)
    assert seen == [row["id"] for row in rows]


def test_the_head_leaves_nothing_behind_it(parents: Database) -> None:
    assert log(parents, "partner", head(parents)) == {}
    with parents.begin() as db:
        change_log.prune(db)
    before = head(parents)
    execute(parents, partner.insert().values(id="x", name="Acme"))
    assert log(parents, "partner", before) == {"x": "insert"}


def test_the_head_of_an_empty_log_is_no_start(database: Database) -> None:
    """Who has read an empty database reads the log from then on, and not everything once more:
    of a record that came and went since, only the log tells."""
    before = head(database)
    assert before != START
    execute(database, partner.insert().values(id="x", name="Acme"))
    assert log(database, "partner", before) == {"x": "insert"}


def test_prune_keeps_what_the_slowest_connection_has_not_read(parents: Database) -> None:
    with parents.read() as db:
        _, first = changes_after(db, START, "partner", 1)
        _, last = changes_after(db, START, "partner", 10)
    places = (("a", first), ("b", last))
    execute(
        parents,
        connections.insert().values([{"name": n, "connector": "salesforce"} for n in "ab"]),
        *(
            streams.insert().values(connection=n, name="partner", prm_xid=c[0], prm_cursor=c[1])
            for n, c in places
        ),
    )
    assert len(log(parents, "opportunity")) == 2
    with parents.begin() as db:
        deleted = change_log.prune(db)
    # Both opportunities (no connection reads them), and the first of the two partners.
    assert deleted == 3
    assert log(parents, "partner") == {"p2": "insert"}
    with parents.read() as db:
        assert change_log.waiting(db, first, "partner") == 1
        assert change_log.waiting(db, last, "partner") == 0


def test_replace_on_sqlite_logs_the_record_it_displaced(sqlite_url: str) -> None:
    create(sqlite_url)
    database = open_database(sqlite_url)
    execute(database, partner.insert().values(id="p1", name="One"))
    execute(database, registration.insert().values(id="x", number="R-1", partner="p1"))
    before = head(database)
    replace = registration.insert().prefix_with("OR REPLACE")
    execute(database, replace.values(id="y", number="R-1", partner="p1"))
    assert log(database, "registration", before) == {"x": "delete", "y": "insert"}
    database.close()


def test_what_a_cursor_has_passed_is_not_gone_through_again_on_sqlite(sqlite_url: str) -> None:
    create(sqlite_url)
    database = open_database(sqlite_url)
    sent: list[tuple[str, Any]] = []
    with database.read() as db:

        @sa.event.listens_for(db, "before_cursor_execute")
        def note(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
            sent.append((statement, values))

        changes_after(db, (0, 7), "partner", 10)
        change_log.unknown_after(db, (0, 7), 1, "partner", 9)
        for statement, values in list(sent):
            plan = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            assert "stream=? AND xid=? AND seq>?" in str(plan)
    assert 9 in sent[1][1] and 7 not in sent[1][1]
    database.close()


def test_another_program_that_writes_sqlite_is_seen(sqlite_url: str) -> None:
    create(sqlite_url)
    database = open_database(sqlite_url)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    other.execute("INSERT INTO partner (id, name) VALUES ('x', 'Acme')")
    other.commit()
    other.close()
    assert log(database, "partner") == {"x": "insert"}
    database.close()


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Database]:
    create(postgres_url)
    opened = open_database(postgres_url)
    yield opened
    opened.close()


def test_truncate_logs_every_record_as_deleted(postgres: Database) -> None:
    execute(
        postgres,
        partner.insert().values([{"id": "p1", "name": "One"}, {"id": "p2", "name": "Two"}]),
        registration.insert().values(id="x", number="R-1", partner="p1"),
    )
    before = head(postgres)
    execute(postgres, sa.text("TRUNCATE partner CASCADE"))
    assert log(postgres, "partner", before) == {"p1": "delete", "p2": "delete"}
    assert log(postgres, "registration", before) == {"x": "delete"}


def test_another_schema_path_of_the_writer_does_not_matter(postgres: Database) -> None:
    with postgres.begin() as db:
        schema = db.execute(sa.text("SELECT current_schema()")).scalar_one()
        db.execute(sa.text("SET LOCAL search_path = pg_catalog"))
        db.execute(sa.text(f"INSERT INTO {schema}.partner (id, name) VALUES ('x', 'Acme')"))
        db.execute(sa.text(f"TRUNCATE {schema}.deal_partner"))
    assert log(postgres, "partner") == {"x": "insert"}


def test_a_writer_needs_rights_on_its_own_table_only(postgres: Database) -> None:
    with postgres.begin() as db:
        schema = db.execute(sa.text("SELECT current_schema()")).scalar_one()
        for statement in (
            f"CREATE ROLE w_{schema}",
            f"GRANT USAGE ON SCHEMA {schema} TO w_{schema}",
            f"GRANT INSERT, TRUNCATE ON {schema}.deal_partner, {schema}.partner TO w_{schema}",
            f"SET LOCAL ROLE w_{schema}",
            "INSERT INTO partner (id, name) VALUES ('x', 'Acme')",
            "TRUNCATE deal_partner",
        ):
            db.execute(sa.text(statement))
    assert log(postgres, "partner") == {"x": "insert"}


def test_a_late_commit_is_not_skipped(postgres: Database) -> None:
    """The first writer takes the lower numbers and commits last."""
    before = head(postgres)
    with postgres.engine.connect() as early, postgres.engine.connect() as late:
        early.execute(partner.insert().values(id="early", name="Early"))
        late.execute(partner.insert().values(id="late", name="Late"))
        late.commit()
        with postgres.read() as db:
            while_open, cursor = changes_after(db, before, "partner", 10)
            from_head = change_log.head(db)
        early.commit()
    assert while_open == {}
    assert log(postgres, "partner", cursor) == {"early": "insert", "late": "insert"}
    assert log(postgres, "partner", from_head) == {"early": "insert", "late": "insert"}


def test_a_transaction_that_began_earlier_and_writes_later_is_not_skipped(
    postgres: Database,
) -> None:
    """The later transaction id gets the lower sequence number."""
    before = head(postgres)
    with postgres.engine.connect() as first, postgres.engine.connect() as second:
        first.execute(sa.text("SELECT pg_current_xact_id()"))
        second.execute(partner.insert().values(id="second", name="Second"))
        first.execute(partner.insert().values(id="first", name="First"))
        first.commit()
        with postgres.read() as db:
            records, cursor = changes_after(db, before, "partner", 10)
        assert records == {"first": "insert"}
        second.commit()
    assert log(postgres, "partner", cursor) == {"second": "insert"}


def test_a_cursor_of_another_server_is_refused(postgres: Database) -> None:
    with postgres.read() as db, pytest.raises(StoreError, match="another database server"):
        changes_after(db, (2**40, 0), "partner", 10)
