"""A CRM user's own edits, past the API, and the whole state.

Objects are named as in the API. Besides them:

- `associations`: values `{from_object, from_id, to_object, to_id, label?}`; an id is
  `from type:from id:to type:to id:association type id`.
- `owners`: values `{email, firstName?, lastName?, archived?}`.

A change with `archived: false` brings a record back from the recycle bin.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from prmsync.connector.simulator.chassis import ControlError
from prmsync_hubspot.simulator.actor import Actor
from prmsync_hubspot.simulator.answers import shower
from prmsync_hubspot.simulator.links import LinkType
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.portal import Owner, Portal
from prmsync_hubspot.simulator.problems import ApiError
from prmsync_hubspot.simulator.rows import Row
from prmsync_hubspot.simulator.shapes import is_number
from prmsync_hubspot.simulator.stamps import iso, millis
from prmsync_hubspot.simulator.state import dump_portal, restore_portal
from prmsync_hubspot.simulator.writing import Writer

ASSOCIATIONS = "associations"
OWNERS = "owners"


class HubSpotRecords:
    """The `RecordsControl` of the HubSpot simulator."""

    def __init__(self, portal: Portal, writer: Writer) -> None:
        self._portal = portal
        self._writer = writer

    def list_records(self, object_name: str, record_id: str | None) -> list[dict[str, Any]]:
        if object_name == ASSOCIATIONS:
            return [item for item in self._associations() if record_id in (None, item["id"])]
        if object_name == OWNERS:
            owners = self._portal.owners.values()
            return [item.as_json() for item in owners if record_id in (None, item.id)]
        kind = self._kind(object_name)
        show = shower(self._portal, kind, sorted(kind.properties))
        if record_id is None:
            return [show(row) for row in kind.table.everyone()]
        row = kind.table.get(record_id) or kind.table.get(record_id, archived=True)
        return [] if row is None else [show(row)]

    def write_as_user(
        self,
        object_name: str,
        record_id: str | None,
        values: Mapping[str, Any],
        user: str | None,
        stamp: datetime | None,
    ) -> str:
        if object_name == ASSOCIATIONS:
            with self._writer.webhooks.by(self._actor(user).source):
                return self._associate(values)
        if object_name == OWNERS:
            return self._write_owner(record_id, values)
        kind, actor = self._kind(object_name), self._actor(user)
        given = dict(values)
        if record_id is not None and given.pop("archived", True) in (False, "false"):
            self._restore_row(kind, record_id, actor)
            if not given:
                return record_id
        at = None if stamp is None else millis(stamp)
        try:
            if record_id is None:
                draft = self._writer.draft_create(kind, given, actor, {})
            else:
                draft = self._writer.draft_update(
                    kind, self._row(kind, record_id), given, actor, {}
                )
        except ApiError as error:
            raise ControlError(error.message) from error
        return str(self._writer.commit(draft, actor, at).id)

    def delete_as_user(self, object_name: str, record_id: str, user: str | None) -> None:
        actor = self._actor(user)
        if object_name == ASSOCIATIONS:
            with self._writer.webhooks.by(actor.source):
                self._dissociate(record_id)
            return
        kind = self._kind(object_name)
        self._writer.archive(kind, self._row(kind, record_id), actor)

    def merge_as_user(self, object_name: str, record_id: str, into: str, user: str | None) -> None:
        kind, actor = self._kind(object_name), self._actor(user)
        primary, other = self._row(kind, into), self._row(kind, record_id)
        if primary is other:
            raise ControlError("a record cannot be merged with itself")
        with self._writer.webhooks.by(actor.source):
            self._writer.merge(kind, primary, other, actor)

    def dump(self) -> dict[str, Any]:
        return dump_portal(self._portal)

    def restore(self, state: Mapping[str, Any]) -> None:
        try:
            restore_portal(self._portal, state)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ControlError(f"not a state that was dumped: {error!r}") from error

    def _kind(self, object_name: str) -> ObjectType:
        kind = self._portal.find_type(object_name)
        if kind is None:
            known = sorted({item.plural.lower() for item in self._portal.types.values()})
            raise ControlError(f"no object {object_name}; known: {', '.join(known)}")
        return kind

    def _row(self, kind: ObjectType, record_id: str) -> Row:
        row = kind.table.get(record_id)
        if row is None:
            raise ControlError(f"no {kind.singular.lower()} {record_id}")
        return row

    def _actor(self, user: str | None) -> Actor:
        """An owner by user id, owner id or e-mail; any number counts as a user id."""
        owners = self._portal.owners.values()
        if user is None:
            user_id = next((str(item.user_id) for item in owners), "61001")
            return Actor(user_id, "CRM_UI", f"userId:{user_id}", enforced=True)
        for owner in owners:
            if user in (str(owner.user_id), owner.id, owner.email):
                return Actor(str(owner.user_id), "CRM_UI", f"userId:{owner.user_id}", enforced=True)
        if not is_number(user):
            raise ControlError(f"no owner {user}")
        return Actor(user, "CRM_UI", f"userId:{user}", enforced=True)

    def _restore_row(self, kind: ObjectType, record_id: str, actor: Actor) -> None:
        row = kind.table.get(record_id, archived=True)
        if row is None:
            raise ControlError(f"no archived {kind.singular.lower()} {record_id}")
        for name in kind.table.unique:
            value = row.props.get(name, "")
            if value and kind.table.holder(name, value) is not None:
                raise ControlError(f"another record has {name} {value} by now")
        self._writer.restore(kind, row, actor)

    def _associations(self) -> list[dict[str, Any]]:
        found = []
        for pair, from_id, to_id, types in self._portal.links.everything():
            for type_id in types:
                link = self._portal.links.types[pair][type_id]
                found.append(
                    {
                        "id": f"{pair[0]}:{from_id}:{pair[1]}:{to_id}:{type_id}",
                        "from_object": pair[0],
                        "from_id": str(from_id),
                        "to_object": pair[1],
                        "to_id": str(to_id),
                        "label": link.label,
                        "category": link.category,
                    }
                )
        return found

    def _associate(self, values: Mapping[str, Any]) -> str:
        one = self._kind(str(values.get("from_object")))
        other = self._kind(str(values.get("to_object")))
        pair = (one.type_id, other.type_id)
        link = self._link_type(pair, values.get("label"))
        from_row = self._row(one, str(values.get("from_id")))
        to_row = self._row(other, str(values.get("to_id")))
        self._portal.links.associate(pair, from_row.id, to_row.id, [link])
        return f"{pair[0]}:{from_row.id}:{pair[1]}:{to_row.id}:{link.type_id}"

    def _link_type(self, pair: tuple[str, str], label: object) -> LinkType:
        for link in self._portal.links.types.get(pair, {}).values():
            if link.label == label:
                return link
        raise ControlError(
            f"no association {label or 'without a label'} from {pair[0]} to {pair[1]}"
        )

    def _dissociate(self, record_id: str) -> None:
        parts = record_id.split(":")
        if len(parts) != 5 or not all(is_number(part) for part in (parts[1], parts[3], parts[4])):
            raise ControlError(f"no association {record_id}")
        pair = (parts[0], parts[2])
        link = self._portal.links.types.get(pair, {}).get(int(parts[4]))
        if link is None:
            raise ControlError(f"no association {record_id}")
        self._portal.links.remove_types(pair, int(parts[1]), int(parts[3]), [link])

    def _write_owner(self, record_id: str | None, values: Mapping[str, Any]) -> str:
        held = self._portal.owners.get(record_id) if record_id is not None else None
        if record_id is not None and held is None:
            raise ControlError(f"no owner {record_id}")
        if held is None:
            if not values.get("email"):
                raise ControlError("an owner needs an email")
            number = self._portal.number()
            held = Owner(number, str(values["email"]), "", "", int(number) % 1_000_000)
            held.created = iso(self._portal.now_ms())
            self._portal.owners[number] = held
        held.email = str(values.get("email", held.email))
        held.first_name = str(values.get("firstName", held.first_name))
        held.last_name = str(values.get("lastName", held.last_name))
        held.archived = bool(values.get("archived", held.archived))
        held.updated = iso(self._portal.now_ms())
        return held.id
