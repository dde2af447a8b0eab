"""Fetches the next page while the present one is worked on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_END = object()


def prefetched(pages: Iterator[T]) -> Iterator[T]:
    """The same items in the same order, always one ahead, in one background thread.

    Errors are raised where the item would have come. Closing the iterator early waits for the
    fetch under way and asks for no more.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch") as executor:
        coming = executor.submit(next, pages, _END)
        while True:
            page = coming.result()
            if page is _END:
                return
            coming = executor.submit(next, pages, _END)
            yield page  # type: ignore[misc]  # _END is the only other value, and returned above
