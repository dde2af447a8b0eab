"""Reads that will be asked for soon: the first page of each is fetched meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import Executor, Future
from itertools import chain, islice
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
T = TypeVar("T")

Begin = Callable[[], Iterator[T]]


class Expected(Generic[Key, T]):
    """Each read is begun in the pool and goes on where it is taken; without a pool none is."""

    def __init__(self, pool: Executor | None) -> None:
        self._pool = pool
        self._begun: dict[Key, Future[Iterator[T]]] = {}

    def begin(self, reads: Mapping[Key, Begin[T]]) -> None:
        """In place of what was begun before. Whatever fails is raised where it is taken."""
        self.forget()
        if self._pool is not None:
            self._begun = {key: self._pool.submit(_begun, one) for key, one in reads.items()}

    def taken(self, key: Key, otherwise: Begin[T]) -> Iterator[T]:
        """All items of this read, once; of one that was not begun as `otherwise` gives them."""
        begun = self._begun.pop(key, None)
        yield from otherwise() if begun is None else begun.result()

    def forget(self) -> None:
        """Nothing is expected any more; calls that are under way are not waited for."""
        for one in self._begun.values():
            one.cancel()
        self._begun = {}


def _begun(begin: Begin[T]) -> Iterator[T]:
    items = begin()
    return chain(list(islice(items, 1)), items)
