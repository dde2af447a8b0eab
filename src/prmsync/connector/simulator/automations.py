"""Automations of a simulated CRM's admin: after a write through the API they rewrite a field.

With `user` the rewrite is that user's own, later edit (a flow or workflow that runs by itself);
without, it is part of the write and names the writer (a formula, a before-save flow, a lock).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

REWRITES: Mapping[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "append": lambda text: text + "!",
}
"""What may be done to the written text; besides, `set` puts `value` and `restore` keeps the old."""
DOES = ("set", "restore", *REWRITES)
LATER_SECONDS = 1
"""How long after the write a user's automation has run."""


@dataclass(slots=True)
class Automation:
    """Rewrites `field` whenever the API writes it on `object`, at most `times` times.

    `does` is one of `DOES`; `value` is what `set` puts. `always`: also when a write leaves the
    field alone.
    """

    object: str
    field: str
    does: str = "set"
    value: Any = None
    user: str | None = None
    times: int | None = None
    always: bool = False
    fired: int = 0

    def rewritten(self, old: Any, new: Any) -> Any:
        """What the field holds after the automation; equal to `new` where it has nothing to do."""
        if self.does == "restore":
            return old
        if self.does == "set":
            return self.value
        return REWRITES[self.does](new) if isinstance(new, str) else new


_TEXTS = ("object", "field", "does")


def parse_automation(raw: Mapping[str, Any]) -> Automation:
    """An automation from the JSON of the control path. Raises ValueError that names every
    problem."""
    known = {item.name for item in fields(Automation)} - {"fired"}
    problems = [f"unknown key {key!r}" for key in raw if key not in known]
    problems += [f"{key} must be text" for key in _TEXTS if not isinstance(raw.get(key, ""), str)]
    problems += [f"{key} is missing" for key in ("object", "field") if key not in raw]
    if raw.get("does", "set") not in DOES:
        problems.append(f"does must be one of {', '.join(DOES)}")
    if not isinstance(raw.get("user"), str | None):
        problems.append("user must be text")
    if not isinstance(raw.get("times"), int | None):
        problems.append("times must be a whole number")
    if problems:
        raise ValueError("; ".join(problems))
    return Automation(**raw)


class Automations:
    """The automations in force, in the order they were added."""

    def __init__(self) -> None:
        self._all: list[Automation] = []

    @property
    def any(self) -> bool:
        """Whether there is one at all; lets a write skip remembering what stood before."""
        return bool(self._all)

    @property
    def all(self) -> Sequence[Automation]:
        """Those in force."""
        return tuple(self._all)

    def add(self, automation: Automation) -> None:
        self._all.append(automation)

    def clear(self) -> None:
        self._all.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """The automations with how often each has fired."""
        return [asdict(one) for one in self._all]

    def rewrites(
        self, names: tuple[str, ...], old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> list[tuple[str | None, dict[str, Any]]]:
        """What is done after a write of an object that goes by any of `names`: (user, values).

        `old` are the record's values before the write and `new` those after it.
        """
        found: list[tuple[str | None, dict[str, Any]]] = []
        for one in self._all:
            if one.object.lower() not in names or (
                one.times is not None and one.fired >= one.times
            ):
                continue
            before, now = old.get(one.field), new.get(one.field)
            if before == now and not one.always:
                continue
            value = one.rewritten(before, now)
            if value != now:
                one.fired += 1
                found.append((one.user, {one.field: value}))
        return found
