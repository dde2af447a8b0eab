"""One table of a mapping file, read key by key; whatever is wrong is reported, not raised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TypeVar

from prmsync.errors import Finding
from prmsync.mapping.document import Entry, Items, Node, Scalar, Table
from prmsync.mapping.model import Position
from prmsync.mapping.spelling import did_you_mean

_Word = TypeVar("_Word", bound=StrEnum)


class Section:
    """Reads the values of `table`; `what` names it in messages ("`groups.money`").

    Unknown keys are reported at once, with a near spelling. A getter reports a value of the wrong
    kind and answers as if the key were absent.
    """

    def __init__(
        self, table: Table, what: str, findings: list[Finding], known: Sequence[str] | None
    ) -> None:
        self.at = table.at
        self.entries = {entry.key: entry for entry in table.entries}
        self._what = what
        self._findings = findings
        for entry in table.entries:
            if known is not None and entry.key not in known:
                place = f" in {what}" if what else ""
                self.report(
                    entry.at, f"unknown key `{entry.key}`{place}", did_you_mean(entry.key, known)
                )

    def report(self, at: Position, message: str, hint: str = "") -> None:
        self._findings.append(Finding(str(at), message, hint))

    def place(self, key: str) -> Position:
        """Where the value of `key` stands, else the section."""
        entry = self.entries.get(key)
        return self.at if entry is None else entry.value.at

    def missing(self, key: str, hint: str = "") -> None:
        where = f" in {self._what}" if self._what else ""
        self.report(self.at, f"`{key}` is missing{where}", hint)

    def text(self, key: str, *, required: bool = False, hint: str = "") -> str | None:
        entry = self.entries.get(key)
        if entry is None or _is_nothing(entry.value):
            if required:
                self.missing(key, hint)
            return None
        return self.as_text(entry.value, key)

    def as_text(self, node: Node, key: str) -> str | None:
        if isinstance(node, Scalar) and node.kind in ("text", "number") and node.text.strip():
            return node.text.strip()
        self.report(node.at, f"`{key}` must be text")
        return None

    def boolean(self, key: str, default: bool) -> bool:
        entry = self.entries.get(key)
        if entry is None:
            return default
        if isinstance(entry.value, Scalar) and entry.value.kind == "boolean":
            return entry.value.text.lower() == "true"
        self.report(entry.value.at, f"`{key}` must be true or false")
        return default

    def integer(self, key: str, default: int, *, least: int, most: int | None = None) -> int:
        entry = self.entries.get(key)
        if entry is None:
            return default
        node = entry.value
        limits = f"{least} or more" if most is None else f"{least} to {most}"
        if isinstance(node, Scalar) and node.text.isascii() and node.text.isdigit():
            value = int(node.text) if len(node.text) <= 12 else -1
            if value >= least and (most is None or value <= most):
                return value
        self.report(node.at, f"`{key}` must be a whole number, {limits}")
        return default

    def word(self, key: str, words: type[_Word]) -> _Word | None:
        """A word of an enumeration, None when absent."""
        found = self.text(key)
        if found is None:
            return None
        choices = [word.value for word in words]
        if found in choices:
            return words(found)
        self.report(self.place(key), f"unknown {key} `{found}`", did_you_mean(found, choices))
        return None

    def texts(self, key: str, *, booleans: bool = False) -> tuple[str, ...] | None:
        """A list of texts, or one text by itself."""
        entry = self.entries.get(key)
        return None if entry is None else self.as_texts(entry.value, key, booleans=booleans)

    def as_texts(self, node: Node, key: str, *, booleans: bool = False) -> tuple[str, ...]:
        nodes = node.items if isinstance(node, Items) else (node,)
        found: list[str] = []
        for item in nodes:
            if booleans and isinstance(item, Scalar) and item.kind == "boolean":
                found.append(item.text.lower())
                continue
            text = self.as_text(item, key)
            if text is not None and text in found:
                self.report(item.at, f"`{text}` stands in `{key}` twice")
            elif text is not None:
                found.append(text)
        if not nodes:
            self.report(node.at, f"`{key}` is an empty list")
        return tuple(found)

    def section(self, key: str, known: Sequence[str] | None) -> Section | None:
        """The table under `key`; `known` None lets any key through (names of the user's own)."""
        entry = self.entries.get(key)
        if entry is None:
            return None
        return self.inner(entry, known)

    def inner(self, entry: Entry, known: Sequence[str] | None) -> Section | None:
        what = f"{self._what}.{entry.key}" if self._what else entry.key
        if isinstance(entry.value, Table):
            return Section(entry.value, what, self._findings, known)
        self.report(entry.value.at, f"`{entry.key}` must be a table of `key: value` lines")
        return None

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())


def _is_nothing(node: Node) -> bool:
    return isinstance(node, Scalar) and node.kind == "nothing"
