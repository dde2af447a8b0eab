"""What an update replaced without having seen it, from HubSpot's history of each property.

Between the look at a record and the update that follows it somebody may edit the record; HubSpot
has no conditional requests, so the update goes over that edit. But HubSpot keeps every value of a
property with its time, and tells it with the record: fifty records a call. Source: HubSpot's
"Retrieve records with property history".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from prmsync.connector.lanes import Lanes
from prmsync.connector.protocol import PastValues, Sent
from prmsync.connector.values import parse_moment
from prmsync.domain.values import Scalar, Values
from prmsync.errors import GoneError
from prmsync_hubspot.client import Client
from prmsync_hubspot.codec import Reader, write_values
from prmsync_hubspot.errors import row_error
from prmsync_hubspot.objects import ObjectType
from prmsync_hubspot.paths import OBJECTS, Paths
from prmsync_hubspot.reading import Found, chunked
from prmsync_hubspot.vendor import rows

BATCH = 50
"""Records of one call that asks for histories."""


_PEOPLE = frozenset(
    {"CONTACTS_WEB", "CRM_UI", "CRM_UI_BULK_ACTION", "MOBILE_IOS", "MOBILE_ANDROID"}
)
"""Sources of a value that somebody typed: it is not one that we wrote."""


class Entry(NamedTuple):
    """A property's value, when it was set (milliseconds since 1970), and whether a person did."""

    value: Scalar
    at: int
    typed: bool = False


class History:
    """Reads histories of any object type."""

    def __init__(self, client: Client, paths: Paths, lanes: Lanes) -> None:
        self._client = client
        self._paths = paths
        self._lanes = lanes

    def replaced(self, of: ObjectType, sent: Sequence[Sent], reader: Reader) -> dict[str, Values]:
        """Record id → the values that its update replaced without having seen them."""
        path = self._paths.path(OBJECTS, of.path, "batch", "read")

        def read(chunk: Sequence[Sent]) -> list[Found]:
            body = {
                "properties": ["hs_object_id"],
                "propertiesWithHistory": sorted({name for one in chunk for name in one.values}),
                "inputs": [{"id": one.id} for one in chunk],
            }
            return self._found(path, body)

        known = {one.id: one for one in sent}
        found: dict[str, Values] = {}
        for page in self._lanes.read(list(chunked(sent, BATCH)), read):
            for one in page:
                write = known.get(str(one["id"]))
                if write is not None and (lost := _replaced(write, one, reader)):
                    found[write.id] = lost
        return found

    def past(
        self, of: ObjectType, ids: Sequence[str], names: Sequence[str], reader: Reader
    ) -> list[PastValues]:
        """Every value that these properties ever had."""
        path = self._paths.path(OBJECTS, of.path, "batch", "read")

        def read(chunk: Sequence[str]) -> list[Found]:
            body = {
                "properties": ["hs_object_id"],
                "propertiesWithHistory": list(names),
                "inputs": [{"id": one} for one in chunk],
            }
            return self._found(path, body)

        pages = self._lanes.read(list(chunked(ids, BATCH)), read)
        return [entry for page in pages for one in page for entry in _past(one, reader)]

    def _found(self, path: str, body: Mapping[str, Any]) -> list[Found]:
        """Records with their histories; those that are gone are left out."""
        data = self._client.call("history", "POST", path, body=body, by_row=True).data
        for told in data.get("errors") or ():
            error = row_error(told)
            if not isinstance(error, GoneError):
                raise error
        return rows(data)


def _past(found: Mapping[str, Any], reader: Reader) -> Iterator[PastValues]:
    """A record's values by the time they were set at."""
    by_time: dict[str, dict[str, Any]] = {}
    for name, entries in (found.get("propertiesWithHistory") or {}).items():
        for one in entries or ():
            by_time.setdefault(str(one["timestamp"]), {})[name] = one.get("value")
    for moment, values in by_time.items():
        yield PastValues(str(found["id"]), parse_moment(moment), reader.told(values))


def _replaced(write: Sent, found: Mapping[str, Any], reader: Reader) -> Values:
    histories = found.get("propertiesWithHistory") or {}
    seen_at = _milliseconds(write.version) if write.version else 0
    sent = reader.told(write_values(write.values))
    lost: Values = {}
    for name, ours in sent.items():
        entries = [
            Entry(
                reader.told({name: one.get("value")})[name],
                _milliseconds(one["timestamp"]),
                one.get("sourceType") in _PEOPLE,
            )
            for one in histories.get(name) or ()
        ]
        entry = unseen(entries, ours, write.before.get(name), seen_at)
        if entry is not None:
            lost[name] = entry.value
    return lost


def unseen(entries: Iterable[Entry], ours: Scalar, before: Scalar, seen_at: int) -> Entry | None:
    """The value over which ours was written, where it is neither ours nor the one that was there
    `before`, when the record was looked at. `entries` are newest first; `seen_at` is when the
    record had last changed as it was looked at."""
    # A value that was set in that very millisecond may be the one that was looked at; of one that
    # is written as it stood, history may hold nothing new, and must not begin with an older one.
    first = seen_at if ours != before else seen_at + 1
    newest_first = sorted(entries, key=lambda one: one.at, reverse=True)
    since = [one for one in newest_first if one.at >= first]
    written = (place for place, one in enumerate(since) if one.value == ours and not one.typed)
    for one in since[next(written, len(since)) + 1 :]:
        if one.value == before:
            return None
        if one.value != ours:
            return one
    return None


def _milliseconds(moment: str) -> int:
    return round(parse_moment(moment).timestamp() * 1000)
