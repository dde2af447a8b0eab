"""Many records by one Bulk API 2.0 ingest job, sent as CSV: created by an upsert on the external
key, updated or deleted by id.

Salesforce's CSV has two kinds of nothing: an empty cell leaves a field as it is, `#N/A` clears it.
A job whose rows were refused is complete all the same; every row is found again by its key or id
among the successful, the failed and the unprocessed ones, and what is in none of them is unknown.

A job outlives the process that made it, and would write its rows over what was sent meanwhile: so
before the first write of a session, and before what an earlier one left open is looked up, jobs of
ours that are still under way are waited for (`settle_earlier`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from prmsync.connector.protocol import WriteResult
from prmsync.connector.schema import FieldSchema, FieldType
from prmsync.domain.values import Scalar, Values
from prmsync.errors import (
    AuthError,
    ConnectorError,
    OutcomeUnknownError,
    QuotaError,
    RetryableError,
)
from prmsync_salesforce.client import Client, decoded
from prmsync_salesforce.errors import row_error
from prmsync_salesforce.limits import INGEST_BATCHES
from prmsync_salesforce.rows import RowPlan, sendable

CLEARED = "#N/A"
MOST_BYTES = 100_000_000
"""Salesforce takes 150 MB, of which it may need a third for itself."""
PATIENCE = 240.0
"""Seconds: a run that gives no sign of life for longer can be taken over."""
LOST = "BULK_JOB"
"""Code of rows of a job whose end was not seen."""
CALLS = 10
"""Of one job: made, filled, closed, about three looks, three kinds of results, deleted."""
_FIRST_LOOK, _LAST_LOOK = 1.0, 20.0
_ENDED = ("JobComplete", "Failed", "Aborted")
_ERROR = re.compile(r"([A-Z][A-Z_]+):(.*):([^:]*)--", re.DOTALL)
_JOBS = "/jobs/ingest"

Sleep = Callable[[float], None]
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one job. `column` is the CRM's field that names a row: the external key's, or
    `Id`; each row is its name there and the values to write."""

    operation: Literal["upsert", "update", "delete"]
    column: str
    rows: Sequence[tuple[str, Values]]


def send(client: Client, plan: RowPlan, batch: Batch, sleep: Sleep) -> list[WriteResult] | None:
    """Each row's result; None where there is no job for them and nothing was written."""
    text = _csv(plan, batch)
    if text is None or client.limits.exhausted(INGEST_BATCHES):
        return None
    job = _uploaded(client, plan, batch, text)
    if job is None:
        return None
    try:
        state = _closed(client, job, sleep)
        if state == "Open":  # it never heard that its data is complete
            _abort(client, job)
            return None
        told = dict(_told(client, batch.column, job)) if state in _ENDED else {}
    except ConnectorError as error:
        told, state = {}, f"lost sight of ({error.message})"
    if len(told) == len(batch.rows):
        with suppress(ConnectorError):  # its rows would be kept for a week, and that is all
            client.send("metadata", "DELETE", f"{client.root}{_JOBS}/{job}")
    unsure = WriteResult(
        error=OutcomeUnknownError(
            f"Bulk job {job} is {state}",
            hint="Its rows are looked up before anything is sent again.",
            code=LOST,
        )
    )
    return [told.get(name, unsure) for name, _ in batch.rows]


def settle_earlier(client: Client, sleep: Sleep) -> None:
    """Wait for jobs that an earlier session left at work, or this one lost sight of, and end those
    that were never sent whole. Raises RetryableError for one that takes too long: it would write
    over what is sent now."""
    for job in list(_of_ours(client)):
        if job["state"] == "Open":
            _abort(client, job["id"])
        elif _wait(client, job["id"], sleep) not in _ENDED:
            raise RetryableError(
                f"Bulk job {job['id']} of prmsync is still at work",
                hint="Nothing is written before it has ended; see Setup, Bulk Data Load Jobs.",
            )


def _of_ours(client: Client) -> Iterator[dict[str, str]]:
    answer = client.get("metadata", _JOBS, {"jobType": "V2Ingest"})
    while True:
        for job in answer.get("records", ()):
            if str(job["createdById"])[:15] == client.user[:15] and job["state"] not in _ENDED:
                yield job
        following = None if answer.get("done", True) else answer.get("nextRecordsUrl")
        if not following:
            return
        answer = decoded(client.send("metadata", "GET", following), "metadata")


