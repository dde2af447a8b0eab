"""A YAML file as a tree of nodes that know their place, and nothing more than data.

No tags, no anchors, no duplicate keys, one document, UTF-8. Scalars keep their text as written,
so that a label such as `0100` or `2026-11-22` means itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from prmsync.errors import Finding
from prmsync.mapping.model import Position

_PREFIX = "tag:yaml.org,2002:"
_KINDS = {"str": "text", "int": "number", "float": "number", "timestamp": "text"}
_KINDS |= {"bool": "boolean", "null": "nothing"}
_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Scalar:
    """`kind` is text, number, boolean or nothing, as YAML 1.2 reads `text`."""

    at: Position
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Items:
    """A YAML sequence, with its place."""

    at: Position
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a YAML mapping, with its place."""

    key: str
    at: Position
    value: Node


@dataclass(frozen=True, slots=True)
class Table:
    """A YAML mapping; its entries in the file's order."""

    at: Position
    entries: tuple[Entry, ...]


Node = Scalar | Items | Table


def read_document(path: Path, findings: list[Finding]) -> Table | None:
    """The file's top table, or None after adding what is wrong to `findings`."""
    name = str(path)
    text = _read_text(path, findings)
    if text is None:
        return None
    try:
        # https://yaml.dev/doc/ruamel.yaml/api/: compose gives nodes and builds no objects.
        root: Any = YAML(typ="safe", pure=True).compose(text)
        node = _Builder(name, findings).build(root) if root is not None else None
    except MarkedYAMLError as error:
        findings.append(_syntax(name, text, error))
        return None
    except YAMLError as error:
        place = getattr(error, "position", 0)
        findings.append(_unreadable(name, text, place))
        return None
    except RecursionError:
        findings.append(Finding(f"{name}:1:1", "nested too deeply", "a mapping is a few levels"))
        return None
    if not isinstance(node, Table):
        findings.append(_not_a_table(name, node))
        return None
    return node


def _read_text(path: Path, findings: list[Finding]) -> str | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        findings.append(Finding(str(path), "file not found"))
        return None
    except OSError as error:
        findings.append(Finding(str(path), f"cannot be read: {error.strerror}"))
        return None
    if len(data) > _LARGEST:
        findings.append(Finding(str(path), "too large for a mapping file (over 1 MB)"))
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place(data[: error.start].decode("utf-8-sig"), None)
        where = f"{path}:{line}:{column}"
        findings.append(Finding(where, "not UTF-8 text", "save the file with encoding UTF-8"))
        return None


def _place(text: str, offset: int | None) -> tuple[int, int]:
    before = text if offset is None else text[:offset]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _unreadable(name: str, text: str, offset: int) -> Finding:
    line, column = _place(text, offset)
    return Finding(
        f"{name}:{line}:{column}",
        "a character that YAML does not allow",
        "remove the control character at this place",
    )


def _syntax(name: str, text: str, error: MarkedYAMLError) -> Finding:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    lines = text.splitlines()
    here = lines[line][column : column + 1] if line < len(lines) else ""
    hint = "indent with spaces, never with tabs" if here == "\t" else ""
    problem = str(error.problem or "not valid YAML").replace("\\t", "tab")
    context = f" {error.context}" if error.context else ""
    return Finding(f"{name}:{line + 1}:{column + 1}", f"not valid YAML: {problem}{context}", hint)


def _not_a_table(name: str, node: Node | None) -> Finding:
    if node is None:
        return Finding(f"{name}:1:1", "the file is empty", "a mapping begins with `version: 1`")
    return Finding(str(node.at), "a mapping file is a list of `key: value` lines")


class _Builder:
    """Turns ruamel's nodes into ours and reports what a mapping file may not hold."""

    def __init__(self, name: str, findings: list[Finding]) -> None:
        self._name = name
        self._findings = findings

    def build(self, node: Any) -> Node:
        at = self._at(node)
        if getattr(node, "anchor", None):
            self._report(
                at, f"anchor `&{node.anchor}`", "write the value out: no anchors or aliases"
            )
        if isinstance(node, MappingNode):
            return Table(at, self._entries(node))
        if isinstance(node, SequenceNode):
            return Items(at, tuple(self.build(item) for item in node.value))
        return self._scalar(node, at)

    def _entries(self, node: Any) -> tuple[Entry, ...]:
        entries: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            at = self._at(key_node)
            if not isinstance(key_node, ScalarNode) or key_node.tag == f"{_PREFIX}null":
                self._report(at, "a key must be plain text", "")
                continue
            key = str(key_node.value)
            if key in entries:
                first = entries[key].at
                self._report(at, f"`{key}` stands here twice", f"first on line {first.line}")
                continue
            self._refuse_tag(key_node, at)
            entries[key] = Entry(key, at, self.build(value_node))
        return tuple(entries.values())

    def _scalar(self, node: Any, at: Position) -> Scalar:
        self._refuse_tag(node, at)
        kind = _KINDS.get(str(node.tag).removeprefix(_PREFIX), "text")
        return Scalar(at, str(node.value), kind)

    def _refuse_tag(self, node: Any, at: Position) -> None:
        tag = str(node.tag)
        if tag.removeprefix(_PREFIX) not in _KINDS:
            self._report(at, f"tag `{tag}`", "mapping files hold plain values, no tags")

    def _at(self, node: Any) -> Position:
        return Position(self._name, node.start_mark.line + 1, node.start_mark.column + 1)

    def _report(self, at: Position, message: str, hint: str) -> None:
        self._findings.append(Finding(str(at), message, hint))
