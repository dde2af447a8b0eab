"""What the service permission set must still grant, beyond what a deployment brings. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prmsync.connector.provisioning import ObjectNeed
from prmsync_salesforce.provision.org import LiveOrg
from prmsync_salesforce.provision.package import Parts
from prmsync_salesforce.provision.source import SERVICE_SET, Source
from prmsync_salesforce.provision.xml import Node


@dataclass(frozen=True, slots=True)
class Grants:
    """`fields`: `Object.Field` → whether it is to be edited. `objects` → whether its records may
    be deleted too; all others are read, created and edited."""

    fields: Mapping[str, bool] = field(default_factory=dict)
    objects: Mapping[str, bool] = field(default_factory=dict)


def grants_for(
    needs: Sequence[ObjectNeed],
    org: LiveOrg,
    parts: Parts,
    source: Source,
    wanted: Mapping[str, bool],
) -> Grants:
    """`wanted` are fields of the org that the user that syncs does not see or may not edit."""
    brings = source.permission_sets[SERVICE_SET] if SERVICE_SET in parts.permission_sets else None
    return Grants(
        fields=_fields(org, parts, wanted, _named(brings, "fieldPermissions", "field")),
        objects=_objects(needs, org, parts, _named(brings, "objectPermissions", "object")),
    )


def _fields(
    org: LiveOrg, parts: Parts, wanted: Mapping[str, bool], brought: set[str]
) -> dict[str, bool]:
    made = {
        f"{on}.{name}": True
        for (on, name), one in parts.fields.items()
        if one.said("type") != "MasterDetail"
    }
    return {
        name: edit
        for name, edit in {**wanted, **made}.items()
        if name not in brought and not _has(org, name, edit)
    }


def _has(org: LiveOrg, name: str, edit: bool) -> bool:
    return org.granted.get(name, False) or (not edit and name in org.granted)


def _objects(
    needs: Sequence[ObjectNeed], org: LiveOrg, parts: Parts, brought: set[str]
) -> dict[str, bool]:
    return {
        need.object: need.deleted
        for need in needs
        if parts.has_object(need.object)
        and need.object.lower() not in org.service
        and need.object not in brought
        and need.object not in org.granted_objects
    }


def _named(brings: Node | None, tag: str, inside: str) -> set[str]:
    return {one.said(inside) for one in brings.all(tag)} if brings is not None else set()
