"""Writes by sObject Collections: up to 200 rows a call, each row with its own result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prmsync.connector.protocol import Change, NewRecord, WriteResult
from prmsync.domain.values import Values
from prmsync.errors import GoneError, RejectedError
from prmsync_salesforce.client import Client
from prmsync_salesforce.errors import row_error
from prmsync_salesforce.rows import RowPlan, sendable

BATCH_SIZE = 200


def create(client: Client, plan: RowPlan, rows: Sequence[NewRecord]) -> list[WriteResult]:
    """Upsert on the external key; relations, which have none, by a plain create."""
    _bounded(rows)
    key = plan.spec.key
    if plan.spec.relation is not None or key is None:
        records = [_record(plan, row.values) for row in rows]
        results = client.collection("POST", "", len(rows), body=_body(records))
        return [_result(item, created=True) for item in results]
    records = [_record(plan, {**row.values, key: row.key}) for row in rows]
    path = f"/{plan.object}/{plan.field(key)}"
    results = client.collection("PATCH", path, len(rows), body=_body(records))
    return [_result(item, created=bool(item.get("created"))) for item in results]


def update(client: Client, plan: RowPlan, rows: Sequence[Change]) -> list[WriteResult]:
    """Change the named fields only; None clears one."""
    _bounded(rows)
    if plan.spec.relation is not None:
        raise RejectedError(
            f"{plan.object} records cannot be changed",
            hint="Salesforce takes only a delete and a create here.",
        )
    records = [{"id": row.id, **_record(plan, row.values)} for row in rows]
    results = client.collection("PATCH", "", len(rows), body=_body(records))
    return [_result({"id": row.id, **item}) for row, item in zip(rows, results, strict=True)]


def delete(client: Client, ids: Sequence[str]) -> list[WriteResult]:
    """Into the recycle bin; what is there already counts as done."""
    _bounded(ids)
    params = {"ids": ",".join(ids), "allOrNone": "false"}
    results = client.collection("DELETE", "", len(ids), params=params)
    return [_deleted(record_id, item) for record_id, item in zip(ids, results, strict=True)]


def _record(plan: RowPlan, values: Values) -> dict[str, Any]:
    record: dict[str, Any] = {"attributes": {"type": plan.object}}
    for name, value in values.items():
        field = plan.column(name)
        record[field.name] = sendable(value, field)
    return record


def _body(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"allOrNone": False, "records": records}


def _result(item: Mapping[str, Any], *, created: bool = False) -> WriteResult:
    if item.get("success"):
        return WriteResult(id=item["id"], created=created)
    return WriteResult(error=row_error(item.get("errors") or ()))


def _deleted(record_id: str, item: Mapping[str, Any]) -> WriteResult:
    if item.get("success"):
        return WriteResult(id=record_id)
    error = row_error(item.get("errors") or ())
    return WriteResult(id=record_id) if isinstance(error, GoneError) else WriteResult(error=error)


def _bounded(rows: Sequence[object]) -> None:
    if len(rows) > BATCH_SIZE:
        raise ValueError(f"{len(rows)} rows in one write; at most {BATCH_SIZE}")
