"""`/jobs/ingest`: rows sent as CSV, each written or refused by itself, once somebody has looked at
the job often enough: until then its records are as they were.

A job whose rows were refused is still `JobComplete`. It is `Failed` when its CSV cannot be read or
names an unknown field, and when a fault rule for a record has the code `JOB_FAILED`: then the rows
from there on are unprocessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from prmsync.connector.simulator.chassis import json_response
from prmsync.connector.simulator.http import Response
from prmsync_salesforce.simulator.bulk.csv_text import NULL, BadCsv, read_csv, write_csv
from prmsync_salesforce.simulator.bulk.jobs import DELIMITERS, LINE_ENDINGS, Job, Jobs
from prmsync_salesforce.simulator.call import Call
from prmsync_salesforce.simulator.collections import Collections
from prmsync_salesforce.simulator.database import Table
from prmsync_salesforce.simulator.failure import ApiError, bad_data, no_resource
from prmsync_salesforce.simulator.schema import ObjectDefinition, soap_type
from prmsync_salesforce.simulator.sobjects import external_field
from prmsync_salesforce.simulator.values import convert

MOST_BYTES = 150_000_000
JOB_FAILED = "JOB_FAILED"
_CHUNK = 200
_OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
_RESULTS = ("successfulResults", "failedResults", "unprocessedrecords")


@dataclass(slots=True)
class _Work:
    """A job's rows and what became of them: (id, created or error, cells)."""

    text: str | None = None
    closed_by: Call | None = None
    header: list[str] = field(default_factory=list)
    successful: list[list[str]] = field(default_factory=list)
    failed: list[list[str]] = field(default_factory=list)
    unprocessed: list[list[str]] = field(default_factory=list)


class IngestJobs:
    """The resource of ingest jobs."""

    def __init__(self, jobs: Jobs, collections: Collections, looks: int) -> None:
        self._jobs = jobs
        self._collections = collections
        self._looks = looks
        self._work: dict[str, _Work] = {}

    def handle(self, call: Call) -> Response:
        """Answer `/jobs/ingest` and everything below it. Raises ApiError."""
        rest = call.segments[2:]
        if not rest:
            if call.method == "POST":
                return self._create(call)
            return json_response(200, self._jobs.listed(self._looks))
        job = self._jobs.get(rest[0])
        if len(rest) == 1:
            return self._one(call, job)
        if rest[1].rstrip("/") == "batches" and call.method == "PUT":
            return self._upload(call, job)
        if rest[1].rstrip("/") in _RESULTS and call.method == "GET":
            return self._results(job, rest[1].rstrip("/"))
        raise no_resource()

    def _create(self, call: Call) -> Response:
        body = call.body()
        operation, name = body.get("operation"), str(body.get("object"))
        if operation not in _OPERATIONS:
            raise ApiError(400, "INVALIDJOB", f"operation must be one of {', '.join(_OPERATIONS)}")
        table = call.table(name)
        if table is None:
            raise ApiError(
                400, "INVALIDENTITY", f"Entity '{name}' is not supported by the Bulk API."
            )
        key = body.get("externalIdFieldName")
        if operation == "upsert" and not key:
            raise ApiError(
                400,
                "INVALIDJOB",
                f"External ID was blank for {name}. An External ID must be specified for upsert.",
            )
        if operation == "upsert":
            external_field(call, table, str(key))
        job = self._jobs.open(
            body, table.definition.name, call.writer.user_id, call.version, "Open"
        )
        if key:
            job.more["externalIdFieldName"] = key
        self._work[job.id] = _Work()
        url = f"services/data/{call.version}/jobs/ingest/{job.id}/batches"
        return json_response(200, {**job.summary(), "contentUrl": url})

    def _one(self, call: Call, job: Job) -> Response:
        if call.method == "GET":
            job.looks += 1
            closed_by = self._work[job.id].closed_by
            if job.state == "UploadComplete" and closed_by is not None and job.looks > self._looks:
                self._carry_out(closed_by, job, self._work[job.id])
            return json_response(200, job.progress(self._looks))
        if call.method == "DELETE":
            self._jobs.forget(job)
            self._work.pop(job.id, None)
            return Response(204)
        if call.method == "PATCH":
            return self._change_state(call, job)
        raise no_resource()

    def _upload(self, call: Call, job: Job) -> Response:
        work = self._work[job.id]
        if job.state != "Open" or work.text is not None:
            raise ApiError(
                400, "INVALIDJOBSTATE", f"Job {job.id} does not take data in state {job.state}"
            )
        if len(call.request.body) > MOST_BYTES:
            raise ApiError(413, "REQUEST_ENTITY_TOO_LARGE", "The upload is larger than 150 MB")
        work.text = call.request.body.decode("utf-8-sig", "replace")
        return Response(201)

    def _change_state(self, call: Call, job: Job) -> Response:
        wanted = call.body().get("state")
        if wanted not in ("UploadComplete", "Aborted") or job.state != "Open":
            raise ApiError(
                400, "INVALIDJOBSTATE", f"Job {job.id} cannot go from {job.state} to {wanted}"
            )
        job.state = str(wanted)
        # A job runs an assignment rule only where it names one.
        self._work[job.id].closed_by = replace(call, writer=replace(call.writer, assigns=False))
        return json_response(200, job.summary())

    def _carry_out(self, call: Call, job: Job, work: _Work) -> None:
        job.state = "JobComplete"
        rows: list[list[str]] = []
        try:
            work.header, rows = read_csv(
                work.text or "", DELIMITERS[job.delimiter], LINE_ENDINGS[job.line_ending]
            )
            table = call.table(job.object)
            if table is None:
                raise BadCsv(f"InvalidBatch : Entity not found : {job.object}")
            _check_header(call.definition(table), work.header)
            self._write(call, job, table, rows)
        except BadCsv as error:
            job.state, job.error = "Failed", str(error)
            work.unprocessed = rows[job.processed :]

    def _write(self, call: Call, job: Job, table: Table, rows: list[list[str]]) -> None:
        work = self._work[job.id]
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            twice = _keys_given_twice(job, work.header, chunk)
            for row in chunk:
                self._write_row(call, job, table, row, twice)

    def _write_row(
        self, call: Call, job: Job, table: Table, row: list[str], twice: frozenset[str]
    ) -> None:
        work = self._work[job.id]
        if len(row) != len(work.header):
            raise BadCsv("InvalidBatch : The row has another number of columns than the header")
        try:
            record_id, created = self._applied(call, job, table, work.header, row, twice)
        except ApiError as error:
            if error.code == JOB_FAILED:
                raise BadCsv(f"InternalServerError : {error.message}") from error
            job.failed += 1
            text = _unreadable(table.definition, work.header, row) or _worded(error)
            work.failed.append([_id_cell(work.header, row), text, *row])
        else:
            work.successful.append([record_id, "true" if created else "false", *row])
        job.processed += 1

    def _applied(
        self,
        call: Call,
        job: Job,
        table: Table,
        header: list[str],
        row: list[str],
        twice: frozenset[str],
    ) -> tuple[str, bool]:
        values = _values(header, row)
        if job.operation == "upsert":
            return self._upserted(call, job, table, values, twice)
        if job.operation == "insert":
            return self._collections.create_row(call, table, values)["id"], True
        if job.operation == "update":
            return self._collections.update_row(call, table, values)["id"], False
        return self._collections.delete_row(call, _id_cell(header, row))["id"], False

    def _upserted(
        self,
        call: Call,
        job: Job,
        table: Table,
        values: Mapping[str, Any],
        twice: frozenset[str],
    ) -> tuple[str, bool]:
        field = external_field(call, table, str(job.more["externalIdFieldName"]))
        name = field.name.lower()
        given = next((value for key, value in values.items() if key.lower() == name), None)
        if given is not None and str(given).lower() in twice:
            raise bad_data("DUPLICATE_VALUE", f"Duplicate external id specified: {given}")
        result = self._collections.upsert_row(call, table, field, values, given)
        return result["id"], result["created"]

    def _results(self, job: Job, name: str) -> Response:
        work = self._work[job.id]
        done = job.shown_state(self._looks) not in ("Open", "InProgress", "UploadComplete")
        header, rows = work.header, work.unprocessed
        if name == "successfulResults":
            header, rows = ["sf__Id", "sf__Created", *work.header], work.successful
        if name == "failedResults":
            header, rows = ["sf__Id", "sf__Error", *work.header], work.failed
        content = write_csv(
            header,
            rows if done else [],
            DELIMITERS[job.delimiter],
            LINE_ENDINGS[job.line_ending],
        )
        return Response(200, content, {"content-type": "text/csv"})


