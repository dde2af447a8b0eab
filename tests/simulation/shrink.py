"""Fewer events that still break the promise: ddmin over events, then over what happens in runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from simulation.play import Event, History, play

T = TypeVar("T")
PLAYS = 400
"""After as many tries what was found so far has to do."""


class _Tries:
    """Plays candidates until there were enough."""

    def __init__(self, history: History, kind: str) -> None:
        self.history, self.kind, self.left = history, kind, PLAYS

    def breaks(self, events: Sequence[Event]) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        return kind_of(play(replace(self.history, events=tuple(events))).broken) == self.kind


def kind_of(broken: str) -> str:
    """What kind of promise was broken, whatever the record and the value."""
    words = broken.split()
    return " ".join(word for word in words if word.isalpha() and word.islower())[:40]


def shrunk(history: History, broken: str) -> History:
    """The history with as few events as it takes to break the same promise."""
    history = replace(history, crashes=0)
    tries = _Tries(history, kind_of(broken))
    events = fewest(list(history.events), tries.breaks)
    for index, event in enumerate(events):
        for key in ("wire", "events"):
            if event.get(key):
                events[index] = _thinner(events, index, key, tries.breaks)
    return replace(history, events=tuple(events))


def _thinner(
    events: list[Event], index: int, key: str, breaks: Callable[[Sequence[Event]], bool]
) -> Event:
    event = events[index]

    def with_parts(parts: Sequence[Any]) -> Event:
        return {**event, key: list(parts)}

    def still(parts: Sequence[Any]) -> bool:
        return breaks([*events[:index], with_parts(parts), *events[index + 1 :]])

    parts = event[key]
    return with_parts([]) if still([]) else with_parts(fewest(list(parts), still))


def fewest(items: list[T], breaks: Callable[[Sequence[T]], bool]) -> list[T]:
    """Delta debugging (Zeller and Hildebrandt): no single part can be left out of the result."""
    parts = 2
    while len(items) > 1:
        size = max(1, len(items) // parts)
        for start in range(0, len(items), size):
            rest = items[:start] + items[start + size :]
            if rest and breaks(rest):
                items, parts = rest, max(2, parts - 1)
                break
        else:
            if size == 1:
                return items
            parts = min(len(items), parts * 2)
    return items
