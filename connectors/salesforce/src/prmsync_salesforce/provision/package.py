"""The part of the metadata that an org lacks, as the zip of one deployment.

The same parts give the same bytes. Parts of files that name fields which the org will not have
(columns, layout items, field permissions) are left out of it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from prmsync_salesforce.provision.source import Source
from prmsync_salesforce.provision.xml import Node, node, written

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_STANDARD_COLUMNS = ("NAME", "LAST_UPDATE")


@dataclass(frozen=True, slots=True)
class Parts:
    """What is to be made. `fields` and `record_types` hold their definitions, by object and name;
    `present` are the fields that the org has already, as `Object.Field`."""

    objects: Mapping[str, Node] = field(default_factory=dict)
    fields: Mapping[tuple[str, str], Node] = field(default_factory=dict)
    record_types: Mapping[tuple[str, str], tuple[Node, ...]] = field(default_factory=dict)
    list_views: tuple[tuple[str, str], ...] = ()
    value_sets: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    tabs: tuple[str, ...] = ()
    permission_sets: tuple[str, ...] = ()
    present: frozenset[str] = frozenset()
    present_objects: frozenset[str] = frozenset()

    @property
    def empty(self) -> bool:
        return not any(
            (
                self.objects,
                self.fields,
                self.record_types,
                self.list_views,
                self.value_sets,
                self.layouts,
                self.tabs,
                self.permission_sets,
            )
        )

    def has_field(self, name: str) -> bool:
        """Whether the org has `Object.Field` once this is deployed."""
        object_name, _, field_name = name.partition(".")
        return name in self.present or (object_name, field_name) in self.fields

    def has_object(self, name: str) -> bool:
        return name in self.present_objects or name in self.objects


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The zip of these files: no dates, no order but that of their names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _LONG_AGO)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name])
    return out.getvalue()


def files_of(source: Source, parts: Parts, api_version: str) -> dict[str, bytes]:
    """The files of one deployment by their paths, `package.xml` included."""
    files = {
        f"objects/{name}.object": written(_object_file(source, parts, name))
        for name in _touched(parts)
    }
    for folder, ending, names, made in _kinds(source, parts):
        files |= {f"{folder}/{name}.{ending}": written(made(name)) for name in names}
    files["package.xml"] = written(_manifest(parts, api_version))
    return files


_Kind = tuple[str, str, Iterable[str], Callable[[str], Node]]


def _kinds(source: Source, parts: Parts) -> tuple[_Kind, ...]:
    return (
        ("globalValueSets", "globalValueSet", parts.value_sets, source.value_sets.__getitem__),
        ("layouts", "layout", parts.layouts, lambda name: _layout(source, parts, name)),
        ("tabs", "tab", parts.tabs, source.tabs.__getitem__),
        (
            "permissionsets",
            "permissionset",
            parts.permission_sets,
            lambda name: permission_set(source.permission_sets[name], parts),
        ),
    )


def _touched(parts: Parts) -> list[str]:
    with_parts = [name for name, _ in (*parts.fields, *parts.record_types, *parts.list_views)]
    return sorted({*parts.objects, *with_parts})


def _object_file(source: Source, parts: Parts, name: str) -> Node:
    """A file with only what is made: naming nothing else of the object leaves it as it is."""
    own = parts.objects[name].children if name in parts.objects else ()
    fields = [one.named("fields") for (on, _), one in sorted(parts.fields.items()) if on == name]
    types = [
        one for (on, _), made in sorted(parts.record_types.items()) if on == name for one in made
    ]
    views = [
        list_view(source.list_views[on, view], on, parts).named("listViews")
        for on, view in sorted(parts.list_views)
        if on == name
    ]
    return node("CustomObject", [*own, *fields, *types, *views])


def list_view(view: Node, object_name: str, parts: Parts) -> Node:
    """The view without columns of fields that are not there."""
    return view.having(
        child
        for child in view.children
        if child.tag != "columns" or _shown(child.text, object_name, parts)
    )


def can_filter(view: Node, object_name: str, parts: Parts) -> bool:
    """Whether every field that the view filters by will be there."""
    return all(_shown(one.said("field"), object_name, parts) for one in view.all("filters"))


def _shown(column: str, object_name: str, parts: Parts) -> bool:
    if column in _STANDARD_COLUMNS or "." in column:
        return True
    return parts.has_field(f"{object_name}.{column}")


def _layout(source: Source, parts: Parts, name: str) -> Node:
    object_name = name.partition("-")[0]

    def there(item: Node) -> bool:
        found = item.said("field")
        return not found.endswith("__c") or parts.has_field(f"{object_name}.{found}")

    return _without(source.layouts[name], "layoutItems", there)


def _without(one: Node, tag: str, keep: Callable[[Node], bool]) -> Node:
    """The tree without elements of this tag that are not to be kept."""
    if not one.children:
        return one
    return one.having(
        _without(child, tag, keep) for child in one.children if child.tag != tag or keep(child)
    )


def permission_set(one: Node, parts: Parts) -> Node:
    """The permission set without custom objects, fields and tabs that are not there."""

    def there(child: Node) -> bool:
        if child.tag == "fieldPermissions":
            return parts.has_field(child.said("field"))
        if child.tag == "objectPermissions":
            found = child.said("object")
            return not found.endswith("__c") or parts.has_object(found)
        if child.tag == "tabSettings":
            return child.said("tab") in parts.tabs or parts.has_object(child.said("tab"))
        return True

    return one.having(child for child in one.children if there(child))


def _manifest(parts: Parts, api_version: str) -> Node:
    types = [
        ("CustomField", [f"{on}.{name}" for on, name in parts.fields]),
        ("CustomObject", list(parts.objects)),
        ("CustomTab", list(parts.tabs)),
        ("GlobalValueSet", list(parts.value_sets)),
        ("Layout", list(parts.layouts)),
        ("ListView", [f"{on}.{name}" for on, name in parts.list_views]),
        ("PermissionSet", list(parts.permission_sets)),
        ("RecordType", [f"{on}.{name}" for on, name in parts.record_types]),
        ("BusinessProcess", [f"{on}.{name}" for on, name in parts.record_types]),
    ]
    listed = [
        node("types", [*(node("members", one) for one in sorted(names)), node("name", kind)])
        for kind, names in sorted(types)
        if names
    ]
    return node("Package", [*listed, node("version", api_version)])
