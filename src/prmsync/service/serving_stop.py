"""The wish to stop, seen by everything that runs: between pages, and while it waits."""

from __future__ import annotations

import threading


class StoppedError(Exception):
    """A run ended early because the service was asked to stop; nothing is wrong."""


class Stop:
    """Asked once, by a signal; shared by threads."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self) -> None:
        self._asked.set()

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    def check(self) -> None:
        """Raise StoppedError once a stop was asked for; called where stopping is safe."""
        if self.asked:
            raise StoppedError

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until a stop is asked for; whether it was."""
        return self._asked.wait(seconds)

    def sleep(self, seconds: float) -> None:
        """Wait as `time.sleep`, but raise StoppedError as soon as a stop is asked for."""
        if self.wait(seconds):
            raise StoppedError
