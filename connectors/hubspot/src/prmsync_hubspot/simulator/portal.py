"""A portal: its account, object types, owners, associations and counters."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from prmsync.connector.simulator.clock import SimulatorClock
from prmsync_hubspot.simulator.definitions import Property
from prmsync_hubspot.simulator.links import (
    HUBSPOT_DEFINED,
    USER_DEFINED,
    Links,
    LinkType,
    Pair,
)
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.problems import JSON, ApiError
from prmsync_hubspot.simulator.rows import Table
from prmsync_hubspot.simulator.settings import Settings
from prmsync_hubspot.simulator.shapes import mapping, texts
from prmsync_hubspot.simulator.stamps import iso, millis

FIRST_CUSTOM_TYPE = 24_680_001
FIRST_USER_TYPE = 101


@dataclass(slots=True)
class Account:
    """What account-info tells. `time_zone` is an IANA name, `account_type` STANDARD, SANDBOX …"""

    portal_id: int = 24681012
    account_type: str = "STANDARD"
    time_zone: str = "US/Eastern"
    currency: str = "USD"
    currencies: tuple[str, ...] = ("EUR", "GBP", "CHF", "JPY", "CAD", "AUD", "SEK", "PLN")
    ui_domain: str = "app.hubspot.com"

    def as_json(self, now: datetime) -> JSON:
        offset = now.astimezone(ZoneInfo(self.time_zone)).utcoffset()
        seconds = int(offset.total_seconds()) if offset is not None else 0
        hours, minutes = divmod(abs(seconds) // 60, 60)
        return {
            "portalId": self.portal_id,
            "accountType": self.account_type,
            "timeZone": self.time_zone,
            "companyCurrency": self.currency,
            "additionalCurrencies": list(self.currencies),
            "utcOffset": f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}",
            "utcOffsetMilliseconds": seconds * 1000,
            "uiDomain": self.ui_domain,
            "dataHostingLocation": "na1",
        }


@dataclass(slots=True)
class Owner:
    """A user who can own records; an archived one is deactivated."""

    id: str
    email: str
    first_name: str
    last_name: str
    user_id: int
    archived: bool = False
    created: str = iso(1_600_000_000_000)
    updated: str = iso(1_600_000_000_000)

    def as_json(self) -> JSON:
        return {
            "id": self.id,
            "email": self.email,
            "type": "PERSON",
            "firstName": self.first_name,
            "lastName": self.last_name,
            "userId": None if self.archived else self.user_id,
            "userIdIncludingInactive": self.user_id,
            "createdAt": self.created,
            "updatedAt": self.updated,
            "archived": self.archived,
        }


@dataclass(slots=True)
class Portal:
    """Everything that is kept. `types` is by object type id, `owners` by owner id."""

    clock: SimulatorClock
    seed: int = 0
    account: Account = field(default_factory=Account)
    settings: Settings = field(default_factory=Settings)
    types: dict[str, ObjectType] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)
    links: Links = field(default_factory=Links)
    flows: list[JSON] = field(default_factory=list)
    next_type: int = FIRST_CUSTOM_TYPE
    next_link_type: int = FIRST_USER_TYPE
    next_number: int = 1_030_000_001
    random: random.Random = field(default_factory=random.Random)
    _aliases: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random.seed(self.seed)

    def now_ms(self) -> int:
        return millis(self.clock.now())

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def number(self) -> str:
        """A fresh number for a pipeline, a stage or the like."""
        self.next_number += self.random.randint(1, 9)
        return str(self.next_number)

    def new_row_id(self, kind: ObjectType) -> int:
        """Ids grow, with gaps."""
        kind.next_id += self.random.randint(1, 9)
        return kind.next_id

    def add_type(self, kind: ObjectType) -> None:
        """Take an object type in, under all its names."""
        self.types[kind.type_id] = kind
        names = [kind.type_id, kind.name, kind.fqn, kind.plural]
        if kind.custom:
            names.append(f"p_{kind.name}")
        for name in names:
            self._aliases[name.casefold()] = kind.type_id

    def remove_type(self, kind: ObjectType) -> None:
        del self.types[kind.type_id]
        self._aliases = {name: at for name, at in self._aliases.items() if at != kind.type_id}

    def find_type(self, name: str) -> ObjectType | None:
        """By `deals`, `deal`, `DEAL`, `0-3`, `2-123`, `name`, `p_name` or `p<portal>_name`."""
        type_id = self._aliases.get(name.casefold())
        return None if type_id is None else self.types[type_id]

    def type_named(self, name: str) -> ObjectType:
        """As `find_type`. Raises ApiError for a name that no object type has."""
        found = self.find_type(name)
        if found is None:
            raise ApiError(400, f"Unable to infer object type from: {name}", None)
        return found

    def new_custom_type(self, raw: Mapping[str, Any]) -> ObjectType:
        """A custom object from a schema as the schemas API takes it; its properties come after."""
        name = str(raw["name"])
        given = str(raw.get("objectTypeId") or "")
        type_id = given or f"2-{self.next_type}"
        self.next_type = max(self.next_type, int(type_id.partition("-")[2])) + 1
        labels = mapping(raw.get("labels"), "labels")
        secondary = texts(raw.get("secondaryDisplayProperties"), "secondaryDisplayProperties")
        now = iso(self.now_ms())
        return ObjectType(
            type_id=type_id,
            name=name,
            fqn=str(raw.get("fullyQualifiedName") or f"p{self.account.portal_id}_{name}"),
            singular=str(labels.get("singular") or name),
            plural=str(labels.get("plural") or name),
            primary=str(raw.get("primaryDisplayProperty") or ""),
            secondary=tuple(secondary),
            searchable=tuple(texts(raw.get("searchableProperties"), "searchableProperties")),
            required=tuple(texts(raw.get("requiredProperties"), "requiredProperties")),
            description=str(raw.get("description") or ""),
            table=Table("hs_lastmodifieddate", "hs_createdate"),
            created=str(raw.get("createdAt") or now),
            updated=str(raw.get("updatedAt") or now),
            next_id=30_000_000_000 + 1_000_000 * len(self.types),
        )

    def add_label(self, pair: Pair, name: str, label: str, inverse: str | None) -> list[LinkType]:
        """Make a label of an admin's own; gives both directions."""
        forward_id, backward_id = self.next_link_type, self.next_link_type + 1
        self.next_link_type += 2
        forward = LinkType(forward_id, USER_DEFINED, label, name, backward_id)
        backward = LinkType(backward_id, USER_DEFINED, inverse or label, name, forward_id)
        self.links.define(pair, forward, backward)
        return [forward, backward]

    def add_default_link(self, one: ObjectType, other: ObjectType) -> None:
        """The unlabeled type between a custom object and another object."""
        pair = (one.type_id, other.type_id)
        if self.links.unlabeled(pair) is not None:
            return
        first, second = self.next_link_type, self.next_link_type + 1
        self.next_link_type += 2
        name = f"{one.name}_to_{other.name}".lower()
        self.links.define(
            pair,
            LinkType(first, USER_DEFINED, None, name, second),
            LinkType(second, USER_DEFINED, None, name, first),
            "unlabeled",
        )

    def define_standard_link(
        self, pair: Pair, ids: tuple[int, int], name: str, label: str | None, kind: str
    ) -> None:
        """A type that HubSpot brings: its fixed ids in both directions."""
        self.links.define(
            pair,
            LinkType(ids[0], HUBSPOT_DEFINED, label, name, ids[1]),
            LinkType(ids[1], HUBSPOT_DEFINED, label, name, ids[0]),
            kind,
        )

    def add_properties(self, kind: ObjectType, definitions: list[Property]) -> None:
        for definition in definitions:
            kind.add_property(definition)
