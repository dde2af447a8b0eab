"""An account as provisioning sees it: objects, groups, labels, and whether it may have more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from prmsync.connector.provisioning import ObjectNeed
from prmsync.connector.schema import ObjectSchema
from prmsync.errors import AuthError, Finding, RejectedError, SchemaError
from prmsync_hubspot.catalog import Catalog
from prmsync_hubspot.client import Client
from prmsync_hubspot.objects import is_standard
from prmsync_hubspot.paths import LIMITS, PROPERTIES, Paths
from prmsync_hubspot.provision.words import GROUP
from prmsync_hubspot.relations import HUBSPOTS
from prmsync_hubspot.vendor import Metadata, results

_SCOPE_HINT = "Give the service key (or app) the scope, or look with an admin's token."

_NO_PLAN = (
    "No token can have it where the account's plan has no custom objects: see docs/crm-admin.md, "
    "Without custom objects."
)


@dataclass(frozen=True, slots=True)
class LivePortal:
    """`objects` and `grouped` are by the name in the mapping; an object that is missing is in
    neither. `hidden`: objects that whoever looks may not see, and of which nothing can be said.
    `grouped`: objects that have our property group. `labels`: from, to → labels that are there,
    in lower case, None where they are not shown. `custom_left`: how many custom objects may
    still be made; None where the account does not tell. `unread` could not be looked at."""

    objects: Mapping[str, ObjectSchema] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    grouped: frozenset[str] = frozenset()
    labels: Mapping[tuple[str, str], frozenset[str] | None] = field(default_factory=dict)
    custom_left: int | None = None
    unread: tuple[Finding, ...] = ()


class PortalReader:
    """Asks an account for everything that needs are compared with."""

    def __init__(self, client: Client, paths: Paths, catalog: Catalog, metadata: Metadata) -> None:
        self._client = client
        self._paths = paths
        self._catalog = catalog
        self._metadata = metadata
        self._unread: list[Finding] = []
        self._hidden: set[str] = set()

    def read(self, needs: Sequence[ObjectNeed]) -> LivePortal:
        """Reads only. Raises ConnectorError for anything but a missing right or object."""
        self._unread.clear()
        self._hidden.clear()
        self._catalog.forget()
        names = list(dict.fromkeys(need.object for need in needs))
        objects = {name: found for name in names if (found := self._object(name)) is not None}
        grouped = frozenset(name for name in objects if self._has_group(name))
        absent = set(names) - set(objects)
        labels = {pair: self._labels(*pair, absent) for pair in _pairs(needs)}
        room = self._custom() if absent else None
        left = None if room is None else room[0] - room[1]
        return LivePortal(
            objects, frozenset(self._hidden), grouped, labels, left, tuple(self._unread)
        )

    def _object(self, name: str) -> ObjectSchema | None:
        """None where it is not there, or not shown to whoever looks (which is said). Where the
        plan has no custom objects, no token may ask for them: then there is none."""
        if not is_standard(name) and self._has_no_custom():
            return None
        hint = _SCOPE_HINT if is_standard(name) else f"{_SCOPE_HINT} {_NO_PLAN}"
        with self._unless_shown(f"the object {name}", hint):
            try:
                return self._catalog.schema(name)
            except SchemaError:
                return None
        self._hidden.add(name)
        return None

    def _has_no_custom(self) -> bool:
        told = self._custom()
        return told is not None and told[0] == 0

    def _has_group(self, name: str) -> bool:
        with self._unless_shown(f"the property groups of {name}"):
            path = self._paths.path(PROPERTIES, self._catalog.type(name).path, "groups")
            groups = results(self._client.call("metadata", "GET", path).data)
            return any(one.get("name") == GROUP for one in groups)
        return False

    def _labels(self, one: str, other: str, absent: set[str]) -> frozenset[str] | None:
        """None where they are not shown; none of an object that is not there yet."""
        if {one, other} & self._hidden:
            return None
        if {one, other} & absent:
            return frozenset()
        with self._unless_shown(f"the association labels of {one} and {other}"):
            ends = self._catalog.type(one).path, self._catalog.type(other).path
            found = self._metadata.labels(*ends)
            return frozenset(
                str(label["label"]).casefold()
                for label in found
                if label.get("label") and label.get("category") != HUBSPOTS
            )
        return None

    def _custom(self) -> tuple[int, int] | None:
        """How many custom objects the account may have, and has; from limits tracking, which not
        every token may ask and is no error then."""
        try:
            path = self._paths.path(LIMITS, "custom-object-types")
            told = self._client.call("metadata", "GET", path).data
            return int(told["limit"]), int(told["usage"])
        except (AuthError, RejectedError, SchemaError, KeyError, TypeError, ValueError):
            return None

    @contextmanager
    def _unless_shown(self, what: str, hint: str = _SCOPE_HINT) -> Iterator[None]:
        try:
            yield
        except AuthError as error:
            if error.code != "MISSING_SCOPES":
                raise
            self._unread.append(Finding(what, error.message, hint))


def _pairs(needs: Sequence[ObjectNeed]) -> list[tuple[str, str]]:
    return list(
        dict.fromkeys((need.object, label.to_object) for need in needs for label in need.labels)
    )
