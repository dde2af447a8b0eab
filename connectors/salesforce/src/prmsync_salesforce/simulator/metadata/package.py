"""A deployment's zip file: package.xml and the components that it names."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from prmsync_salesforce.simulator.metadata.problem import Problem
from prmsync_salesforce.simulator.metadata.xmltree import Node, parse

FOLDERS = {
    "applications": "CustomApplication",
    "globalValueSets": "GlobalValueSet",
    "layouts": "Layout",
    "objects": "CustomObject",
    "permissionsets": "PermissionSet",
    "tabs": "CustomTab",
}
"""The metadata type of the files in each folder of a package; the simulator takes only these."""
CHILDREN = {
    "businessProcesses": "BusinessProcess",
    "fields": "CustomField",
    "listViews": "ListView",
    "recordTypes": "RecordType",
    "validationRules": "ValidationRule",
}
"""Parts of an object file that are components of their own."""


@dataclass(frozen=True, slots=True)
class Component:
    """One thing to deploy. `full_name` of a part is `Object.Part`."""

    type: str
    full_name: str
    file: str
    node: Node


@dataclass(frozen=True, slots=True)
class Package:
    """Components in the order in which they can be applied, and problems by file."""

    components: list[Component]
    problems: list[tuple[str, str]]


_ORDER = (
    "GlobalValueSet",
    "CustomObject",
    "CustomField",
    "BusinessProcess",
    "RecordType",
    "ListView",
    "ValidationRule",
    "Layout",
    "CustomTab",
    "CustomApplication",
    "PermissionSet",
)


def read_package(content: bytes) -> Package:
    """The package in a zip file. Raises Problem when there is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise Problem("The zip file is not valid.") from error
    files = _rooted({name: data for name, data in files.items() if not name.endswith("/")})
    if "package.xml" not in files:
        raise Problem("No package.xml found")
    wanted = _wanted(parse(files.pop("package.xml")))
    components: list[Component] = []
    problems: list[tuple[str, str]] = []
    for name, data in files.items():
        try:
            components += _components(name, data)
        except Problem as problem:
            problems.append((name, str(problem)))
    components = [item for item in components if not _only_parts(item, wanted)]
    problems += list(_mismatches(wanted, components))
    components.sort(key=lambda item: _ORDER.index(item.type))
    return Package(components, problems)


def _rooted(files: dict[str, bytes]) -> dict[str, bytes]:
    """Names below the folder that holds package.xml, which may be the zip's only folder."""
    roots = [name for name in files if name.rpartition("/")[2] == "package.xml"]
    root = min(roots, key=len).removesuffix("package.xml") if roots else ""
    return {name.removeprefix(root): data for name, data in files.items()}


def _wanted(manifest: Node) -> set[tuple[str, str]]:
    return {
        (types.text("name"), member.value)
        for types in manifest.all("types")
        for member in types.all("members")
    }


def _components(name: str, data: bytes) -> Iterator[Component]:
    folder, _, base = name.partition("/")
    if folder not in FOLDERS or name.endswith("-meta.xml"):
        raise Problem("This file is not part of a package in Metadata API format")
    type_name = FOLDERS[folder]
    node = parse(data)
    if node.name != type_name:
        raise Problem(f"The root element is {node.name}, expected {type_name}")
    full_name = base.rpartition(".")[0]
    yield Component(type_name, full_name, name, node)
    for tag, child_type in CHILDREN.items():
        for child in node.all(tag):
            yield Component(child_type, f"{full_name}.{child.text('fullName')}", name, child)


def _only_parts(item: Component, wanted: set[tuple[str, str]]) -> bool:
    """An object's file whose parts are named in the manifest, but not the object itself."""
    if item.type != "CustomObject" or wanted & {(item.type, item.full_name), (item.type, "*")}:
        return False
    return any(name.startswith(f"{item.full_name}.") for _, name in wanted)


def _mismatches(
    wanted: set[tuple[str, str]], components: list[Component]
) -> Iterator[tuple[str, str]]:
    found = {(item.type, item.full_name) for item in components}
    for type_name, member in sorted(wanted - found):
        if member != "*":
            yield (
                "package.xml",
                f"An object '{member}' of type {type_name} was named in package.xml, but was not "
                "found in zipped directory",
            )
    for item in components:
        whole = item.type in FOLDERS.values()
        if whole and not wanted & {(item.type, item.full_name), (item.type, "*")}:
            yield item.file, "Not in package.xml"
