"""Counters are what a recount of their rows says, whatever happens in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prmsync.reconcile.brakes import Cell, Trip
from prmsync.store import (
    brakes,
    journal,
    links,
    migrations,
    observations,
    runs,
    sending,
    streams,
    tallies,
)
from prmsync.store.database import Database, open_database
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import LinkState, Observation

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path_factory.mktemp('tallies') / 'prm.db'}"
    migrations.create(url)
    opened = open_database(url)
    yield opened
    opened.close()


class Book:
    """One stream of a connection of its own, on which steps are taken."""

    made = 0

    def __init__(self, connection: Any) -> None:
        Book.made += 1
        name = f"crm{Book.made}"
        self.connection = connection
        streams.ensure_connection(connection, name, "salesforce")
        self.stream = streams.ensure_streams(connection, name, ["partner"])["partner"].id
        self.run = runs.start(connection, name, "sync", "test", NOW)
        seen = [Observation(f"c{at}", "1", None, {"name": "x"}) for at in range(6)]
        observations.observe_crm(connection, self.stream, seen)

    def links(self) -> list[links.Link]:
        return links.page(self.connection, self.stream, 0, 100)

    def in_state(self, *states: ActionState) -> list[Action]:
        return journal.page(self.connection, self.run, states)

    def move(self, number: int, state: str) -> None:
        link = self.links()[number]
        link.state = state
        links.save(self.connection, [link])
        links.save(self.connection, [link])

    def plan(self, number: int, op: str, side: str, old: Any, new: Any, cause: str) -> None:
        link = self.links()[number]
        action = Action(link.id, self.stream, side, op, {"name": (old, new)}, cause=cause)
        journal.add(self.connection, self.run, [action])

    def finish(self) -> None:
        done = self.in_state(ActionState.PLANNED, ActionState.RELEASED)
        ids = [one.id for one in done]
        journal.mark(self.connection, ids, ActionState.DONE)
        tallies.created(self.connection, done)

    def hold(self) -> None:
        planned = [one for one in self.in_state(ActionState.PLANNED) if counted(one)]
        trips = {cell: Trip(cell, 1, 1, "test") for one in planned for cell in counted(one)}
        place = (self.stream, "partner")
        brakes.hold(self.connection, self.run, place, planned, trips, NOW)
        sending.hold(self.connection, planned, self.run)

    def leave(self, state: ActionState) -> None:
        some = self.in_state(*ActionState)[::2]
        brakes.no_longer_wait(self.connection, some)
        waiting = [one.id for one in some if one.state == ActionState.WAITING]
        journal.mark(self.connection, waiting, state)

    def reopen(self) -> None:
        sending.reopen_waiting(self.connection, self.stream)
        brakes.nothing_waits(self.connection, self.stream)

    def is_right(self) -> bool:
        names = {self.stream: "partner"}
        kept = tallies.of_streams(self.connection, [self.stream])[self.stream]
        held = brakes.waiting_cells(self.connection, names)
        return kept == tallies.recount(self.connection, self.stream) and held == brakes.recount(
            self.connection, names
        )


def counted(action: Action) -> list[Cell]:
    return list(brakes.cells_of("partner", action))


STEPS = st.one_of(
    st.tuples(st.just("move"), st.integers(0, 5), st.sampled_from(list(LinkState))),
    st.tuples(
        st.just("plan"),
        st.integers(0, 5),
        st.sampled_from(["create", "update", "delete", "base"]),
        st.sampled_from(["prm", "crm"]),
        st.sampled_from([None, "a"]),
        st.sampled_from([None, "b"]),
        st.sampled_from(["prm", "crm:005A", "gone_prm"]),
    ),
    st.tuples(st.just("finish")),
    st.tuples(st.just("hold")),
    st.tuples(
        st.just("leave"),
        st.sampled_from([ActionState.RELEASED, ActionState.DROPPED, ActionState.SUPERSEDED]),
    ),
    st.tuples(st.just("reopen")),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=3, max_size=15))
def test_counters_equal_a_recount_after_any_steps(shared: Database, steps: list[Any]) -> None:
    with shared.begin() as connection:
        book = Book(connection)
        for name, *arguments in steps:
            getattr(book, name)(*arguments)
            assert book.is_right(), name


def test_a_transaction_that_is_rolled_back_counts_nothing(shared: Database) -> None:
    with shared.begin() as connection:
        book = Book(connection)
    with pytest.raises(ZeroDivisionError), shared.begin() as connection:
        book.connection = connection
        book.move(0, LinkState.LIVE)
        book.plan(0, "create", "crm", None, "b", "prm")
        book.finish()
        raise ZeroDivisionError
    with shared.begin() as connection:
        book.connection = connection
        kept = tallies.of_streams(connection, [book.stream])[book.stream]
        assert (kept, book.is_right()) == (tallies.Tally(0, 0, 0), True)


def test_wrong_counters_are_mended_by_a_recount(shared: Database) -> None:
    with shared.begin() as connection:
        book = Book(connection)
        book.move(0, LinkState.LIVE)
        book.plan(1, "update", "crm", "a", "b", "prm")
        book.hold()
        tallies.mend(connection, book.stream, tallies.Tally(40, 2, 2))
        brakes.nothing_waits(connection, book.stream)
        assert not book.is_right()
        tallies.mend(connection, book.stream, tallies.recount(connection, book.stream))
        brakes.mend(connection, book.stream)
        assert book.is_right()


def test_a_database_of_the_version_before_is_counted_when_it_is_upgraded(tmp_path: Path) -> None:
    from alembic import command

    database = open_database(f"sqlite:///{tmp_path / 'old.db'}", check=False)
    with database.begin() as connection:
        command.upgrade(migrations.configuration(connection), "0002")
        connection.exec_driver_sql(
            "INSERT INTO connection (name, connector) VALUES ('crm', 'salesforce')"
        )
        connection.exec_driver_sql(
            "INSERT INTO stream (id, connection, name) VALUES (1, 'crm', 'partner')"
        )
        connection.exec_driver_sql(
            "INSERT INTO link (id, stream_id, state) "
            "VALUES (1, 1, 'live'), (2, 1, 'new'), (3, 1, 'live')"
        )
        connection.exec_driver_sql(
            "INSERT INTO run (id, connection, kind, state, started_at, actor) "
            "VALUES (1, 'crm', 'sync', 'done', '2026-11-22T00:00:00.000Z', 'test')"
        )
        connection.exec_driver_sql(
            "INSERT INTO action (run_id, link_id, stream_id, side, op, state, fields) VALUES "
            "(1, 1, 1, 'crm', 'create', 'done', '{}'), (1, 3, 1, 'crm', 'update', 'waiting', '{}')"
        )
    migrations.upgrade(database)
    with database.read() as connection:
        assert tallies.of_streams(connection, [1]) == {1: tallies.Tally(2, 0, 1)}
        assert tallies.recount(connection, 1) == tallies.Tally(2, 0, 1)
        assert brakes.waiting_cells(connection, {1: "partner"}) == {}
        assert [one.id for one in links.dirty_page(connection, 1, 0, 9)] == [3]
    database.close()
