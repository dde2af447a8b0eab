"""What associations an input asks for, checked before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prmsync_hubspot.simulator.links import LinkType
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import ApiError, bad_request
from prmsync_hubspot.simulator.shapes import objects, reference, whole

LinkUp = Callable[[int], None]


def link_types(
    portal: Portal, pair: tuple[ObjectType, ObjectType], specs: object
) -> list[LinkType]:
    """The types that association specs name. Raises ApiError 400 for one that is not there."""
    wanted = objects(specs, "types")
    if not wanted:
        raise bad_request("an association needs types")
    found = []
    for spec in wanted:
        category, type_id = spec.get("associationCategory"), spec.get("associationTypeId")
        kind = portal.links.find((pair[0].type_id, pair[1].type_id), category, type_id)
        if kind is None:
            raise bad_request(
                f"association type {category} {type_id} is not defined between"
                f" {pair[0].type_id} and {pair[1].type_id}"
            )
        found.append(kind)
    return found


def associate_new(portal: Portal, kind: ObjectType, raw: object) -> list[LinkUp]:
    """Functions that associate a record still to be made, by `associations` of its input."""
    return [_link_up(portal, kind, item) for item in objects(raw, "associations")]


def _link_up(portal: Portal, kind: ObjectType, raw: Mapping[str, Any]) -> LinkUp:
    specs = objects(raw.get("types"), "types")
    to_id = reference(raw.get("to"))
    other = _other_end(portal, kind, specs)
    types = link_types(portal, (kind, other), specs)
    row = other.table.get(to_id)
    if row is None:
        raise ApiError(400, f"{to_id} is not a valid ID", extra={"context": {"id": [to_id]}})
    target = row.id

    def link_up(row_id: int) -> None:
        portal.links.associate((kind.type_id, other.type_id), row_id, target, types)

    return link_up


def _other_end(portal: Portal, kind: ObjectType, specs: Sequence[Mapping[str, Any]]) -> ObjectType:
    """The input names no object type: the association type tells it."""
    for (one, other), types in portal.links.types.items():
        for spec in specs:
            found = types.get(whole(spec.get("associationTypeId"), "associationTypeId", 0))
            if one != kind.type_id or found is None:
                continue
            if found.category == spec.get("associationCategory"):
                return portal.types[other]
    raise bad_request(f"no association type of {kind.shown_name} is named")
