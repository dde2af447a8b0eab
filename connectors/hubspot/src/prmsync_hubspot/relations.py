"""The partner–deal relation: labelled associations, read and written by the associations API.

A relation's id is `from id : to id : type id`, its role the label. Only labels that the mapping
names are ours: the primary company, unlabelled associations and other people's labels are neither
reported nor changed. Taking a label away leaves the records associated without it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from prmsync.connector.budget import CallKind
from prmsync.connector.lanes import Lanes
from prmsync.connector.protocol import (
    NewRecord,
    ObjectSpec,
    Page,
    Record,
    RelationSpec,
    WriteResult,
)
from prmsync.errors import ConnectorError, GoneError, RejectedError, SchemaError
from prmsync_hubspot.catalog import Catalog
from prmsync_hubspot.client import Client
from prmsync_hubspot.errors import INVALID_IDENTIFIER, NO_ASSOCIATIONS, row_error
from prmsync_hubspot.paths import ASSOCIATIONS, Paths
from prmsync_hubspot.reading import Batch, Found, Objects, chunked
from prmsync_hubspot.vendor import Metadata, next_after, rows
from prmsync_hubspot.writing import unmentioned, written

READ_BATCH = 1000
TOGETHER = 4
"""Calls of a full read that are under way together."""
VERSION = ""
"""HubSpot keeps no stamp on associations, and relations never change: they come and go."""
HUBSPOTS = "HUBSPOT_DEFINED"
"""Category of association types that are HubSpot's own."""


class Label(NamedTuple):
    type_id: int
    category: str


class Links(NamedTuple):
    """`complete`: the from-ids whose relations were read whole."""

    records: list[Record]
    complete: tuple[str, ...]


