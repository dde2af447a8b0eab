"""XML as plain nodes, without namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from prmsync_salesforce.simulator.metadata.problem import Problem


class Node:
    """An element: its name, its text, and its children by name."""

    def __init__(self, element: ElementTree.Element) -> None:
        self.name = element.tag.rpartition("}")[2]
        self.value = (element.text or "").strip()
        self.children = [Node(child) for child in element]

    def all(self, name: str) -> list[Node]:
        return [child for child in self.children if child.name == name]

    def first(self, name: str) -> Node | None:
        return next(iter(self.all(name)), None)

    def text(self, name: str) -> str:
        """The text of the first child of this name, empty without one."""
        found = self.first(name)
        return found.value if found is not None else ""

    def flag(self, name: str) -> bool:
        return self.text(name).lower() == "true"

    def number(self, name: str) -> int:
        text = self.text(name)
        return int(text) if text.isdigit() else 0

    def below(self, name: str) -> Iterator[Node]:
        """Every element of this name at any depth."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.below(name)


def parse(text: bytes) -> Node:
    """The root. Raises Problem for what is not XML."""
    try:
        # Only a client on this machine is read, and expat refuses entity bombs.
        return Node(ElementTree.fromstring(text))  # noqa: S314 - what clients on this machine send
    except ElementTree.ParseError as error:
        raise Problem(f"Error parsing file: {error}") from error
