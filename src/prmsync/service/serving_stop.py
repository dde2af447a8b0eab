"""The wish to stop, seen by everything that runs: between pages, and while it waits."""

from __future__ import annotations

import threading

_LOOK_SECONDS = 1.0


class StoppedError(Exception):
    """A run ended early because the service was asked to stop; nothing is wrong."""


class Stop:
    """Asked once, by a signal; shared by threads."""

    def __init__(self) -> None:
        # Re-entrant, which the lock of an Event is not: a signal interrupts the main thread also
        # between the lines of its own wait.
        self._changed = threading.Condition(threading.RLock())
        self._asked = False

    def ask(self) -> None:
        with self._changed:
            self._asked = True
            self._changed.notify_all()

    @property
    def asked(self) -> bool:
        return self._asked

    def check(self) -> None:
        """Raise StoppedError once a stop was asked for; called where stopping is safe."""
        if self.asked:
            raise StoppedError

    def wait(self, seconds: float) -> bool:
        """Wait until a stop is asked for; whether it was."""
        with self._changed:
            return self._changed.wait_for(lambda: self._asked, seconds)

    def wait_until_asked(self) -> None:
        """Wait for the signal. Looks up now and then: Python answers a signal in its main thread
        only, and does not wake it where the signal came just before it fell asleep."""
        while not self.wait(_LOOK_SECONDS):
            continue

    def sleep(self, seconds: float) -> None:
        """Wait as `time.sleep`, but raise StoppedError as soon as a stop is asked for."""
        if self.wait(seconds):
            raise StoppedError
