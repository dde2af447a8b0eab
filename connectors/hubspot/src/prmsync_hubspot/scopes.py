"""Which scopes a token needs for what, and which of them it lacks.

HubSpot tells the scopes of an OAuth token with the token itself, those of a private app's token
when asked. Where it does not tell (it need not for a service key), the first call that lacks one
says so. Source: HubSpot's "Scopes" page and the requirements of each endpoint.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from prmsync.errors import AuthError, Finding
from prmsync_hubspot.errors import TABLE
from prmsync_hubspot.objects import CUSTOM, NO_CUSTOM, ObjectType, standard

OWNERS = "crm.objects.owners.read"
REQUIRED = (
    "oauth",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    OWNERS,
    "crm.schemas.companies.read",
    "crm.schemas.deals.read",
)
"""What an app asks for when a person signs in with the browser."""
CUSTOM_OBJECTS = f"crm.schemas.{CUSTOM}.read"
"""Without it nobody can say whether the account has an object of that name."""
_CUSTOM_READ = f"crm.objects.{CUSTOM}.read"
OPTIONAL = (_CUSTOM_READ, f"crm.objects.{CUSTOM}.write", CUSTOM_OBJECTS)
"""The same, where the account's plan has it: without custom objects HubSpot leaves these out."""


_USUAL = frozenset({"companies", "deals"})
"""Standard objects whose scopes every app has."""


class Need(NamedTuple):
    """A scope and what prmsync does with it."""

    scope: str
    use: str


def some_custom(name: str) -> ObjectType:
    """What a name that is no standard object's must be."""
    return ObjectType(name, name, name, plural=name)


def needs(of: ObjectType, *, written: bool) -> list[Need]:
    """What it takes to sync an object."""
    if of.scope == "tickets":  # the one object that has a single scope of an older kind
        return [Need("tickets", "read and write tickets")]
    found = [
        Need(f"crm.objects.{of.scope}.read", f"read {of.named}"),
        Need(f"crm.schemas.{of.scope}.read", f"read the properties and pipelines of {of.named}"),
    ]
    if written:
        found.insert(1, Need(f"crm.objects.{of.scope}.write", f"write {of.named}"))
    return found


def for_objects(names: Collection[str]) -> tuple[str, ...]:
    """Scopes of HubSpot's own objects that mappings name beside companies and deals."""
    return tuple(need.scope for of in _beside(names) for need in needs(of, written=True))


def to_make_for(names: Collection[str]) -> tuple[str, ...]:
    """What it takes to make properties of the same objects."""
    return tuple(f"crm.schemas.{of.scope}.write" for of in _beside(names) if of.scope != "tickets")


def _beside(names: Collection[str]) -> list[ObjectType]:
    found = {of.path: of for of in map(standard, names) if of is not None}
    return [found[path] for path in sorted(found) if path not in _USUAL]


def require(granted: Collection[str], objects: Mapping[ObjectType, bool]) -> None:
    """Raises AuthError with every scope that is missing. `objects`: whether each is written."""
    wanted: dict[str, str] = {}
    for of, written in objects.items():
        for scope, use in needs(of, written=written):
            wanted[scope] = f"{wanted[scope]}; {use}" if scope in wanted else use
    wanted[OWNERS] = "match owners by e-mail"
    missing = {scope: use for scope, use in wanted.items() if scope not in granted}
    if not missing:
        return
    rule = TABLE["MISSING_SCOPES"]
    many = f"the token lacks {len(missing)} scopes that the mappings need"
    raise AuthError(
        f"{rule.says}: {next(iter(missing))}" if len(missing) == 1 else many,
        hint=rule.hint,
        code="MISSING_SCOPES",
        findings=[
            Finding(scope, f"is needed to {use}", NO_CUSTOM if scope == _CUSTOM_READ else "")
            for scope, use in missing.items()
        ],
    )
