"""Webhooks, first half: who subscribed to what, and the events that wait to be sent.

Events have the shapes of HubSpot's generic subscriptions (`object.propertyChange`, the object's
type in `objectTypeId`) or of the older ones that name the object (`deal.propertyChange`).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from prmsync_hubspot.simulator.actor import APP_ID, Actor
from prmsync_hubspot.simulator.links import Pair
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import JSON, ApiError
from prmsync_hubspot.simulator.rows import Row

EVENTS = ("creation", "deletion", "restore", "merge", "propertyChange", "associationChange")
_GENERIC = "object"
_FIRST_ID = 2_100_001


@dataclass(frozen=True, slots=True)
class Subscription:
    """`type` is "object.creation", "deal.propertyChange" …; `object` the object's type id.
    `property` narrows property changes to one property; None means all."""

    id: int
    type: str
    object: str
    property: str | None = None


class Webhooks:
    """Notes events of what is subscribed to, in the order they happen."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._source = "INTEGRATION"
        self._waiting: list[JSON] = []
        self._arrived = threading.Condition()
        self.subscriptions: list[Subscription] = []
        portal.links.observer = self.associated

    @property
    def any(self) -> bool:
        """Whether anybody subscribed; lets writes skip looking at what changed."""
        return bool(self.subscriptions)

    def subscribe(self, raw: Mapping[str, Any]) -> None:
        """Take in `{"type", "object"?, "property"?}`. Raises ValueError naming the fault."""
        wanted = str(raw.get("type"))
        prefix, _, event = wanted.partition(".")
        unknown = set(raw) - {"type", "object", "property"}
        if unknown or event not in EVENTS:
            raise ValueError(
                f"a subscription is {{type, object, property?}}, its type object.EVENT or"
                f" deal.EVENT with EVENT one of {', '.join(EVENTS)}, not {dict(raw)}"
            )
        try:
            name = str(raw.get("object")) if prefix == _GENERIC else prefix
            kind = self._portal.type_named(name)
        except ApiError as error:
            raise ValueError(error.message) from error
        number = _FIRST_ID + len(self.subscriptions)
        self.subscriptions.append(
            Subscription(number, wanted, kind.type_id, raw.get("property") or None)
        )

    def clear(self) -> None:
        """No subscriptions, no events."""
        self.subscriptions.clear()
        self.take()

    @contextlib.contextmanager
    def by(self, source: str) -> Iterator[None]:
        """What changes associations meanwhile."""
        before, self._source = self._source, source
        try:
            yield
        finally:
            self._source = before

    def created(self, kind: ObjectType, row: Row, actor: Actor) -> None:
        self._note(kind, "creation", row.id, actor, {"changeFlag": "CREATED"})
        self.changed(kind, row, row.props, actor)

    def changed(self, kind: ObjectType, row: Row, names: Iterable[str], actor: Actor) -> None:
        """One event for each property that HubSpot does not keep itself."""
        for name in names:
            if name in kind.properties and not kind.properties[name].read_only:
                value = row.props.get(name, "")
                more = {"propertyName": name, "propertyValue": value, "isSensitive": False}
                self._note(kind, "propertyChange", row.id, actor, more)

    def archived(self, kind: ObjectType, row: Row, actor: Actor) -> None:
        self._note(kind, "deletion", row.id, actor, {"changeFlag": "DELETED"})

    def restored(self, kind: ObjectType, row: Row, actor: Actor) -> None:
        self._note(kind, "restore", row.id, actor, {"changeFlag": "RESTORED"})

    def merged(self, kind: ObjectType, winner: Row, ids: tuple[int, int], actor: Actor) -> None:
        """`ids` are those of the primary record and of the one merged into it."""
        more = {
            "primaryObjectId": ids[0],
            "mergedObjectIds": [ids[1]],
            "newObjectId": winner.id,
            "numberOfPropertiesMoved": len(winner.props),
        }
        self._note(kind, "merge", winner.id, actor, more)

    def associated(
        self, pair: Pair, from_id: int, to_id: int, type_id: int, *, removed: bool
    ) -> None:
        """One direction of an association; the other direction is an event of its own."""
        if not self.subscriptions:
            return
        one, other = (self._portal.types[item] for item in pair)
        link = self._portal.links.types[pair][type_id]
        more = {
            "associationType": f"{one.name}_to_{other.name}".upper(),
            "associationCategory": link.category,
            "associationTypeId": type_id,
            "fromObjectId": from_id,
            "fromObjectTypeId": one.type_id,
            "toObjectId": to_id,
            "toObjectTypeId": other.type_id,
            "associationRemoved": removed,
            "isPrimaryAssociation": link.label == "Primary",
        }
        actor = Actor(None, self._source, "")
        self._note(one, "associationChange", None, actor, more)

    def _note(
        self,
        kind: ObjectType,
        event: str,
        row_id: int | None,
        actor: Actor,
        more: Mapping[str, Any],
    ) -> None:
        name = more.get("propertyName")
        for one in self.subscriptions:
            fits = one.object == kind.type_id and one.property in (None, name)
            if fits and one.type.endswith(f".{event}"):
                self._put(self._event(one, kind, row_id, actor, more))

    def _event(
        self,
        subscription: Subscription,
        kind: ObjectType,
        row_id: int | None,
        actor: Actor,
        more: Mapping[str, Any],
    ) -> JSON:
        event: JSON = {
            "eventId": self._portal.random.randint(1, 2**31),
            "subscriptionId": subscription.id,
            "portalId": self._portal.account.portal_id,
            "appId": int(APP_ID),
            "occurredAt": self._portal.now_ms(),
            "subscriptionType": subscription.type,
            "attemptNumber": 0,
            "changeSource": actor.source,
            **more,
        }
        if row_id is not None:
            event["objectId"] = row_id
            event["sourceId"] = actor.source_id
            if subscription.type.startswith(f"{_GENERIC}."):
                event["objectTypeId"] = kind.type_id
        return event

    def _put(self, *events: JSON) -> None:
        with self._arrived:
            self._waiting.extend(events)
            self._arrived.notify_all()

    def give_back(self, events: Iterable[JSON], *, refused: bool) -> None:
        """Events that are to be sent again, refused ones as the next attempt."""
        self._put(
            *({**one, "attemptNumber": one["attemptNumber"] + int(refused)} for one in events)
        )

    def take(self) -> list[JSON]:
        """All events that wait; they are the caller's now."""
        with self._arrived:
            taken, self._waiting = self._waiting, []
            return taken

    def wait(self, seconds: float) -> bool:
        """Whether events wait, by then at the latest."""
        with self._arrived:
            return self._arrived.wait_for(lambda: bool(self._waiting), seconds)

    def as_json(self) -> JSON:
        with self._arrived:
            waiting = list(self._waiting)
        return {"subscriptions": [asdict(one) for one in self.subscriptions], "waiting": waiting}