class Relations:
    """Reads and writes relation streams."""

    def __init__(
        self,
        client: Client,
        paths: Paths,
        objects: Objects,
        catalog: Catalog,
        metadata: Metadata,
        lanes: Lanes,
    ) -> None:
        self._client = client
        self._paths = paths
        self._lanes = lanes
        self._objects = objects
        self._catalog = catalog
        self._metadata = metadata
        self._lock = threading.Lock()
        self._labels: dict[tuple[str, str], dict[str, Label]] = {}

    def changes(self, relation: RelationSpec, cursor: str | None) -> Iterator[Page]:
        """Relations of all, or of the changed, records on the from side, 1,000 of those a page.
        An association edit does not touch its records: a full read is what finds it."""
        of = self._catalog.type(relation.from_object)
        scanned = (
            self._objects.ids(of)
            if cursor is None
            else self._objects.scan(of, ("hs_object_id",), cursor, archived=False)
        )

        def read(group: Batch) -> Links:
            return self.read(relation, [str(one["id"]) for one in group.found], "read")

        for groups in chunked(_grouped(scanned), min(TOGETHER, self._lanes.most)):
            for group, links in zip(groups, self._lanes.read(groups, read), strict=True):
                yield Page(links.records, group.cursor, complete_for=links.complete)

    def read(self, relation: RelationSpec, from_ids: Sequence[str], kind: CallKind) -> Links:
        """Our relations of these records, 1,000 records a call."""
        path = self._path(relation, "read")
        records: list[Record] = []
        complete: list[str] = []
        waiting: list[dict[str, str]] = [{"id": one} for one in dict.fromkeys(from_ids)]
        while waiting:
            now, waiting = waiting[:READ_BATCH], waiting[READ_BATCH:]
            body = {"inputs": now}
            data = self._client.call(kind, "POST", path, body=body, by_row=True).data
            for found in rows(data):
                records += _records(relation, found)
                after = next_after(found)
                if after is None:
                    complete.append(str(found["from"]["id"]))
                else:
                    waiting.append({"id": str(found["from"]["id"]), "after": after})
            complete += _without(data)
        return Links(records, tuple(complete))

    def fetch(self, relation: RelationSpec, ids: Sequence[str]) -> dict[str, Record]:
        """Relations by id. One that its record no longer has is reported as deleted: the record's
        associations were read and it was not among them."""
        wanted = {one: _parts(one) for one in ids}
        links = self.read(relation, [parts[0] for parts in wanted.values() if parts], "guard")
        found = {one.id: one for one in links.records if one.id in wanted}
        complete = set(links.complete)
        for one, parts in wanted.items():
            if one not in found and parts and parts[0] in complete:
                found[one] = Record(one, VERSION, {}, deleted=True)
        return found

    def find(self, relation: RelationSpec, keys: Sequence[str]) -> dict[str, Record]:
        """Relations by `from id : to id : role`."""
        wanted = set(keys)
        links = self.read(relation, [key.split(":", 1)[0] for key in keys], "read")
        named = {_key(relation, one): one for one in links.records}
        return {key: one for key, one in named.items() if key in wanted}

    def create(self, spec: ObjectSpec, rows: Sequence[NewRecord]) -> list[WriteResult]:
        """Put labels on pairs of records; a label that is there already stays."""
        relation = _relation(spec)
        labels = [self._label(relation, str(row.values[relation.role_field])) for row in rows]
        inputs: dict[tuple[str, str], Found] = {}
        for row, label in zip(rows, labels, strict=True):
            pair = _pair(relation, row)
            entry = inputs.setdefault(pair, {**_ends(*pair), "types": []})
            entry["types"].append(
                {"associationCategory": label.category, "associationTypeId": label.type_id}
            )
        body = {"inputs": list(inputs.values())}
        path = self._path(relation, "create")
        data = self._client.call("write", "POST", path, body=body, by_row=True).data
        done = {_pair_of(one) for one in written(data)}
        errors = [(told, row_error(told)) for told in data.get("errors") or ()]
        return [
            _created(_pair(relation, row), label, done, errors)
            for row, label in zip(rows, labels, strict=True)
        ]

    def delete(self, relation: RelationSpec, ids: Sequence[str]) -> list[WriteResult]:
        """Take labels off; one that is gone already counts as done."""
        categories = {one.type_id: one.category for one in self._known(relation).values()}
        inputs: list[Found] = []
        for one in ids:
            parts = _parts(one)
            if parts is None:
                continue
            kind = {
                "associationCategory": categories.get(int(parts[2]), "USER_DEFINED"),
                "associationTypeId": int(parts[2]),
            }
            inputs.append({**_ends(parts[0], parts[1]), "types": [kind]})
        if inputs:
            self._archive(self._path(relation, "labels", "archive"), inputs)
        return [_deleted(one) for one in ids]

    def _archive(self, path: str, inputs: Sequence[Found]) -> None:
        """HubSpot refuses the batch when a record in it is archived; then there is no relation
        left to delete, and the others are sent in halves."""
        try:
            self._client.call("write", "POST", path, body={"inputs": inputs})
        except RejectedError as error:
            if error.code != INVALID_IDENTIFIER:
                raise
            middle = len(inputs) // 2
            for half in (inputs[:middle], inputs[middle:]) if middle else ():
                self._archive(path, half)

    def _label(self, relation: RelationSpec, role: str) -> Label:
        known = self._known(relation)
        if role in known:
            return known[role]
        near = get_close_matches(role, known, 1)
        between = f"{relation.from_object} and {relation.to_object}"
        raise SchemaError(
            f'HubSpot has no association label "{role}" between {between}',
            hint=f'did you mean "{near[0]}"?'
            if near
            else "create the label in HubSpot: Settings > Objects > Associations",
            code="UNKNOWN_LABEL",
        )

    def _known(self, relation: RelationSpec) -> dict[str, Label]:
        ends = (
            self._catalog.type(relation.from_object).path,
            self._catalog.type(relation.to_object).path,
        )
        with self._lock:
            if ends not in self._labels:
                self._labels[ends] = {
                    str(one["label"]): Label(int(one["typeId"]), str(one["category"]))
                    for one in self._metadata.labels(*ends)
                    if one.get("label") and one.get("category") != HUBSPOTS
                }
            return self._labels[ends]

    def _path(self, relation: RelationSpec, *what: str) -> str:
        ends = (
            self._catalog.type(relation.from_object).path,
            self._catalog.type(relation.to_object).path,
        )
        return self._paths.path(ASSOCIATIONS, *ends, "batch", *what)