def _check_header(definition: ObjectDefinition, header: list[str]) -> None:
    for name in header:
        step, _, rest = name.partition(".")
        known = definition.relation(step) if rest else definition.field(name)
        if known is None:
            raise BadCsv(f"InvalidBatch : Field name not found : {name}")


def _values(header: list[str], row: list[str]) -> dict[str, Any]:
    """The cells that say something: an empty one leaves its field as it is."""
    values: dict[str, Any] = {}
    for name, cell in zip(header, row, strict=True):
        if cell == "":
            continue
        step, _, rest = name.partition(".")
        value = None if cell == NULL else cell
        values[step] = {rest: value} if rest and value is not None else value
    return values


def _keys_given_twice(job: Job, header: list[str], rows: list[list[str]]) -> frozenset[str]:
    key = str(job.more.get("externalIdFieldName", "")).lower()
    place = next((at for at, name in enumerate(header) if name.lower() == key), None)
    if job.operation != "upsert" or place is None:
        return frozenset()
    counts = Counter(row[place].lower() for row in rows if len(row) > place and row[place])
    return frozenset(value for value, count in counts.items() if count > 1)


def _id_cell(header: list[str], row: list[str]) -> str:
    cells: Mapping[str, str] = dict(zip((name.lower() for name in header), row, strict=True))
    return cells.get("id", "")


def _unreadable(definition: ObjectDefinition, header: list[str], row: list[str]) -> str | None:
    """What is said of the first cell that is no value of its field's type."""
    for place, (name, cell) in enumerate(zip(header, row, strict=True)):
        found = definition.field(name)
        if found is None or cell in ("", NULL):
            continue
        try:
            convert(found, cell)
        except ApiError as error:
            if error.code == "JSON_PARSER_ERROR":
                return (
                    f"INVALID_FIELD:Failed to deserialize field at col {place}. Due to, '{cell}' "
                    f"is not a valid value for the type {soap_type(found)}:{found.name} --"
                )
    return None


def _worded(error: ApiError) -> str:
    """An error the way a result file shows it: `CODE:message:fields --`."""
    fields = "".join(f"{name} " for name in error.fields or ())
    return f"{error.code}:{error.message}:{fields}--"
