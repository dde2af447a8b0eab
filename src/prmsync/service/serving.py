"""The service: lock, schedule, health and stop put together; and `--once` for cron."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from typing import Any

import structlog

from prmsync import __version__
from prmsync.errors import LeaseLostError
from prmsync.service import health, listening, receiving
from prmsync.service.program_file import program_of
from prmsync.service.scheduler import Schedule, Turns
from prmsync.service.serving_board import Board
from prmsync.service.serving_hints import Hints
from prmsync.service.serving_lock import only_scheduler
from prmsync.service.serving_run import Ended, Kind
from prmsync.service.serving_stop import Stop
from prmsync.service.syncing import named_or_all
from prmsync.service.wiring import Application, load_all_mappings
from prmsync.store.damage import check_pages

STOP_SECONDS = 100.0
"""A page that is under way gets so long to finish: less than systemd and Docker allow."""
_NOT_DONE = (Kind.FAILED, Kind.REFUSED, Kind.BUSY, Kind.OUT_OF_CALLS)


@dataclass(slots=True)
class Served:
    """How the service ended. `left` are connections whose page did not finish in time; `lost` is
    set when another process took the schedule over."""

    left: list[str] = field(default_factory=list)
    lost: LeaseLostError | None = None


def serve(application: Application, stop: Stop, *, stop_seconds: float = STOP_SECONDS) -> Served:
    """Run every connection on its schedule until a stop is asked for.

    Raises before anything runs: NotFoundError without connections, MappingError or
    ConfigurationError for files that are wrong, StateError while another scheduler runs.
    """
    names = _sound(application)
    with application.database.read() as connection:
        check_pages(connection, application.database.name)
    sections = application.settings.connections
    started = application.now()
    board = Board({name: sections[name].schedule for name in names}, started)
    served = Served()

    def lost(error: LeaseLostError) -> None:
        served.lost = error
        stop.ask()

    known = receiving.sources(application)
    hints = Hints(list(known))

    def healthy() -> dict[str, Any]:
        now = application.now()
        return health.report(
            application.database, board, now, started, stopping=stop.asked, hints=hints
        )

    turns = Turns(application, board, stop, hints)
    schedule = Schedule(application, board, turns, stop, random.Random())  # noqa: S311  jitter
    receiver = receiving.Receiver(known, hints, application.now, schedule.sooner)
    service = application.settings.service
    with (
        only_scheduler(application.database, application.now, lost),
        health.answering(service.health_address, healthy) as url,
        listening.answering(
            service.webhooks_address if known else None,
            receiver.application(),
            key="webhooks",
            most=receiving.MOST_CALLS,
        ) as hooks,
    ):
        _say_started(application, names, url, hooks)
        with schedule.running():
            stop.wait_until_asked()
            structlog.get_logger().info("stopping", running=board.running())
        served.left = board.wait_until_idle(stop_seconds)
    structlog.get_logger().info("stopped", unfinished=served.left)
    return served


@dataclass(frozen=True, slots=True)
class Round:
    """Every connection's turn, and whether the daily work was done."""

    ended: list[Ended]
    house_kept: bool


def once(application: Application, stop: Stop) -> Round:
    """Every connection once, in the order of prmsync.toml, then the daily work; then return.

    Raises like `serve`.
    """
    names = _sound(application)
    sections = application.settings.connections
    board = Board({name: sections[name].schedule for name in names}, application.now())
    turns = Turns(application, board, stop)
    with only_scheduler(application.database, application.now, lambda _: stop.ask()):
        ended = [turns.run(name) for name in names]
        return Round(ended, turns.keep_house())


def exit_code(round_: Round) -> int:
    """0 done; 1 or 2 something failed; 3 a brake waits; 130 stopped before all were done."""
    kinds = {one.kind for one in round_.ended}
    failed = [one for one in round_.ended if one.kind in _NOT_DONE]
    if failed:
        return max(one.trouble.exit_code if one.trouble else 1 for one in failed)
    if Kind.STOPPED in kinds:
        return 130
    if not round_.house_kept:
        return 1
    return 3 if any(one.report is not None and one.report.trips for one in round_.ended) else 0


def _sound(application: Application) -> list[str]:
    """All connections, once their files are known to be right: a service that starts has a chance
    to do its work."""
    names = named_or_all(application, None)
    load_all_mappings(application.settings)
    program_of(application.settings)
    return names


def _say_started(application: Application, names: list[str], url: str, hooks: str) -> None:
    sections = application.settings.connections
    structlog.get_logger().info(
        "started",
        version=__version__,
        pid=os.getpid(),
        database=application.database.name,
        settings=str(application.settings.path),
        health=url or "off",
        webhooks=hooks or "off",
        connections={
            name: f"every {int(sections[name].schedule.total_seconds())} s, "
            f"writes {sections[name].writes}"
            for name in names
        },
    )
