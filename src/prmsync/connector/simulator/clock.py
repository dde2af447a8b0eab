"""A clock that a test can push: the base clock plus an offset."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta


class SimulatorClock:
    """`base` is read at every call and must give aware UTC times."""

    def __init__(self, base: Callable[[], datetime]) -> None:
        self._base = base
        self._offset = timedelta()

    def now(self) -> datetime:
        """The simulated time, aware UTC."""
        return self._base() + self._offset

    def advance(self, seconds: float) -> None:
        """Move the clock; negative seconds move it back."""
        self._offset += timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        """Make `now()` answer `moment` at this instant; the base clock runs on from there."""
        self._offset = moment - self._base()

    @property
    def offset_seconds(self) -> float:
        """How far the simulated time is ahead of the base clock."""
        return self._offset.total_seconds()
