"""`prmsync serve`: the service, until SIGTERM or Ctrl-C; a second signal stops it at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from prmsync.cli import context
from prmsync.cli.output import emit_json, note

if TYPE_CHECKING:
    from prmsync.service.serving_stop import Stop
    from prmsync.service.settings import Settings

AT_ONCE, UNFINISHED = 130, 1
_ANSWER_SECONDS = 10.0


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)


def serve(
    once: Annotated[
        bool, typer.Option("--once", help="Every connection once, then stop: for cron.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Ask the running service for its health, and stop.")
    ] = False,
) -> None:
    """Run every connection on its schedule; answer GET /health. Stops cleanly on SIGTERM."""
    settings = context.settings()
    if check:
        _check(settings)
        return
    with _logging(settings):
        _serve(settings, once=once)


def _serve(settings: Settings, *, once: bool) -> None:
    from prmsync.service import serving
    from prmsync.service.serving_stop import Stop
    from prmsync.service.wiring import open_application

    stop = Stop()
    with _signals(stop), open_application(settings, sleep=stop.sleep) as app:
        if once:
            raise typer.Exit(serving.exit_code(serving.once(app, stop)))
        served = serving.serve(app, stop)
    if served.left:
        # Their threads would keep the process; what they had sent is found out by the next run.
        sys.stderr.flush()
        os._exit(UNFINISHED)
    if served.lost is not None:
        raise served.lost


@contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """SIGTERM and SIGINT ask for a stop; the second one ends the process where it stands."""

    def handle(_number: int, _frame: Any) -> None:
        if stop.asked:
            os._exit(AT_ONCE)
        stop.ask()

    wanted = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(one, handle) for one in wanted]
    try:
        yield
    finally:
        for one, handler in zip(wanted, before, strict=True):
            signal.signal(one, handler)


@contextmanager
def _logging(settings: Settings) -> Iterator[None]:
    from prmsync.service.logging import configure

    section = settings.service
    file = settings.folder / Path(section.log_file).expanduser() if section.log_file else None
    form = section.log_format
    if form == "auto":
        form = "console" if file is None and sys.stderr.isatty() else "json"
    opened: TextIO | None = configure(level=section.log_level, form=form, file=file)
    try:
        yield
    finally:
        if opened is not None:
            opened.close()


def _check(settings: Settings) -> None:
    """For a container's health check and for people: the answer as it is, exit 0 or 1."""
    import httpx

    from prmsync.errors import ConfigurationError

    address = settings.service.health_address
    if address is None:
        raise ConfigurationError(
            "[service] health is off", hint="give it an address: 127.0.0.1:8790"
        )
    host, port = address
    url = f"http://{_reachable(host)}:{port}/health"
    try:
        answer = httpx.get(url, timeout=_ANSWER_SECONDS, trust_env=False)
        found = answer.json()
    except (httpx.HTTPError, ValueError):
        note(f"no service answers at {url}", "start it: prmsync serve")
        raise typer.Exit(UNFINISHED) from None
    emit_json(found)
    if answer.status_code != httpx.codes.OK:
        raise typer.Exit(UNFINISHED)


def _reachable(host: str) -> str:
    """The address under which a service that listens on all addresses answers on this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104  not bound
