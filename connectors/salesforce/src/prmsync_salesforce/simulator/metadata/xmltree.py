"""XML as plain nodes, without namespaces."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from copy import copy
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from prmsync_salesforce.simulator.metadata.problem import Problem


class Node:
    """An element: its name, its text, and its children by name."""

    def __init__(self, element: ElementTree.Element) -> None:
        self.name = element.tag.rpartition("}")[2]
        self.value = (element.text or "").strip()
        self.children = [Node(child) for child in element]

    def without(self, names: Container[str]) -> Node:
        """A copy that lacks the children of these names."""
        found = copy(self)
        found.children = [child for child in self.children if child.name not in names]
        return found

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


def as_xml(node: Node) -> str:
    """A node as text, as it was given but for namespaces and blanks."""
    inner = escape(node.value) + "".join(as_xml(child) for child in node.children)
    return f"<{node.name}>{inner}</{node.name}>"


def element(name: str, value: Any) -> str:
    """JSON values as elements: a list repeats its element, null leaves it out."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "".join(element(name, item) for item in value)
    if isinstance(value, Mapping):
        inner = "".join(element(key, item) for key, item in value.items())
        return f"<{name}>{inner}</{name}>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escape(text)}</{name}>"


def indented(text: str) -> str:
    """XML of ours with a line for each element, as Salesforce writes its files."""
    root = ElementTree.fromstring(text)  # noqa: S314 - what was just put together
    ElementTree.indent(root, "    ")
    return ElementTree.tostring(root, "unicode")


def parse(text: bytes) -> Node:
    """The root. Raises Problem for what is not XML."""
    try:
        # Only a client on this machine is read, and expat refuses entity bombs.
        return Node(ElementTree.fromstring(text))  # noqa: S314 - what clients on this machine send
    except ElementTree.ParseError as error:
        raise Problem(f"Error parsing file: {error}") from error
