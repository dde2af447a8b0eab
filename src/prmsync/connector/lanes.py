"""Several calls under way together, and fewer while they get into each other's way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from functools import partial
from typing import TypeVar

from prmsync.connector.protocol import WriteResult
from prmsync.errors import AuthError, ConnectorError, QuotaError, RejectedError, SchemaError

Row = TypeVar("Row")
Found = TypeVar("Found")
Call = Callable[[Sequence[Row]], list[WriteResult]]
"""Sends rows in one call: a result each, in their order. Raises for a call that failed whole."""

_PAUSES = (1.0, 2.0, 4.0)
"""Seconds before locked rows are sent again; what is locked then comes with the next run."""
_LAST = (AuthError, QuotaError, SchemaError)
"""After one of these no other call has a chance."""


class Lanes:
    """`width` is how many calls may be under way now, at most `most`; without a pool, one.

    `locked` tells the rows that a CRM kept from being written because another process held them:
    a storm of those halves the width, a calm adds one again, and they are sent once more, by
    themselves.
    """

    def __init__(
        self,
        pool: Executor | None,
        sleep: Callable[[float], None],
        locked: Callable[[WriteResult], bool] = lambda _: False,
        most: int = 10,
    ) -> None:
        self._pool = pool
        self._sleep = sleep
        self._locked = locked
        self.most = most if pool is not None else 1
        self.width = self.most

    def read(self, parts: Sequence[Row], call: Callable[[Row], Found]) -> list[Found]:
        """What `call` gives for each part, in their order. Raises the first error once all calls
        that were begun have ended."""
        if len(parts) == 1:
            return [call(parts[0])]
        found: list[Found] = []
        for at in range(0, len(parts), self.most):
            some = [self.begun(partial(call, one)) for one in parts[at : at + self.most]]
            wait(some)
            found += [future.result() for future in some]
        return found

    def send(self, rows: Sequence[Row], call: Call[Row], size: int) -> list[WriteResult]:
        """Each row's result. One call raises as it is; of several, each row has its own error."""
        results = call(rows) if len(rows) <= size else self._spread(rows, call, size, self.most)
        self._learn(results)
        for pause in _PAUSES:
            places = [place for place, result in enumerate(results) if self._locked(result)]
            if not places:
                break
            self._sleep(pause)
            again = self._spread([rows[place] for place in places], call, size, 1)
            for place, result in zip(places, again, strict=True):
                results[place] = result
        return results

    def _spread(
        self, rows: Sequence[Row], call: Call[Row], size: int, most: int
    ) -> list[WriteResult]:
        results: dict[int, WriteResult] = {}
        waiting = deque(range(at, min(at + size, len(rows))) for at in range(0, len(rows), size))
        running: dict[Future[list[WriteResult] | ConnectorError], range] = {}
        last: ConnectorError | None = None
        while running or (waiting and last is None):
            while waiting and last is None and len(running) < min(self.width, most):
                places = waiting.popleft()
                some = rows[places.start : places.stop]
                running[self.begun(partial(_attempt, call, some))] = places
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                places, told = running.pop(future), future.result()
                if isinstance(told, RejectedError) and len(places) > 1:
                    middle = len(places) // 2
                    waiting.extendleft((places[middle:], places[:middle]))
                    continue
                found = _for_each(told, len(places))
                self._learn(found)
                results.update(zip(places, found, strict=True))
                last = told if isinstance(told, _LAST) else last
        # Rows that were never sent share the error that ended it.
        return [results.get(place) or WriteResult(error=last) for place in range(len(rows))]

    def begun(self, work: Callable[[], Found]) -> Future[Found]:
        """Work that is under way, or without a pool over."""
        if self._pool is not None:
            return self._pool.submit(work)
        over: Future[Found] = Future()
        over.set_result(work())
        return over

    def _learn(self, results: Sequence[WriteResult]) -> None:
        if any(map(self._locked, results)):
            self.width = max(1, self.width // 2)
        else:
            self.width = min(self.most, self.width + 1)


def _attempt(call: Call[Row], rows: Sequence[Row]) -> list[WriteResult] | ConnectorError:
    try:
        return call(rows)
    except ConnectorError as error:
        return error


def _for_each(told: list[WriteResult] | ConnectorError, count: int) -> list[WriteResult]:
    return [WriteResult(error=told)] * count if isinstance(told, ConnectorError) else told
