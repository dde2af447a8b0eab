"""HubSpot's definitions of properties, pipelines, owners and the account in our words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prmsync.connector.schema import (
    Account,
    CrmStage,
    FieldSchema,
    FieldType,
    ObjectSchema,
    Person,
    Pipeline,
)
from prmsync.errors import AuthError, SchemaError
from prmsync_hubspot.objects import ObjectType

TEXT_LENGTH = 65_536
"""Characters that a text property holds (HubSpot's properties guide)."""
PIPELINE_PROPERTIES = ("pipeline", "hs_pipeline")
STAGE_PROPERTIES = ("dealstage", "hs_pipeline_stage")
SANDBOXES = frozenset({"SANDBOX", "DEVELOPER_TEST"})
ZONES = {
    "US/Alaska": "America/Anchorage",
    "US/Arizona": "America/Phoenix",
    "US/Central": "America/Chicago",
    "US/Eastern": "America/New_York",
    "US/Hawaii": "Pacific/Honolulu",
    "US/Mountain": "America/Denver",
    "US/Pacific": "America/Los_Angeles",
}
"""HubSpot still uses names that the time zone database keeps as links only, and that some systems
install apart."""

_TYPES: Mapping[str, FieldType] = {
    "number": FieldType.NUMBER,
    "bool": FieldType.BOOLEAN,
    "date": FieldType.DATE,
    "datetime": FieldType.DATETIME,
}


def object_schema(
    of: ObjectType,
    properties: Sequence[Mapping[str, Any]],
    pipelines: Sequence[Mapping[str, Any]],
) -> ObjectSchema:
    """An object's schema from the answers of the properties and pipelines endpoints."""
    staged = tuple(_pipeline(one) for one in _in_order(pipelines))
    fields = (field_schema(one, of, staged) for one in properties if not one.get("archived"))
    return ObjectSchema(
        name=of.path,
        label=of.label,
        fields={one.name: one for one in fields},
        pipelines=staged,
    )


def has_pipelines(of: ObjectType, properties: Iterable[Mapping[str, Any]]) -> bool:
    """Standard objects are known; a custom object has them when it has a pipeline property."""
    return of.pipelined or any(one.get("name") == "hs_pipeline" for one in properties)


def field_schema(
    told: Mapping[str, Any], of: ObjectType, pipelines: Sequence[Pipeline] = ()
) -> FieldSchema:
    """One property."""
    name = str(told["name"])
    kind = field_type(told)
    access = told.get("modificationMetadata") or {}
    writable = not (access.get("readOnlyValue") or _is_calculated(told))
    picks = _picklist(told, pipelines) if kind in _PICKS else {}
    return FieldSchema(
        name=name,
        label=str(told.get("label") or name),
        type=kind,
        length=TEXT_LENGTH if kind is FieldType.TEXT else None,
        createable=writable,
        updateable=writable,
        nullable=not is_currency(name, of),
        required=name in of.required,
        unique=bool(told.get("hasUniqueValue")) or name == "hs_object_id",
        picklist=picks,
        restricted=kind in _PICKS and (bool(picks) or not told.get("externalOptions")),
        references=("owners",) if kind is FieldType.REFERENCE else (),
    )


_PICKS = (FieldType.PICKLIST, FieldType.MULTI_PICKLIST)


def is_currency(name: str, of: ObjectType) -> bool:
    """The currency of a deal. Blank is the company currency, and in an account with one currency
    it is always blank: so a deal never is without one. Source: HubSpot's knowledge base, "Create
    a custom currency"."""
    return name == "deal_currency_code" and of.path == "deals"


def field_type(told: Mapping[str, Any]) -> FieldType:
    """A property's type: HubSpot's `type` says how it is stored, `fieldType` how it is edited."""
    if told.get("name") == "hs_object_id":
        return FieldType.TEXT  # a number only to look at: a reference may be read from it
    if told.get("name") == "hubspot_owner_id" or told.get("referencedObjectType") == "OWNER":
        return FieldType.REFERENCE
    kind, shown = told.get("type"), told.get("fieldType")
    if kind != "enumeration":
        return _TYPES.get(str(kind), FieldType.TEXT)
    if shown == "booleancheckbox":
        return FieldType.BOOLEAN
    return FieldType.MULTI_PICKLIST if shown == "checkbox" else FieldType.PICKLIST


def _is_calculated(told: Mapping[str, Any]) -> bool:
    return bool(told.get("calculated")) or str(told.get("fieldType")).startswith("calculation")


def _picklist(told: Mapping[str, Any], pipelines: Sequence[Pipeline]) -> dict[str, str]:
    if told["name"] in PIPELINE_PROPERTIES:
        return {one.id: one.label for one in pipelines}
    if told["name"] in STAGE_PROPERTIES:
        return {stage.id: stage.label for one in pipelines for stage in one.stages}
    return {str(one["value"]): str(one.get("label", "")) for one in told.get("options") or ()}


def _in_order(found: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    live = [one for one in found if not one.get("archived")]
    return sorted(live, key=lambda one: one.get("displayOrder") or 0)


def _pipeline(told: Mapping[str, Any]) -> Pipeline:
    stages = tuple(
        _stage(one, order) for order, one in enumerate(_in_order(told.get("stages") or ()))
    )
    return Pipeline(id=str(told["id"]), label=str(told.get("label") or told["id"]), stages=stages)


def _stage(told: Mapping[str, Any], order: int) -> CrmStage:
    known = told.get("metadata") or {}
    probability = _float(known.get("probability"))
    closed = known.get("isClosed") in ("true", True) or known.get("ticketState") == "CLOSED"
    return CrmStage(
        id=str(told["id"]),
        label=str(told.get("label") or told["id"]),
        order=order,
        probability=probability,
        closed=closed,
        won=closed and probability == 1.0,
    )


def _float(told: object) -> float | None:
    try:
        return float(told) if isinstance(told, str | int | float) else None
    except ValueError:
        return None


def person(told: Mapping[str, Any]) -> Person:
    """An owner; archived owners are people who were deactivated or removed."""
    name = " ".join(part for part in (told.get("firstName"), told.get("lastName")) if part)
    email = str(told.get("email") or "").lower()
    user = told.get("userIdIncludingInactive") or told.get("userId") or ""
    return Person(str(told["id"]), email, name or email, not told.get("archived"), str(user))


def account(told: Mapping[str, Any], api_version: str, user: str) -> Account:
    """The answer of account-info. Raises SchemaError when it lacks what must not be guessed."""
    portal, zone = _need(told, "portalId"), _need(told, "timeZone")
    kind = str(told.get("accountType") or "")
    return Account(
        org_id=portal,
        name=str(told.get("portalName") or f"HubSpot account {portal}"),
        environment="sandbox" if kind in SANDBOXES else "production",
        currency=_need(told, "companyCurrency"),
        time_zone=ZONES.get(zone, zone),
        user=user,
        api_version=api_version,
    )


def _need(told: Mapping[str, Any], name: str) -> str:
    """A part of the account's information that must never be guessed."""
    if not told.get(name):
        raise SchemaError(
            f"HubSpot's account information lacks {name}",
            hint="check base_url and api_version: is this HubSpot?",
        )
    return str(told[name])


def check_pinned(found: Account, org: str | None, environment: str | None) -> None:
    """Raises AuthError, naming both, when this is not the account of the configuration."""
    if org and org != found.org_id:
        raise AuthError(
            f"the token opens HubSpot account {found.org_id}, but the connection is pinned to "
            f"{org}",
            hint="use the token of the right account; change org only if the account was replaced",
            code="OTHER_ORG",
        )
    if environment and environment != found.environment:
        raise AuthError(
            f"HubSpot account {found.org_id} is a {found.environment} account, but the connection "
            f"says {environment}",
            hint="correct environment, or use the token of the right account",
            code="OTHER_ENVIRONMENT",
        )
