"""`/jobs/query`: a query whose answer is fetched as CSV, page by page.

The rows are those of the moment at which the job was made.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from prmsync.connector.simulator.chassis import json_response
from prmsync.connector.simulator.http import Response
from prmsync_salesforce.simulator.bulk.csv_text import cell_getter, write_csv
from prmsync_salesforce.simulator.bulk.jobs import DELIMITERS, LINE_ENDINGS, Job, Jobs
from prmsync_salesforce.simulator.call import Call
from prmsync_salesforce.simulator.database import Row
from prmsync_salesforce.simulator.evaluate import Getter
from prmsync_salesforce.simulator.failure import ApiError, no_resource
from prmsync_salesforce.simulator.ids import make_id
from prmsync_salesforce.simulator.query import Asked, QueryEngine
from prmsync_salesforce.simulator.soql_tree import Name

_PAGE = 50_000


@dataclass(frozen=True, slots=True)
class _Answer:
    header: list[str]
    cells: list[Getter]
    rows: list[Row]


class QueryJobs:
    """The resource of query jobs."""

    def __init__(self, jobs: Jobs, queries: QueryEngine, looks: int) -> None:
        self._jobs = jobs
        self._queries = queries
        self._looks = looks
        self._answers: dict[str, _Answer] = {}
        self._locators: dict[str, tuple[str, int]] = {}
        self._numbers = itertools.count(1)

    def handle(self, call: Call) -> Response:
        """Answer `/jobs/query` and everything below it. Raises ApiError."""
        rest = call.segments[2:]
        if not rest:
            if call.method == "POST":
                return self._create(call)
            return json_response(200, self._jobs.listed(self._looks))
        job = self._jobs.get(rest[0])
        if len(rest) == 1 and call.method == "GET":
            job.looks += 1
            return json_response(200, job.progress(self._looks))
        if len(rest) == 1 and call.method == "PATCH":
            job.state = "Aborted" if call.body().get("state") == "Aborted" else job.state
            return json_response(200, job.summary())
        if len(rest) == 1 and call.method == "DELETE":
            self._jobs.forget(job)
            self._answers.pop(job.id, None)
            return Response(204)
        if rest[1:] == ("results",) and call.method == "GET":
            return self._results(call, job)
        raise no_resource()

    def _create(self, call: Call) -> Response:
        body = call.body()
        operation, text = body.get("operation"), body.get("query")
        if operation not in ("query", "queryAll") or not isinstance(text, str):
            raise ApiError(400, "INVALIDJOB", "operation must be query or queryAll, with a query")
        asked = Asked(text, call.version, call.seen)
        found = self._queries.select(asked, deleted=operation == "queryAll")
        names = [name for name in found.selected if isinstance(name, Name)]
        if found.aggregated or len(names) < len(found.selected):
            raise ApiError(400, "API_ERROR", "Aggregate Relationships not supported in Bulk Query")
        job = self._jobs.open(
            body, found.scope.definition.name, call.writer.user_id, call.version, "UploadComplete"
        )
        answer = json_response(200, job.summary())
        getters = [found.scope.getter(name) for name in names]
        self._answers[job.id] = _Answer(
            [name.text for name in names],
            [cell_getter(get, field) for get, field in getters],
            found.rows,
        )
        job.state, job.processed = "JobComplete", len(found.rows)
        return answer

    def _results(self, call: Call, job: Job) -> Response:
        answer = self._answers[job.id]
        if job.shown_state(self._looks) != "JobComplete":
            raise ApiError(400, "INVALIDJOBSTATE", f"Job {job.id} is not complete")
        start = self._start(call, job)
        size = _whole(call.parameter("maxRecords")) or _PAGE
        page = answer.rows[start : start + size]
        rows = ([cell(row) for cell in answer.cells] for row in page)
        content = write_csv(
            answer.header, rows, DELIMITERS[job.delimiter], LINE_ENDINGS[job.line_ending]
        )
        headers = {
            "content-type": "text/csv",
            "Sforce-NumberOfRecords": str(len(page)),
            "Sforce-Locator": self._locator(job, start + size, len(answer.rows)),
        }
        return Response(200, content, headers)

    def _start(self, call: Call, job: Job) -> int:
        locator = call.parameter("locator")
        if not locator:
            return 0
        job_id, start = self._locators.get(locator, ("", 0))
        if job_id != job.id:
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return start

    def _locator(self, job: Job, following: int, total: int) -> str:
        """Where the next page begins, `null` after the last one."""
        if following >= total:
            return "null"
        text = make_id("0kB", next(self._numbers))[:15]
        self._locators[text] = (job.id, following)
        return text


def _whole(text: Any) -> int:
    return int(text) if text and str(text).isdigit() else 0
