"""The pages behind the first one of a query, asked for before it is their turn.

The address of a next page ends with the number of rows before it (`…/query/0r8…-2000`). So the
addresses after it can be guessed, and the time that answers are under way passes for several pages
at once. A guess counts only where the page before it names exactly that address; after the first
one that it does not name, this query guesses no more.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future

import httpx

from prmsync.errors import ConnectorError

ASKED = 3
"""Pages that are asked for at once: the one that is named, and guesses."""

_COUNTED = re.compile(r"(.*-)(\d+)")


class Following:
    """Pages by the addresses that their predecessors name. Without a pool, each in its turn."""

    def __init__(self, ask: Callable[[str], httpx.Response], pool: Executor | None) -> None:
        self._ask = ask
        self._pool = pool
        self._asked: deque[tuple[str, Future[httpx.Response]]] = deque()

    def take(self, address: str, seen: int, rows: int, total: int) -> httpx.Response:
        """The page at `address`; `seen` rows of `total` came before it, `rows` of them with the
        page right before. Raises as `ask` does."""
        if self._asked and self._asked[0][0] != address:
            self.stop()
        if self._pool is None:
            return self._ask(address)
        guessed = bool(self._asked)
        for coming in self._addresses(address, seen, rows, total)[len(self._asked) :]:
            self._asked.append((coming, self._pool.submit(self._ask, coming)))
        _, answer = self._asked.popleft()
        try:
            return answer.result()
        except ConnectorError:
            self.stop()
            if not guessed:
                raise
        return self._ask(address)

    def stop(self) -> None:
        """Guess no more; what is under way is not waited for."""
        for _, answer in self._asked:
            answer.cancel()
        self._asked.clear()
        self._pool = None

    def _addresses(self, address: str, seen: int, rows: int, total: int) -> list[str]:
        """The named page and those that should follow it."""
        found = _COUNTED.fullmatch(address)
        if found is None or int(found[2]) != seen or rows < 1:
            return [address]
        places = range(seen, total, rows)[:ASKED]
        return [address, *(f"{found[1]}{place}" for place in places[1:])]
