"""Turns, back-off and stops, with real connectors on an address where nothing listens."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from prmsync.errors import NotFoundError
from prmsync.service import scheduler, serving, serving_run
from prmsync.service.scheduler import Schedule, Turns
from prmsync.service.serving import Round
from prmsync.service.serving_board import Board
from prmsync.service.serving_run import Ended, Kind, Trouble, run_connection
from prmsync.service.serving_stop import Stop
from prmsync.service.settings import load_settings
from prmsync.service.wiring import Application, open_application
from prmsync.store import pausing
from prmsync.store.migrations import create

PATIENCE = 60.0
# The discard port of this machine: nothing answers there.
SETTINGS = """
[service]
health = "off"
[connections.first]
connector = "hubspot"
schedule = "10s"
base_url = "http://127.0.0.1:9"
auth.token = "env:TOKEN"
[connections.second]
connector = "hubspot"
schedule = "10s"
base_url = "http://127.0.0.1:9"
auth.token = "env:OTHER"
"""


@contextmanager
def opened(folder: Path, text: str = SETTINGS) -> Iterator[Application]:
    (folder / "prmsync.toml").write_text(text, encoding="utf-8")
    create(f"sqlite:///{folder / 'prmsync.db'}")
    settings = load_settings(folder / "prmsync.toml", {})
    credentials = {"TOKEN": "pat-na1-1"}
    with open_application(settings, sleep=lambda _: None, environ=credentials) as application:
        yield application


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    """Two connections: `first` reaches nobody, `second` has no credentials."""
    with opened(tmp_path) as found:
        yield found


def run(application: Application, name: str, stop: Stop | None = None) -> Ended:
    return run_connection(application, name, stop or Stop(), lambda: None)


def test_once_gives_every_connection_its_turn_and_the_worst_exit_code(
    application: Application,
) -> None:
    done = serving.once(application, Stop())
    assert [(one.connection, one.kind) for one in done.ended] == [
        ("first", Kind.FAILED),
        ("second", Kind.FAILED),
    ]
    assert [one.trouble.error for one in done.ended if one.trouble] == [
        "RetryableError",
        "ConfigurationError",
    ]
    assert done.house_kept
    assert serving.exit_code(done) == 2
    assert serving.exit_code(Round(done.ended[:1], True)) == 1
    assert serving.exit_code(Round([], False)) == 1


def test_a_trouble_names_every_finding_and_no_secret(application: Application) -> None:
    trouble = run(application, "second").trouble
    assert trouble is not None
    assert "environment variable OTHER is not set" in trouble.findings[0]


def test_a_stop_before_a_turn_leaves_it_undone(application: Application) -> None:
    stop = Stop()
    stop.ask()
    done = serving.once(application, stop)
    assert {one.kind for one in done.ended} == {Kind.STOPPED}
    assert serving.exit_code(done) == 130


def test_a_paused_connection_is_not_even_asked_for_credentials(application: Application) -> None:
    with application.database.begin() as connection:
        pausing.pause(connection, "second", "hubspot", "audit")
    ended = run(application, "second")
    assert (ended.kind, ended.trouble) == (
        Kind.PAUSED,
        Trouble("Paused", "audit", "prmsync resume second"),
    )
    assert serving.exit_code(Round([ended], True)) == 0


def test_a_mistake_of_our_own_shows_places_and_no_values(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def broken(*_: Any, **__: Any) -> Iterator[None]:
        raise KeyError("Jane of Northwind")
        yield

    monkeypatch.setattr(serving_run, "session_on", broken)
    ended = run(application, "first")
    assert ended.kind is Kind.FAILED
    assert ended.trouble is not None
    assert ended.trouble.error == "KeyError"
    assert any("test_scheduler.py" in place for place in ended.trouble.findings)
    assert "Jane" not in str(ended)


def test_a_connection_that_fails_again_and_again_waits_longer(application: Application) -> None:
    stop, every = Stop(), timedelta(seconds=10)
    board = Board({"first": every, "second": every}, application.now())
    for _ in range(4):
        board.ended(Ended("first", Kind.FAILED, application.now()))
    turns = Turns(application, board, stop)
    with capture_logs() as lines:
        with Schedule(application, board, turns, stop, _Never()).running():
            _until(lambda: board.one("first").failures == 5 and not board.running())
            stop.ask()
        assert board.wait_until_idle(PATIENCE) == []
    next_run = board.one("first").next_run_at
    assert next_run is not None
    assert next_run - application.now() > 4 * every
    (line,) = [one for one in lines if one["event"] == "run failed" and one["failures"] == 5]
    assert line["connection"] == "first"


@contextmanager
def scheduled(
    application: Application,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Schedule] = Schedule,
) -> Iterator[tuple[Schedule, Board, list[float]]]:
    """A schedule of an hour whose turns do nothing but take a tenth of a second; their starts."""
    starts: list[float] = []

    def turn(_app: Application, name: str, *_: Any, **__: Any) -> Ended:
        if name == "first":
            starts.append(time.monotonic())
        time.sleep(0.1)
        return Ended(name, Kind.DONE, application.now())

    monkeypatch.setattr(scheduler, "run_connection", turn)
    monkeypatch.setattr(scheduler, "GATHER", timedelta(seconds=0.2))
    monkeypatch.setattr(scheduler, "APART", timedelta(seconds=1))
    sections = application.settings.connections
    hours = {name: timedelta(hours=1) for name in sections}
    for section in sections.values():
        object.__setattr__(section, "schedule", timedelta(hours=1))
    stop, board = Stop(), Board(hours, application.now())
    schedule = kind(application, board, Turns(application, board, stop), stop, _Never())
    with schedule.running():
        _until(lambda: starts and not board.running())
        yield schedule, board, starts
        stop.ask()
    assert board.wait_until_idle(PATIENCE) == []


def test_a_hint_brings_the_next_run_forward(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scheduled(application, monkeypatch) as (schedule, board, starts):
        planned = board.one("first").next_run_at
        assert planned is not None
        schedule.sooner("first")
        _until(lambda: len(starts) == 2)
        assert board.one("second").kind is Kind.DONE


def test_a_flood_of_hints_is_no_flood_of_runs(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scheduled(application, monkeypatch) as (schedule, _, starts):
        began = time.monotonic()
        while time.monotonic() - began < 3.5:
            schedule.sooner("first")
            time.sleep(0.001)
        apart = [two - one for one, two in pairwise(starts)]
        assert 2 <= len(starts) <= 5
        assert min(apart) > 0.5


class _SecondTurnLate(Schedule):
    """A hint comes, and then a while passes, before the second turn of `first` is under way."""

    turns = 0

    def _turn(self, name: str, every: timedelta) -> None:
        self.turns += name == "first"
        if name == "first" and self.turns == 2:
            self.sooner(name)
            time.sleep(0.7)
        super()._turn(name, every)


def test_a_hint_before_the_first_line_of_a_late_turn_brings_no_run_right_behind_it(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scheduled(application, monkeypatch, _SecondTurnLate) as (schedule, _, starts):
        schedule.sooner("first")
        _until(lambda: len(starts) == 3)
        assert starts[2] - starts[1] > 0.6


def test_hints_that_never_end_bring_a_bounded_number_of_runs(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "MOST_SOONER", 2)
    with scheduled(application, monkeypatch) as (schedule, board, starts):
        for count in (2, 3):
            schedule.sooner("first")
            _until(lambda count=count: len(starts) == count and not board.running())
        schedule.sooner("first")
        planned = board.one("first").next_run_at
        assert planned is not None
        assert planned - application.now() > timedelta(minutes=50)


def test_a_hint_that_comes_during_a_run_brings_one_more(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scheduled(application, monkeypatch) as (schedule, board, starts):
        schedule.sooner("first")
        _until(lambda: len(starts) == 2)
        assert "first" in board.running()
        schedule.sooner("first")
        _until(lambda: len(starts) == 3)


@pytest.mark.parametrize("kind", [Kind.FAILED, Kind.OUT_OF_CALLS, Kind.PAUSED])
def test_a_connection_that_cannot_run_keeps_its_own_time(
    application: Application, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    with scheduled(application, monkeypatch) as (schedule, board, _):
        board.ended(Ended("first", kind, application.now()))
        planned = board.one("first").next_run_at
        schedule.sooner("first")
        assert board.one("first").next_run_at == planned


class _Never(random.Random):
    """No jitter."""

    def random(self) -> float:
        return 0.0


def _until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_does_not_finish_in_time_is_named(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, go_on = threading.Event(), threading.Event()

    @contextmanager
    def stuck(*_: Any, **__: Any) -> Iterator[None]:
        started.set()
        go_on.wait(PATIENCE)
        raise KeyError
        yield

    monkeypatch.setattr(serving_run, "session_on", stuck)
    stop = Stop()
    asker = threading.Thread(target=lambda: (started.wait(PATIENCE), stop.ask()))
    asker.start()
    try:
        served = serving.serve(application, stop, stop_seconds=0.05)
    finally:
        go_on.set()
        asker.join()
    assert set(served.left) & {"first", "second"}


def test_a_service_without_connections_does_not_start(tmp_path: Path) -> None:
    with opened(tmp_path, "") as application, pytest.raises(NotFoundError):
        serving.serve(application, Stop())