def _grouped(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Pages of records put together to as many as one associations call reads."""
    found: list[Found] = []
    cursor: str | None = None
    for batch in batches:
        found += batch.found
        cursor = batch.cursor or cursor
        if len(found) >= READ_BATCH:
            full, found = found[:READ_BATCH], found[READ_BATCH:]
            # What is left over belongs to a later page, so the cursor waits for that page.
            yield Batch(full, None if found else cursor)
    yield Batch(found, cursor)


def _records(relation: RelationSpec, found: Mapping[str, Any]) -> Iterator[Record]:
    from_id = str(found["from"]["id"])
    for to in found.get("to") or ():
        to_id = str(to["toObjectId"])
        for kind in to.get("associationTypes") or ():
            role = kind.get("label")
            if kind.get("category") == HUBSPOTS or role not in relation.roles:
                continue
            values = {
                relation.from_field: from_id,
                relation.to_field: to_id,
                relation.role_field: role,
            }
            yield Record(f"{from_id}:{to_id}:{kind['typeId']}", VERSION, values)


def _without(data: Mapping[str, Any]) -> Iterator[str]:
    """From-ids that have no association at all. A record that is gone is not one of them: nothing
    was read of it. Raises for errors of another kind."""
    for told in data.get("errors") or ():
        if told.get("subCategory") == NO_ASSOCIATIONS:
            yield from ((told.get("context") or {}).get("fromObjectId")) or ()
        elif not isinstance(error := row_error(told), GoneError):
            raise error


def _key(relation: RelationSpec, record: Record) -> str:
    parts = (relation.from_field, relation.to_field, relation.role_field)
    return ":".join(str(record.values[part]) for part in parts)


def _relation(spec: ObjectSpec) -> RelationSpec:
    if spec.relation is None:
        raise ValueError(f"{spec.stream} is not a relation stream")
    return spec.relation


def _parts(relation_id: str) -> tuple[str, str, str] | None:
    parts = relation_id.split(":")
    if len(parts) == 3 and all(part.isdigit() for part in parts):
        return parts[0], parts[1], parts[2]
    return None


def _pair(relation: RelationSpec, row: NewRecord) -> tuple[str, str]:
    return str(row.values[relation.from_field]), str(row.values[relation.to_field])


def _pair_of(result: Mapping[str, Any]) -> tuple[str, str]:
    ends = [
        result.get(f"{end}ObjectId") or (result.get(end) or {}).get("id") for end in ("from", "to")
    ]
    return str(ends[0]), str(ends[1])


def _ends(from_id: str, to_id: str) -> Found:
    return {"from": {"id": from_id}, "to": {"id": to_id}}


def _created(
    pair: tuple[str, str],
    label: Label,
    done: set[tuple[str, str]],
    errors: Sequence[tuple[Mapping[str, Any], ConnectorError]],
) -> WriteResult:
    if pair in done:
        return WriteResult(id=f"{pair[0]}:{pair[1]}:{label.type_id}", created=True, version=VERSION)
    named = next((error for told, error in errors if _names(told, pair)), None)
    return WriteResult(error=named or (errors[0][1] if errors else unmentioned()))


def _names(told: Mapping[str, Any], pair: tuple[str, str]) -> bool:
    mentioned = {str(one) for ids in (told.get("context") or {}).values() for one in ids}
    return bool(mentioned & set(pair))


def _deleted(relation_id: str) -> WriteResult:
    if _parts(relation_id) is None:
        return WriteResult(
            error=RejectedError("this is not the id of a HubSpot relation", code="INVALID_ID")
        )
    return WriteResult(id=relation_id)
