"""The whole portal as JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from prmsync_hubspot.simulator.definitions import property_from_json
from prmsync_hubspot.simulator.links import Links
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.pipelines import pipeline_from_json
from prmsync_hubspot.simulator.portal import Account, Owner, Portal
from prmsync_hubspot.simulator.problems import JSON
from prmsync_hubspot.simulator.rows import Row, Table

_PLAIN = (
    "type_id",
    "name",
    "fqn",
    "singular",
    "plural",
    "primary",
    "default_properties",
    "searchable",
    "secondary",
    "required",
    "admin_required",
    "pipeline_property",
    "stage_property",
    "scope",
    "description",
    "created",
    "updated",
    "groups",
    "next_id",
)
_COUNTERS = ("next_type", "next_link_type", "next_number")


def dump_portal(portal: Portal) -> JSON:
    """Account, owners, object types with their records, associations and counters."""
    return {
        "account": asdict(portal.account),
        "owners": [asdict(owner) for owner in portal.owners.values()],
        "types": [_dump_type(kind) for kind in portal.types.values()],
        "links": portal.links.dump(),
        "flows": portal.flows,
        "counters": {key: getattr(portal, key) for key in _COUNTERS},
    }


def restore_portal(portal: Portal, state: Mapping[str, Any]) -> None:
    """Replace everything by what `dump_portal` gave. Raises KeyError, TypeError or ValueError for
    anything else, and changes nothing then."""
    account = Account(**{**state["account"], "currencies": tuple(state["account"]["currencies"])})
    owners = {item["id"]: Owner(**item) for item in state["owners"]}
    types = [_restore_type(item) for item in state["types"]]
    links = Links.restored(state["links"])
    flows = [dict(item) for item in state.get("flows", ())]
    counters = {key: int(state["counters"][key]) for key in _COUNTERS}
    for kind in list(portal.types.values()):
        portal.remove_type(kind)
    for kind in types:
        portal.add_type(kind)
    links.observer = portal.links.observer
    portal.account, portal.owners, portal.links = account, owners, links
    portal.flows = flows
    for key, value in counters.items():
        setattr(portal, key, value)


def _dump_type(kind: ObjectType) -> JSON:
    table = kind.table
    return {
        **{key: getattr(kind, key) for key in _PLAIN},
        "properties": [item.as_json() for item in kind.properties.values()],
        "archived_properties": [item.as_json() for item in kind.archived_properties.values()],
        "pipelines": [item.as_json() for item in kind.pipelines.values()],
        "date_properties": [table.modified_property, table.created_property],
        "rows": [_dump_row(row) for row in table.everyone()],
        "forwards": [[old, new] for old, new in table.forwards.items()],
    }


def _restore_type(raw: Mapping[str, Any]) -> ObjectType:
    plain: dict[str, Any] = {
        key: tuple(raw[key]) if isinstance(raw[key], list | tuple) else raw[key] for key in _PLAIN
    }
    table = Table(*raw["date_properties"])
    kind = ObjectType(table=table, **plain)
    for item in raw["properties"]:
        kind.add_property(property_from_json(item))
    for item in raw.get("archived_properties", ()):
        kind.archived_properties[item["name"]] = property_from_json(item)
    for item in raw["pipelines"]:
        kind.pipelines[item["id"]] = pipeline_from_json(item, item["id"], item["createdAt"])
    for item in raw["rows"]:
        row = _restore_row(item)
        table.add(row)
        if item["archived"] is not None:
            table.archive(row, item["archived"])
    table.forwards = {int(old): int(new) for old, new in raw["forwards"]}
    return kind


def _dump_row(row: Row) -> JSON:
    return {
        "id": row.id,
        "created": row.created,
        "modified": row.modified,
        "archived": row.archived,
        "merged": row.merged,
        "props": row.props,
        "history": row.history,
    }


def _restore_row(raw: Mapping[str, Any]) -> Row:
    row = Row(int(raw["id"]), int(raw["created"]), dict(raw["props"]))
    row.modified = int(raw["modified"])
    row.merged = tuple(raw["merged"])
    row.history = {
        name: [(str(a), str(b), str(c), str(d), str(e)) for a, b, c, d, e in changes]
        for name, changes in raw["history"].items()
    }
    return row
