"""`/sobjects/…`: describe, one record at a time, and what was changed or deleted in a time span."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from prmsync.connector.simulator.chassis import JSON_HEADERS, json_response
from prmsync.connector.simulator.http import Response
from prmsync_salesforce.simulator.call import Call
from prmsync_salesforce.simulator.database import Row, Table
from prmsync_salesforce.simulator.failure import ApiError, bad_data, no_resource
from prmsync_salesforce.simulator.ids import long_id
from prmsync_salesforce.simulator.org import Org, own_id
from prmsync_salesforce.simulator.precondition import require_unmodified
from prmsync_salesforce.simulator.schema import FieldDefinition
from prmsync_salesforce.simulator.values import parse_moment, stamp

_DELETED_DAYS = 15
_MOST_IDS = 600_000


class SObjects:
    """The resource of single objects and records."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def handle(self, call: Call) -> Response:
        """Answer `/sobjects` and everything below it. Raises ApiError."""
        if len(call.segments) == 1:
            return self._describe_all(call)
        table = call.table(call.segments[1])
        if table is None:
            raise no_resource()
        rest = call.segments[2:]
        if not rest:
            return self._create(call, table) if call.method == "POST" else _summary(call, table)
        if rest == ("describe",):
            return self._describe(call, table)
        if rest in (("deleted",), ("deleted", ""), ("updated",), ("updated", "")):
            return self._span(call, table, deleted=rest[0] == "deleted")
        if len(rest) == 1:
            return self._one(call, table, self._record_id(table, rest[0]))
        if len(rest) == 2:
            return self._by_key(call, table, rest[0], rest[1])
        raise no_resource()

    def _describe_all(self, call: Call) -> Response:
        tables = sorted(self._org.database.tables.items())
        seen = [table for name, table in tables if call.table(name) is not None]
        summaries = [call.definition(table).summary(call.version) for table in seen]
        return json_response(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": summaries})

    def _describe(self, call: Call, table: Table) -> Response:
        types = self._org.database.table("RecordType")
        mine = [
            row
            for row in (types.live() if types else ())
            if row.get("SobjectType") == table.definition.name
        ]
        children = self._children(call, table)
        return json_response(200, call.definition(table).describe(call.version, mine, children))

    def _children(self, call: Call, table: Table) -> list[dict[str, Any]]:
        return [
            {
                "cascadeDelete": field.cascade,
                "childSObject": name,
                "deprecatedAndHidden": False,
                "field": field.name,
                "junctionIdListNames": [],
                "junctionReferenceTo": [],
                "relationshipName": field.children,
                "restrictedDelete": False,
            }
            for name, child in self._org.database.tables.items()
            if call.table(name) is not None
            for field in call.definition(child).references
            if table.definition.name in field.reference_to
        ]

    def _record_id(self, table: Table, text: str) -> str:
        found = long_id(text)
        if found is None:
            raise _no_key(text)
        return own_id(table, found) if found[:3] == table.definition.prefix else found

    def _create(self, call: Call, table: Table) -> Response:
        values = call.body()
        call.check_row(values)
        return _created(call, table, self._org.create(table, values, call.writer), {})

    def _one(self, call: Call, table: Table, record_id: str) -> Response:
        if call.method in ("GET", "HEAD"):
            return self._read(call, table, record_id)
        if call.method == "PATCH":
            values = call.body()
            require_unmodified(call.request.headers, self._org.existing(table, record_id))
            call.check_row(values, record_id)
            self._org.update(table, record_id, values, call.writer)
            return Response(204)
        if call.method == "DELETE":
            self._org.existing(table, record_id)
            call.check_row({}, record_id)
            self._org.delete(table, record_id, call.writer)
            return Response(204)
        raise _wrong_method(call, "GET,HEAD,PATCH,DELETE")

    def _read(self, call: Call, table: Table, record_id: str) -> Response:
        row = table.rows.get(record_id)
        if row is None or row["IsDeleted"]:
            raise no_resource()
        names = call.parameter("fields")
        return json_response(
            200, record_answer(call, table, row, names.split(",") if names else None)
        )

    def _by_key(self, call: Call, table: Table, name: str, value: str) -> Response:
        field = external_field(call, table, name)
        if field.type == "id":
            return self._one(call, table, self._record_id(table, value))
        found = table.find(field, value)
        if len(found) > 1:
            base = f"/services/data/{call.version}/sobjects/{table.definition.name}"
            return json_response(300, [f"{base}/{record_id}" for record_id in found])
        if call.method == "PATCH":
            return self._upsert(call, table, field, value)
        if not found:
            raise no_resource()
        return self._one(call, table, found[0])

    def _upsert(self, call: Call, table: Table, field: FieldDefinition, value: str) -> Response:
        values = call.body()
        _refuse_keys(field, values)
        call.check_row(values, value)
        found = table.find(field, value)
        if found:
            self._org.update(table, found[0], values, call.writer)
            payload = {"id": found[0], "success": True, "errors": [], "created": False}
            return json_response(200, payload)
        if call.flag("updateOnly"):
            raise no_resource()
        record_id = self._org.create(table, {**values, field.name: value}, call.writer)
        return _created(call, table, record_id, {"created": True})

    def _span(self, call: Call, table: Table, *, deleted: bool) -> Response:
        now = self._org.now()
        start = parse_moment(_plus(call.parameter("start")))
        end = parse_moment(_plus(call.parameter("end")))
        if start is None or end is None or end <= start:
            raise ApiError(400, "INVALID_REPLICATION_DATE", "startDate before endDate is needed")
        oldest = now - timedelta(days=_DELETED_DAYS if deleted else 30)
        if start < oldest:
            raise ApiError(400, "INVALID_REPLICATION_DATE", f"startDate before {stamp(oldest)}")
        # Seconds of both ends are ignored; a span within one minute is therefore empty.
        start, end = start.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
        first, last = stamp(start), stamp(end)
        rows = [
            row
            for row in table.rows.values()
            if row["IsDeleted"] is deleted and first <= row["SystemModstamp"] < last
        ]
        if len(rows) > _MOST_IDS:
            raise ApiError(
                400, "EXCEEDED_ID_LIMIT", f"More than {_MOST_IDS} ids: narrow the span of dates"
            )
        covered = {"latestDateCovered": stamp(min(end, now))}
        if not deleted:
            return json_response(200, {"ids": [row["Id"] for row in rows], **covered})
        records = [{"id": row["Id"], "deletedDate": row["SystemModstamp"]} for row in rows]
        return json_response(
            200,
            {"deletedRecords": records, "earliestDateAvailable": stamp(oldest), **covered},
        )


def external_field(call: Call, table: Table, name: str) -> FieldDefinition:
    """An external id field, or Id. Raises NOT_FOUND as Salesforce words it."""
    field = call.definition(table).field(name)
    if field is None or not (field.external_id or field.type == "id"):
        raise _no_key(name)
    return field


def record_answer(
    call: Call, table: Table, row: Row, names: list[str] | None = None
) -> dict[str, Any]:
    """A record with all its fields or the named ones. Raises INVALID_FIELD."""
    definition = call.definition(table)
    url = f"/services/data/{call.version}/sobjects/{definition.name}/{row['Id']}"
    answer: dict[str, Any] = {"attributes": {"type": definition.name, "url": url}}
    for name in definition.fields if names is None else names:
        field = definition.field(name.strip())
        if field is None:
            raise ApiError(
                400,
                "INVALID_FIELD",
                f"No such column '{name}' on sobject of type {definition.name}",
            )
        answer[field.name] = row.get(field.name)
    answer.setdefault("Id", row["Id"])
    return answer


def _plus(text: str | None) -> str:
    """A plus sign that was sent unescaped arrives as a blank."""
    return (text or "").replace(" ", "+")


def _summary(call: Call, table: Table) -> Response:
    if call.method not in ("GET", "HEAD"):
        raise _wrong_method(call, "GET,HEAD,POST")
    summary = call.definition(table).summary(call.version)
    return json_response(200, {"objectDescribe": summary, "recentItems": []})


def _created(call: Call, table: Table, record_id: str, more: Mapping[str, Any]) -> Response:
    location = f"/services/data/{call.version}/sobjects/{table.definition.name}/{record_id}"
    payload = {"id": record_id, "success": True, "errors": [], **more}
    return json_response(201, payload, {**JSON_HEADERS, "location": location})


def _refuse_keys(field: FieldDefinition, values: Mapping[str, Any]) -> None:
    for name in values:
        if name.lower() in ("id", field.name.lower()):
            raise bad_data(
                "INVALID_FIELD", f"The {name} field should not be specified in the sobject data."
            )


def _no_key(name: str) -> ApiError:
    return ApiError(
        404,
        "NOT_FOUND",
        f"Provided external ID field does not exist or is not accessible: {name}",
    )


def _wrong_method(call: Call, allowed: str) -> ApiError:
    return ApiError(
        405,
        "METHOD_NOT_ALLOWED",
        f"HTTP Method '{call.method}' not allowed. Allowed are {allowed}",
    )
