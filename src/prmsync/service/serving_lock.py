"""One scheduler per installation: a lease in the database, renewed while the service lives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog

from prmsync.errors import LeaseLostError, StateError, StoreError
from prmsync.store import lease
from prmsync.store.database import Database
from prmsync.sync.process import is_gone, this_process

NAME = "@scheduler"
"""No connection can be called so."""
RENEW_SECONDS = 20.0


@contextmanager
def only_scheduler(
    database: Database,
    now: Callable[[], datetime],
    lost: Callable[[LeaseLostError], None],
    *,
    every: float = RENEW_SECONDS,
) -> Iterator[None]:
    """Be the installation's only scheduler while the block runs.

    `lost` is called from another thread when another process took over (this one had given no
    sign of life). Raises StateError, which names the holder, while another one runs.
    """
    token = _acquire(database, now)
    ended = threading.Event()
    keeper = threading.Thread(
        target=_keep,
        args=(database, token, now, lost, ended, every),
        name="prmsync-lock",
        daemon=True,
    )
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        with database.begin() as connection:
            lease.release(connection, NAME, token)


def _acquire(database: Database, now: Callable[[], datetime]) -> int:
    me = this_process()
    with database.begin() as connection:
        holder = lease.holder_of(connection, NAME)
        # A container's process has the same host and number after every restart.
        gone = holder == me or is_gone(holder)
        try:
            token = lease.acquire(connection, NAME, me, now(), holder_is_dead=gone)
        except LeaseLostError as error:
            raise StateError(
                f"another prmsync serve runs on this database: {holder}",
                hint="One serves all connections. See it with prmsync serve --check; if it is gone "
                f"without a trace, its place is free {int(lease.LEASE.total_seconds())} s after "
                "its last sign of life.",
            ) from error
        lease.release_all_of(connection, me, but=NAME)
    return token


def _keep(
    database: Database,
    token: int,
    now: Callable[[], datetime],
    lost: Callable[[LeaseLostError], None],
    ended: threading.Event,
    every: float,
) -> None:
    unreachable = False
    while not ended.wait(every):
        try:
            with database.begin() as connection:
                lease.renew(connection, NAME, token, now())
            unreachable = False
        except LeaseLostError as error:
            lost(error)
            return
        except StoreError as error:
            if not unreachable:
                structlog.get_logger().warning(
                    "sign of life not stored", message=error.message, hint=error.hint
                )
            unreachable = True