def _uploaded(client: Client, plan: RowPlan, batch: Batch, text: bytes) -> str | None:
    """A job that has its rows and is still open; None where the org takes none."""
    body = {
        "object": plan.object,
        "operation": batch.operation,
        "contentType": "CSV",
        "lineEnding": "LF",
    }
    if batch.operation == "upsert":
        body["externalIdFieldName"] = batch.column
    job = ""
    try:
        answer = client.send("write", "POST", client.root + _JOBS, body=body)
        job = str(decoded(answer, "write")["id"])
        client.send(
            "write",
            "PUT",
            f"{client.root}{_JOBS}/{job}/batches",
            content=text,
            headers={"content-type": "text/csv"},
        )
    except (AuthError, QuotaError):
        raise
    except ConnectorError:  # an open job writes nothing
        _abort(client, job)
        return None
    return job


def _closed(client: Client, job: str, sleep: Sleep) -> str:
    """Say that the data is complete, and wait. A job that is Open all the same did not hear it."""
    with suppress(OutcomeUnknownError):  # whether it arrived shows in the job's state
        client.send(
            "write", "PATCH", f"{client.root}{_JOBS}/{job}", body={"state": "UploadComplete"}
        )
    return _wait(client, job, sleep)


def _abort(client: Client, job: str) -> None:
    if job:
        with suppress(ConnectorError):  # it writes nothing, and ends by itself after a week
            path = f"{client.root}{_JOBS}/{job}"
            client.send("metadata", "PATCH", path, body={"state": "Aborted"})


def _wait(client: Client, job: str, sleep: Sleep) -> str:
    """The state in which the job ended, or is after our patience."""
    waited, pause = 0.0, _FIRST_LOOK
    while True:
        state = str(client.get("metadata", f"{_JOBS}/{job}")["state"])
        if state in _ENDED or state == "Open" or waited >= PATIENCE:
            return state
        sleep(pause)
        waited, pause = waited + pause, min(pause * 2, _LAST_LOOK)


def _told(client: Client, column: str, job: str) -> Iterator[tuple[str, WriteResult]]:
    """Name and result of each row that the job tells of."""
    for row in _rows(client, job, "successfulResults"):
        yield row[column], WriteResult(id=row["sf__Id"], created=row["sf__Created"] == "true")
    for row in _rows(client, job, "failedResults"):
        yield row[column], WriteResult(error=_error(client, row["sf__Error"]))
    for row in _rows(client, job, "unprocessedrecords"):
        yield row[column], WriteResult(error=_unprocessed(job))


def _rows(client: Client, job: str, which: str) -> Iterator[Row]:
    path = f"{client.root}{_JOBS}/{job}/{which}"
    answer = client.send("metadata", "GET", path, headers={"accept": "text/csv"})
    return csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))


def _error(client: Client, text: str) -> ConnectorError:
    """`CODE:message:fields --`, as a result file has it."""
    found = _ERROR.fullmatch(text.strip())
    if found is None:
        return row_error([{"message": text}])
    code, message, fields = found.groups()
    named = re.split(r"[\s,]+", fields.strip())
    item = {"statusCode": code, "message": message, "fields": [one for one in named if one]}
    return row_error([item], client.record_url)


def _unprocessed(job: str) -> RetryableError:
    return RetryableError(
        f"Bulk job {job} ended before it came to this row",
        hint="It was not written; it is sent again.",
        code="UNPROCESSED",
    )


def _csv(plan: RowPlan, batch: Batch) -> bytes | None:
    """Header and rows; None for what CSV cannot say, or too much of it."""
    named = dict.fromkeys(name for _, values in batch.rows for name in values)
    columns = {name: plan.column(name) for name in named}
    names = [
        name
        for name, field in columns.items()
        if field.name != batch.column and field.constant is None
    ]
    fields = [columns[name] for name in names]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([batch.column, *(field.name for field in fields)])
    for row, values in batch.rows:
        if CLEARED in values.values():
            return None
        cells = [
            _cell(values[name], field) if name in values else ""
            for name, field in zip(names, fields, strict=True)
        ]
        writer.writerow([row, *cells])
    found = text.getvalue().encode()
    return found if len(found) <= MOST_BYTES else None


def _cell(value: Scalar, field: FieldSchema) -> str:
    checked = sendable(value, field)
    if field.type is FieldType.BOOLEAN:
        return "true" if checked else "false"
    return CLEARED if value is None else str(value)
