"""The metadata that comes with prmsync: an SFDX source folder that an admin can read and deploy.

In a checkout it is `connectors/salesforce/metadata`, installed it lies beside this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from prmsync.errors import ConfigurationError
from prmsync_salesforce.provision.xml import Node, parsed

_PACKAGE = Path(__file__).resolve().parent.parent
_PLACES = (_PACKAGE / "_metadata", _PACKAGE.parent.parent / "metadata")
_ROOT = Path("force-app") / "main" / "default"

SERVICE_SET = "PRM_Sync_Service"
"""Permission set of the user that prmsync signs in as."""
PEOPLE_SET = "PRM_Sync_People"
"""Permission set for people who look at the synced records and decide."""


@dataclass(frozen=True, slots=True)
class Source:
    """Parts by API name; names of custom objects and fields end in `__c`."""

    objects: Mapping[str, Node]
    fields: Mapping[tuple[str, str], Node]
    list_views: Mapping[tuple[str, str], Node]
    value_sets: Mapping[str, Node]
    layouts: Mapping[str, Node]
    tabs: Mapping[str, Node]
    permission_sets: Mapping[str, Node]


def folder() -> Path:
    """Where the source folder is. Raises ConfigurationError where an installation lacks it."""
    found = next((place for place in _PLACES if (place / _ROOT).is_dir()), None)
    if found is None:
        raise ConfigurationError(
            "the Salesforce metadata that comes with prmsync is missing here",
            hint="Install prmsync again; the folder is connectors/salesforce/metadata.",
        )
    return found


@cache
def source() -> Source:
    """All parts, read once."""
    root = folder() / _ROOT
    return Source(
        objects=_by_name(root, "objects/*/*.object-meta.xml"),
        fields=_by_object(root, "fields/*.field-meta.xml"),
        list_views=_by_object(root, "listViews/*.listView-meta.xml"),
        value_sets=_by_name(root, "globalValueSets/*.xml"),
        layouts=_by_name(root, "layouts/*.xml"),
        tabs=_by_name(root, "tabs/*.xml"),
        permission_sets=_by_name(root, "permissionsets/*.xml"),
    )


def _by_name(root: Path, pattern: str) -> dict[str, Node]:
    return {_name(path): parsed(path.read_bytes()) for path in sorted(root.glob(pattern))}


def _by_object(root: Path, pattern: str) -> dict[tuple[str, str], Node]:
    return {
        (path.parent.parent.name, _name(path)): parsed(path.read_bytes())
        for path in sorted(root.glob(f"objects/*/{pattern}"))
    }


def _name(path: Path) -> str:
    return path.name.rsplit(".", 2)[0]
