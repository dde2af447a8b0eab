"""Retrievals: what an org has, in a zip file as it could be deployed again.

A component that was deployed comes back as it came. Of others there is what `readMetadata` shows;
where that shows nothing, a message says so.
"""

from __future__ import annotations

import base64
import io
import itertools
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.ids import long_id, make_id
from prmsync_salesforce.simulator.metadata.listing import SUFFIXES, listed
from prmsync_salesforce.simulator.metadata.package import CHILDREN, FOLDERS
from prmsync_salesforce.simulator.metadata.reading import read_component
from prmsync_salesforce.simulator.metadata.xmltree import element, indented
from prmsync_salesforce.simulator.org import Org

_ROOT = "unpackaged"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPACE = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
_FOLDER_OF = {kind: folder for folder, kind in FOLDERS.items()}
_TAG_OF = {kind: tag for tag, kind in CHILDREN.items()}
Named = tuple[str, str]
"""The kind of a component and its full name."""


class Retrievals:
    """Answers `retrieve` and `checkRetrieveStatus`; at the first look a result is not there yet."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._results: dict[str, dict[str, Any]] = {}
        self._looked: set[str] = set()
        self._numbers = itertools.count(1)

    def request(self, wanted: Sequence[Named]) -> dict[str, Any]:
        """Begin to retrieve these; a name may be `*`."""
        number = make_id("09S", next(self._numbers))
        self._results[number] = self._retrieved(self._spelt_out(wanted))
        return {"done": False, "id": number, "state": "Queued"}

    def look(self, text: str) -> dict[str, Any]:
        """The `RetrieveResult`. Raises NOT_FOUND."""
        number = long_id(text) or ""
        if number not in self._results:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        if number not in self._looked:
            self._looked.add(number)
            return {"done": False, "id": number, "status": "InProgress", "success": False}
        found = {"done": True, "id": number, "status": "Succeeded", "success": True}
        return found | self._results[number]

    def _spelt_out(self, wanted: Iterable[Named]) -> list[Named]:
        """With the names for which `*` stands, and of whole objects their parts."""
        found: dict[Named, None] = {}
        for kind, name in wanted:
            names = self._names(kind) if name == "*" else [name]
            for one in names:
                found[kind, one] = None
                if kind == "CustomObject":
                    parts = (p for k in _TAG_OF for p in self._parts(k, one))
                    found |= dict.fromkeys(parts)
        return list(found)

    def _names(self, kind: str) -> list[str]:
        return [str(one["fullName"]) for one in listed(self._org, kind)]

    def _parts(self, kind: str, object_name: str) -> list[Named]:
        deployed = [name for one, name in self._org.deployed.sources if one == kind]
        names = dict.fromkeys([*self._names(kind), *deployed])
        return [(kind, name) for name in names if name.startswith(f"{object_name}.")]

    def _retrieved(self, wanted: Sequence[Named]) -> dict[str, Any]:
        files: dict[str, list[str]] = {}
        missing: list[Named] = []
        for kind, name in wanted:
            inner = self._text(kind, name)
            if inner is None:
                missing.append((kind, name))
            else:
                files.setdefault(_file(kind, name), []).append(inner)
        there = [one for one in wanted if one not in missing]
        return {
            "fileProperties": [self._properties(kind, name) for kind, name in there],
            "messages": [_unknown(kind, name) for kind, name in missing],
            "zipFile": base64.b64encode(_zipped(files, there)).decode(),
        }

    def _text(self, kind: str, name: str) -> str | None:
        """What stands of a component in its file; None for one that there is not."""
        kept = self._org.deployed.sources.get((kind, name))
        tag = _TAG_OF.get(kind)
        if kept is not None:
            return kept if tag else kept.partition(">")[2].rpartition("</")[0]
        try:
            told = read_component(self._org, kind, name)
        except ApiError:
            return None
        if told is None:
            return None
        if tag:
            return element(tag, {**told, "fullName": name.partition(".")[2]})
        own = {key: value for key, value in told.items() if key not in ("fullName", *CHILDREN)}
        return "".join(element(key, value) for key, value in own.items())

    def _properties(self, kind: str, name: str) -> Mapping[str, Any]:
        (organization,) = self._org.database.tables["Organization"].live()
        who = organization["CreatedById"]
        person = self._org.database.tables["User"].rows.get(who, {}).get("Name")
        return {
            "createdById": who,
            "createdByName": person,
            "createdDate": str(organization["CreatedDate"]).replace("+0000", "Z"),
            "fileName": f"{_ROOT}/{_file(kind, name)}",
            "fullName": name,
            "id": None,
            "lastModifiedById": who,
            "lastModifiedByName": person,
            "lastModifiedDate": str(organization["LastModifiedDate"]).replace("+0000", "Z"),
            "manageableState": "unmanaged",
            "type": kind,
        }


def _file(kind: str, name: str) -> str:
    folder = _FOLDER_OF.get(kind, "objects")
    base = name if kind in _FOLDER_OF else name.partition(".")[0]
    return f"{folder}/{base}.{SUFFIXES[folder]}"


def _unknown(kind: str, name: str) -> dict[str, str]:
    problem = f"Entity of type '{kind}' named '{name}' cannot be found"
    return {"fileName": f"{_ROOT}/package.xml", "problem": problem}


def _zipped(files: Mapping[str, Sequence[str]], named: Sequence[Named]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, parts in files.items():
            kind = FOLDERS[file.partition("/")[0]]
            _write(archive, file, kind, "".join(parts))
        _write(archive, "package.xml", "Package", _manifest(named))
    return buffer.getvalue()


def _write(archive: zipfile.ZipFile, file: str, root: str, inner: str) -> None:
    text = indented(f"<{root}>{inner}</{root}>").replace(f"<{root}>", f"<{root} {_SPACE}>", 1)
    archive.writestr(f"{_ROOT}/{file}", f"{_HEAD}{text}\n")


def _manifest(named: Sequence[Named]) -> str:
    kinds: dict[str, list[str]] = {}
    for kind, name in named:
        kinds.setdefault(kind, []).append(name)
    types = [{"members": names, "name": kind} for kind, names in sorted(kinds.items())]
    return element("types", types) + element("version", "68.0")
