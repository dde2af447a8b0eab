"""Bulk API 2.0 jobs: what both kinds have in common.

A job's work is done when its data is complete; its state says `InProgress` at the first look (see
`OrgSettings.bulk_looks`), so that callers must ask again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.ids import long_id, make_id
from prmsync_salesforce.simulator.values import stamp

LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
DELIMITERS = {
    "BACKQUOTE": "`",
    "CARET": "^",
    "COMMA": ",",
    "PIPE": "|",
    "SEMICOLON": ";",
    "TAB": "\t",
}
_DONE = ("JobComplete", "Failed", "Aborted")


@dataclass(slots=True)
class Job:
    """`state` is where the job really is; `looks` how often it was asked since its data was
    complete."""

    id: str
    kind: str
    operation: str
    object: str
    user_id: str
    created: datetime
    version: str
    state: str
    line_ending: str = "LF"
    delimiter: str = "COMMA"
    processed: int = 0
    failed: int = 0
    error: str | None = None
    looks: int = 0
    more: dict[str, Any] = field(default_factory=dict)

    def shown_state(self, looks: int) -> str:
        """The state that is told: a job that has its data is `InProgress` for the first `looks`."""
        if self.state == "UploadComplete":
            return "InProgress"
        if self.state in ("JobComplete", "Failed") and self.looks <= looks:
            return "InProgress"
        return self.state

    def summary(self) -> dict[str, Any]:
        """What every answer about the job tells."""
        return {
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": self.user_id,
            "createdDate": stamp(self.created),
            "systemModstamp": stamp(self.created),
            "state": self.state,
            **self.more,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.version.lstrip("v")),
            "lineEnding": self.line_ending,
            "columnDelimiter": self.delimiter,
        }

    def progress(self, looks: int) -> dict[str, Any]:
        """The answer to a look at the job."""
        state = self.shown_state(looks)
        done = state in _DONE
        answer = {
            **self.summary(),
            "state": state,
            "jobType": "V2Ingest" if self.kind == "ingest" else "V2Query",
            "numberRecordsProcessed": self.processed if done else 0,
            "retries": 0,
            "totalProcessingTime": self.processed if done else 0,
        }
        if self.kind == "ingest":
            answer |= {
                "numberRecordsFailed": self.failed if done else 0,
                "apiActiveProcessingTime": self.processed if done else 0,
                "apexProcessingTime": 0,
            }
        if done and self.error is not None:
            answer["errorMessage"] = self.error
        return answer


class Jobs:
    """The jobs of one kind, by id."""

    def __init__(
        self, kind: str, now: Callable[[], datetime], numbers: itertools.count[int]
    ) -> None:
        self.kind = kind
        self._now = now
        self._numbers = numbers
        self._all: dict[str, Job] = {}
        self.opened = 0

    def open(
        self, body: dict[str, Any], object_name: str, user_id: str, version: str, state: str
    ) -> Job:
        """A new job. Raises ApiError for a line ending or delimiter that there is none of."""
        ending, delimiter = body.get("lineEnding", "LF"), body.get("columnDelimiter", "COMMA")
        for value, known in ((ending, LINE_ENDINGS), (delimiter, DELIMITERS)):
            if value not in known:
                raise ApiError(
                    400, "INVALIDJOB", f"{value} is not one of {', '.join(sorted(known))}"
                )
        job = Job(
            make_id("750", next(self._numbers)),
            self.kind,
            body["operation"],
            object_name,
            user_id,
            self._now(),
            version,
            state,
            ending,
            delimiter,
        )
        self._all[job.id] = job
        self.opened += 1
        return job

    def get(self, text: str) -> Job:
        """Raises NOT_FOUND."""
        job = self._all.get(long_id(text) or "")
        if job is None:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        return job

    def forget(self, job: Job) -> None:
        """Raises ApiError for a job that is still at work."""
        if job.state not in _DONE:
            raise ApiError(400, "API_ERROR", f"Job is not in a state to be deleted: {job.state}")
        del self._all[job.id]

    def listed(self, looks: int) -> dict[str, Any]:
        """All jobs, newest first, as they are told after that many looks."""
        kind = "V2Ingest" if self.kind == "ingest" else "V2Query"
        records = [
            {**job.summary(), "state": job.shown_state(looks), "jobType": kind}
            for job in reversed(self._all.values())
        ]
        return {"done": True, "records": records, "nextRecordsUrl": None}
