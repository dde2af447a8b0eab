"""Paths of both schemes, `/crm/v3/objects/deals` and `/crm/objects/2026-09/0-3`, as one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson

from prmsync.connector.simulator.http import Request
from prmsync_hubspot.simulator.actor import APP_ID, APP_USER_ID, Actor
from prmsync_hubspot.simulator.problems import JSON, bad_request, no_such_path
from prmsync_hubspot.simulator.shapes import is_number
from prmsync_hubspot.simulator.tokens import Grant
from prmsync_hubspot.simulator.writing import RULES_SINCE

DATED_VERSIONS = ("2026-03", "2026-09")
_VERSION = re.compile(r"v[1-4]|20\d\d-\d\d")

_NUMBERED = {
    "objects": ("v3", "v4"),
    "associations": ("v4",),
    "properties": ("v3",),
    "pipelines": ("v3",),
    "owners": ("v3",),
    "schemas": ("v3",),
    "account-info": ("v3",),
    "limits": ("v3",),
    "oauth": ("v1", "v2", "v3"),
    "automation": ("v4",),
}
AUTHORIZE = "authorize"
"""The last part of `/oauth/authorize`, the one path without a version."""

Reply = tuple[int, Any]
"""Status and JSON body; None for no body, a Response as it is."""


class Target(NamedTuple):
    """What a path is about: "objects", "v3" or "2026-09", and the decoded parts after them."""

    family: str
    version: str
    rest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in."""

    request: Request
    version: str
    args: tuple[str, ...]
    grant: Grant

    @property
    def actor(self) -> Actor:
        """The integration itself; an admin's rules apply to dated versions from 2026-09 on."""
        enforced = not self.version.startswith("v") and self.version >= RULES_SINCE
        return Actor(APP_USER_ID, "INTEGRATION", APP_ID, enforced)

    def json(self) -> JSON:
        """The body. Raises ApiError 400 unless it is a JSON object."""
        body = self._body()
        if not isinstance(body, dict):
            raise bad_request("Invalid input JSON: an object is expected")
        return body

    def json_list(self) -> list[Any]:
        """The body. Raises ApiError 400 unless it is a JSON list."""
        body = self._body()
        if not isinstance(body, list):
            raise bad_request("Invalid input JSON: a list is expected")
        return body

    def _body(self) -> object:
        try:
            return orjson.loads(self.request.body or b"{}")
        except orjson.JSONDecodeError as error:
            raise bad_request(f"Invalid input JSON: {error}") from None

    def first(self, name: str, default: str = "") -> str:
        """A query parameter, the first where it is repeated."""
        return self.request.query.get(name, [default])[0]

    def listed(self, name: str) -> list[str]:
        """A query parameter that is repeated, or separated by commas, or both."""
        values = self.request.query.get(name, [])
        return [item for value in values for item in value.split(",") if item]

    def flag(self, name: str) -> bool:
        return self.first(name).lower() == "true"

    def whole(self, name: str, default: int) -> int:
        """A query parameter as a whole number. Raises ApiError 400 for anything else."""
        text = self.first(name) or str(default)
        if not is_number(text):
            raise bad_request(f"{name} must be a whole number, was {text}")
        return int(text)


Handler = Callable[[Call], Reply]


class Route(NamedTuple):
    """`pattern` has parts of the path after family and version; "*" takes any one part.

    `versions` are the numbered ones that have the route, () for all; `dated`: the dated ones too.
    """

    method: str
    pattern: str
    label: str
    handler: Handler
    versions: tuple[str, ...] = ()
    dated: bool = True

    def has(self, version: str) -> bool:
        """Whether the route is one of that version's."""
        if version in DATED_VERSIONS:
            return self.dated
        return not self.versions or version in self.versions


class Router:
    """Finds a route by method, family, length and literal parts; earlier routes go first."""

    def __init__(self, families: dict[str, Sequence[Route]]) -> None:
        self._routes: dict[tuple[str, str, int], list[tuple[tuple[str, ...], Route]]] = {}
        for family, routes in families.items():
            for route in routes:
                parts = tuple(part for part in route.pattern.split("/") if part)
                key = (family, route.method, len(parts))
                self._routes.setdefault(key, []).append((parts, route))

    @property
    def labels(self) -> frozenset[str]:
        """Under which names calls are counted."""
        return frozenset(route.label for routes in self._routes.values() for _, route in routes)

    def find(self, method: str, target: Target) -> tuple[Route, tuple[str, ...]] | None:
        """The route, and the parts that "*" took."""
        for parts, route in self._routes.get((target.family, method, len(target.rest)), ()):
            if not route.has(target.version):
                continue
            if all(part in ("*", given) for part, given in zip(parts, target.rest, strict=True)):
                taken = zip(parts, target.rest, strict=True)
                return route, tuple(given for part, given in taken if part == "*")
        return None


def target_of(path: str) -> Target | None:
    """Take a path apart; None for a family or version that HubSpot does not have."""
    parts = [unquote(part) for part in path.split("/") if part]
    if len(parts) < 2:
        return None
    if parts[0] == "oauth" and parts[-1] == AUTHORIZE:
        return Target("oauth", "", (AUTHORIZE,))
    if parts[0] == "crm":
        if len(parts) < 3:
            return None
        versioned_first = _VERSION.fullmatch(parts[1]) is not None
        version, family = (parts[1], parts[2]) if versioned_first else (parts[2], parts[1])
        if versioned_first == (version in DATED_VERSIONS) or (family, versioned_first) == (
            "schemas",
            False,
        ):
            return None
        return _target(family, version, parts[3:])
    if parts[0] == "crm-object-schemas":
        return _target("schemas", parts[1], parts[3:]) if parts[2:3] == ["schemas"] else None
    return _target(parts[0], parts[1], parts[2:])


def _target(family: str, version: str, rest: list[str]) -> Target | None:
    known = family in _NUMBERED and version in (*_NUMBERED[family], *DATED_VERSIONS)
    return Target(family, version, tuple(rest)) if known else None


def require(found: tuple[Route, tuple[str, ...]] | None) -> tuple[Route, tuple[str, ...]]:
    """Raises ApiError 404 where no route was found."""
    if found is None:
        raise no_such_path()
    return found
