"""Metadata XML, read and written the same way every time.

A part is a `Node`: its tag without namespace, and either text or children. Only our own files and
what prmsync itself makes are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import escape

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(frozen=True, slots=True)
class Node:
    """An element. `text` is "" where there are children."""

    tag: str
    text: str = ""
    children: tuple[Node, ...] = ()

    def all(self, tag: str) -> Iterator[Node]:
        return (child for child in self.children if child.tag == tag)

    def one(self, tag: str) -> Node | None:
        return next(self.all(tag), None)

    def said(self, *path: str) -> str:
        """The text at the end of a path of tags; "" where there is none."""
        found: Node | None = self
        for tag in path:
            found = found.one(tag) if found is not None else None
        return found.text if found is not None else ""

    def named(self, tag: str) -> Node:
        """The same part under another tag, as it stands inside a file of several."""
        return Node(tag, self.text, self.children)

    def having(self, children: Iterable[Node]) -> Node:
        return Node(self.tag, "", tuple(children))


def node(tag: str, content: str | bool | int | Iterable[Node] = "") -> Node:
    """An element with text, a number, a flag, or children."""
    if isinstance(content, bool):
        return Node(tag, "true" if content else "false")
    if isinstance(content, str | int):
        return Node(tag, str(content))
    return Node(tag, "", tuple(content))


def parsed(data: bytes) -> Node:
    """One file's root. Raises ElementTree.ParseError."""
    return _node(ElementTree.fromstring(data))  # noqa: S314 - our own file


def written(root: Node) -> bytes:
    """A file of one root, in the vendor's namespace."""
    inner = "".join(_lines(child, 1) for child in root.children)
    text = f'{_HEAD}<{root.tag} xmlns="{NAMESPACE}">\n{inner}</{root.tag}>\n'
    return text.encode("utf-8")


def _node(element: ElementTree.Element) -> Node:
    children = tuple(_node(child) for child in element)
    return Node(element.tag.rpartition("}")[2], "" if children else element.text or "", children)


def _lines(one: Node, depth: int) -> str:
    pad = "    " * depth
    if not one.children:
        return f"{pad}<{one.tag}>{escape(one.text)}</{one.tag}>\n"
    inner = "".join(_lines(child, depth + 1) for child in one.children)
    return f"{pad}<{one.tag}>\n{inner}{pad}</{one.tag}>\n"
