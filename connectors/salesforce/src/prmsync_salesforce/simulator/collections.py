"""`/composite/sobjects…`: up to 200 records a call, each with its own result, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prmsync.connector.simulator.chassis import json_response
from prmsync.connector.simulator.http import Response
from prmsync_salesforce.simulator.call import Call
from prmsync_salesforce.simulator.database import Table, index_key
from prmsync_salesforce.simulator.failure import (
    ApiError,
    bad_data,
    no_resource,
    rolled_back,
    unknown_type,
)
from prmsync_salesforce.simulator.ids import long_id
from prmsync_salesforce.simulator.org import Org, own_id
from prmsync_salesforce.simulator.schema import FieldDefinition
from prmsync_salesforce.simulator.sobjects import external_field, record_answer

MAX_ROWS = 200
_MAX_READ = 2000

Result = dict[str, Any]


class Collections:
    """The resource of many records at once."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def handle(self, call: Call) -> Response:
        """Answer `/composite/sobjects` and everything below it. Raises ApiError."""
        rest = call.segments[2:]
        if not rest and call.method in ("POST", "PATCH"):
            body = call.body()
            work = self._create_one if call.method == "POST" else self._update_one
            return self._each(call, _records(body), body, work)
        if not rest and call.method == "DELETE":
            return self._delete(call)
        if len(rest) == 1 and call.method in ("GET", "POST"):
            return self._retrieve(call, rest[0])
        if len(rest) == 2 and call.method == "PATCH":
            return self._upsert(call, rest[0], rest[1])
        raise no_resource()

    def _each(
        self,
        call: Call,
        rows: Sequence[Any],
        options: Mapping[str, Any],
        work: Callable[[Call, Any], Result],
    ) -> Response:
        results: list[Result] = []
        with self._org.database.all_or_none() as roll_back:
            for row in rows:
                results.append(_attempt(call, row, work))
            failed = any(not result["success"] for result in results)
            if failed and options.get("allOrNone") is True:
                roll_back()
                results = [
                    rolled_back().as_row() if result["success"] else result for result in results
                ]
        return json_response(200, results)

    def _create_one(self, call: Call, record: Mapping[str, Any]) -> Result:
        return self.create_row(call, _table_of(call, record), record)

    def create_row(self, call: Call, table: Table, record: Mapping[str, Any]) -> Result:
        """Create one record. Raises ApiError."""
        call.check_row(record)
        return _success(self._org.create(table, record, call.writer))

    def _update_one(self, call: Call, record: Mapping[str, Any]) -> Result:
        return self.update_row(call, _table_of(call, record), record)

    def update_row(self, call: Call, table: Table, record: Mapping[str, Any]) -> Result:
        """Change one record, which names itself by `Id`. Raises ApiError."""
        values = {name: value for name, value in record.items() if name.lower() != "id"}
        given = next((value for name, value in record.items() if name.lower() == "id"), None)
        if given is None:
            raise bad_data("MISSING_ARGUMENT", "Id not specified in an update call")
        record_id = own_id(table, given)
        call.check_row(record)
        self._require(table, record_id)
        self._org.update(table, record_id, values, call.writer)
        return _success(record_id)

    def _require(self, table: Table, record_id: str) -> None:
        row = table.rows.get(record_id)
        if row is None:
            raise bad_data("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if row["IsDeleted"]:
            raise bad_data("ENTITY_IS_DELETED", "entity is deleted")

    def _delete(self, call: Call) -> Response:
        ids = [item for item in (call.parameter("ids") or "").split(",") if item]
        _check_count(ids)
        return self._each(call, ids, {"allOrNone": call.flag("allOrNone")}, self.delete_row)

    def delete_row(self, call: Call, text: str) -> Result:
        """Delete the record with this id, of whatever object. Raises ApiError."""
        record_id = long_id(text)
        table = self._org.database.table_of(record_id) if record_id else None
        if record_id is None or table is None:
            raise bad_data("MALFORMED_ID", f"malformed id {text}")
        call.check_row({}, record_id)
        self._require(table, record_id)
        self._org.delete(table, record_id, call.writer)
        return _success(record_id)

    def _retrieve(self, call: Call, name: str) -> Response:
        table = call.table(name)
        if table is None:
            raise no_resource()
        if call.method == "GET":
            ids = (call.parameter("ids") or "").split(",")
            fields = (call.parameter("fields") or "").split(",")
        else:
            body = call.body()
            ids, fields = body.get("ids") or [], body.get("fields") or []
        if not ids or not fields:
            raise ApiError(400, "MISSING_ARGUMENT", "Both ids and fields must be given")
        if len(ids) > _MAX_READ:
            raise _too_many(_MAX_READ)
        answers = []
        for text in ids:
            row = table.rows.get(own_id(table, text))
            live = row is not None and not row["IsDeleted"]
            answers.append(record_answer(call, table, row, fields) if live and row else None)
        return json_response(200, answers)

    def _upsert(self, call: Call, name: str, key: str) -> Response:
        table = call.table(name)
        if table is None:
            raise no_resource()
        field = external_field(call, table, key)
        body = call.body()
        records = _records(body)
        for record in records:
            if _table_of(call, record) is not table:
                raise ApiError(
                    400,
                    "INVALID_INPUT",
                    f"All records of an upsert must be of type {table.definition.name}",
                )
        keys = [_key_of(record, field) for record in records]
        counts = Counter(index_key(field, value) for value in keys if value is not None)

        def upsert_one(call: Call, pair: tuple[Any, Any]) -> Result:
            record, value = pair
            if value is not None and counts[index_key(field, value)] > 1:
                raise bad_data("DUPLICATE_VALUE", f"Duplicate external id specified: {value}")
            return self.upsert_row(call, table, field, record, value)

        return self._each(call, list(zip(records, keys, strict=True)), body, upsert_one)

    def upsert_row(
        self,
        call: Call,
        table: Table,
        field: FieldDefinition,
        record: Mapping[str, Any],
        value: Any,
    ) -> Result:
        """Create or change the record whose `field` holds `value`. Raises ApiError."""
        if field.type == "id":
            if value is None:
                return {**self.create_row(call, table, record), "created": True}
            return {**self.update_row(call, table, record), "created": False}
        if value is None or value == "":
            raise bad_data("MISSING_ARGUMENT", f"{field.name} not specified")
        if any(name.lower() == "id" for name in record):
            message = "The Id field should not be specified in the sobject data."
            raise bad_data("INVALID_FIELD", message)
        call.check_row(record)
        found = table.find(field, value)
        if len(found) > 1:
            message = f"More than one record found for external id field: {field.name}"
            raise bad_data("DUPLICATE_EXTERNAL_ID", message)
        if not found:
            return {**_success(self._org.create(table, record, call.writer)), "created": True}
        self._org.update(table, found[0], record, call.writer)
        return {**_success(found[0]), "created": False}


def _table_of(call: Call, record: Any) -> Table:
    attributes = record.get("attributes") if isinstance(record, dict) else None
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(name, str):
        raise ApiError(400, "INVALID_INPUT", "Each record needs attributes.type, the object's name")
    table = call.table(name)
    if table is None:
        raise unknown_type(name)
    return table


def _attempt(call: Call, row: Any, work: Callable[[Call, Any], Result]) -> Result:
    try:
        return work(call, row)
    except ApiError as error:
        return error.as_row()


def _success(record_id: str) -> Result:
    return {"id": record_id, "success": True, "errors": []}


def _key_of(record: Mapping[str, Any], field: FieldDefinition) -> Any:
    wanted = field.name.lower()
    return next((value for name, value in record.items() if name.lower() == wanted), None)


def _records(body: Mapping[str, Any]) -> list[Any]:
    records = body.get("records")
    if not isinstance(records, list):
        raise ApiError(400, "REQUIRED_FIELD_MISSING", "At least 1 record is required")
    _check_count(records)
    return records


def _check_count(rows: Sequence[Any]) -> None:
    if not rows:
        raise ApiError(400, "REQUIRED_FIELD_MISSING", "At least 1 record is required")
    if len(rows) > MAX_ROWS:
        raise _too_many(MAX_ROWS)


def _too_many(limit: int) -> ApiError:
    return ApiError(
        400,
        "EXCEEDED_ID_LIMIT",
        f"record limit reached. cannot submit more than {limit} records into this call",
    )
