"""`/composite/batch`: calls that share a trip and nothing else; `/composite/tree`: records with
their children, all or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from prmsync.connector.simulator.chassis import json_response
from prmsync.connector.simulator.http import Request, Response
from prmsync_salesforce.simulator.call import Call
from prmsync_salesforce.simulator.composite import MAX_CALLS
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.org import Org
from prmsync_salesforce.simulator.schema import FieldDefinition

MAX_RECORDS = 200


class Batch:
    """The resource of independent calls. `inner` answers one of them."""

    def __init__(self, inner: Callable[[Request, str], Response]) -> None:
        self._inner = inner

    def handle(self, call: Call) -> Response:
        """Answer `/composite/batch`. Raises ApiError for a request that cannot be read."""
        body = call.body()
        parts = body.get("batchRequests")
        if not isinstance(parts, list) or not 1 <= len(parts) <= MAX_CALLS:
            raise ApiError(
                400, "JSON_PARSER_ERROR", f"batchRequests must be a list of 1 to {MAX_CALLS} calls"
            )
        results: list[dict[str, Any]] = []
        failed = False
        for part in parts:
            halted = failed and body.get("haltOnError") is True
            results.append(_HALTED if halted else self._result(call, part))
            failed |= results[-1]["statusCode"] >= 400
        return json_response(200, {"hasErrors": failed, "results": results})

    def _result(self, call: Call, part: Any) -> dict[str, Any]:
        if not isinstance(part, dict) or not {"method", "url"} <= part.keys():
            raise ApiError(400, "JSON_PARSER_ERROR", "each subrequest needs method and url")
        url = urlsplit(part["url"])
        path = url.path if url.path.startswith("/services/data/") else f"/services/data/{url.path}"
        rich = part.get("richInput")
        request = Request(
            method=part["method"].upper(),
            path=path,
            query=parse_qs(url.query, keep_blank_values=True),
            headers=call.request.headers,
            body=orjson.dumps(rich) if rich is not None else b"",
        )
        try:
            response = self._inner(request, call.writer.user_id)
        except ApiError as error:
            response = json_response(error.status, error.as_answer())
        result = orjson.loads(response.body) if response.body else None
        return {"statusCode": response.status, "result": result}


_HALTED: dict[str, Any] = {
    "statusCode": 412,
    "result": [
        {
            "errorCode": "BATCH_PROCESSING_HALTED",
            "message": "Batch processing halted per request because of failure in a previous part.",
        }
    ],
}


class Tree:
    """The resource of records that are created together with their children."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def handle(self, call: Call) -> Response:
        """Answer `/composite/tree/OBJECT`. Raises ApiError."""
        records = call.body().get("records")
        if not isinstance(records, list) or not records or call.method != "POST":
            raise ApiError(400, "INVALID_INPUT", "records must be a list")
        if sum(1 for record in records for _ in _walk(record)) > MAX_RECORDS:
            raise ApiError(
                400, "INVALID_INPUT", f"Cannot create more than {MAX_RECORDS} records in one tree"
            )
        made: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        with self._org.database.all_or_none() as roll_back:
            for record in records:
                self._create(call, record, {}, made, errors)
            if errors:
                roll_back()
        if errors:
            return json_response(400, {"hasErrors": True, "results": errors})
        return json_response(201, {"hasErrors": False, "results": made})

    def _create(
        self,
        call: Call,
        record: Mapping[str, Any],
        parent: Mapping[str, str],
        made: list[dict[str, Any]],
        errors: list[dict[str, Any]],
    ) -> None:
        attributes = record.get("attributes") or {}
        reference = attributes.get("referenceId")
        table = call.table(str(attributes.get("type")))
        values = {name: value for name, value in record.items() if not _is_children(value)}
        try:
            if table is None or not reference:
                raise ApiError(400, "INVALID_INPUT", "attributes need type and referenceId")
            record_id = self._org.create(table, {**values, **parent}, call.writer)
        except ApiError as error:
            row = error.as_row()["errors"]
            errors.append({"referenceId": reference, "errors": row})
            return
        made.append({"referenceId": reference, "id": record_id})
        for name, children in record.items():
            if _is_children(children):
                field = self._link(table.definition.name, name)
                for child in children["records"]:
                    link = {field.name: record_id} if field is not None else {name: record_id}
                    self._create(call, child, link, made, errors)

    def _link(self, parent: str, name: str) -> FieldDefinition | None:
        for table in self._org.database.tables.values():
            for field in table.definition.references:
                named = (field.children or "").lower() == name.lower()
                if named and parent in field.reference_to:
                    return field
        return None


def _is_children(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("records"), list)


def _walk(record: Any) -> Iterator[Any]:
    yield record
    for value in record.values() if isinstance(record, dict) else ():
        if _is_children(value):
            for child in value["records"]:
                yield from _walk(child)
