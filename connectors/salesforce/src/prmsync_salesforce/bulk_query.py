"""A first read of very many records by a Bulk API 2.0 query job: pages of 10,000 instead of 2,000.

A job is worth its own calls (to make it, to ask how far it is, to delete it) only for many rows,
and it may have to wait its turn. Where it fails, or takes longer than a run may stay silent,
nothing is lost: the caller reads page by page as usual.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from math import ceil
from typing import Any

from prmsync.connector.schema import FieldType
from prmsync.errors import AuthError, ConnectorError, QuotaError, RejectedError
from prmsync_salesforce import soql
from prmsync_salesforce.client import Client, decoded
from prmsync_salesforce.limits import QUERY_JOBS
from prmsync_salesforce.rows import RowPlan

PAGE = 10_000
OWN_CALLS = 10
"""About how many calls a job takes besides its pages: to make it, ask for it, end it."""
PATIENCE = 240.0
"""Seconds that a job may take: a run that gives no sign of life for longer can be taken over."""
_FIRST_LOOK, _LAST_LOOK = 2.0, 20.0
_BOOLEANS = {"true": True, "false": False, "": None}

Columns = list[Sequence[Any]]
"""The cells of a page, field by field, in the order of `RowPlan.fields`."""


def calls(rows: int) -> int:
    """About how many calls a job takes to read so many records."""
    return OWN_CALLS + ceil(rows / PAGE)


class NoJobError(RejectedError):
    """The job did not come to an end; the records are to be read another way."""


def pages(client: Client, plan: RowPlan, sleep: Callable[[float], None]) -> Iterator[Columns]:
    """All live records, in no order. Raises NoJobError before the first page."""
    job = _made(client, plan)
    try:
        _wait(client, job, sleep)
        locator: str | None = ""
        while locator is not None:
            columns, locator = _page(client, plan, job, locator)
            yield columns
    finally:
        # It would be kept for a week, with all that was read.
        with suppress(ConnectorError):
            client.send("read", "DELETE", f"{client.root}/jobs/query/{job}")


def _made(client: Client, plan: RowPlan) -> str:
    if client.limits.exhausted(QUERY_JOBS):
        raise NoJobError("the org's Bulk query jobs of the day are used up")
    body = {"operation": "query", "query": soql.select(plan.fields, plan.object)}
    try:
        answer = client.send("read", "POST", f"{client.root}/jobs/query", body=body)
    except (AuthError, QuotaError):
        raise
    except ConnectorError as error:
        raise NoJobError(f"Salesforce made none: {error.message}") from error
    return str(decoded(answer, "read")["id"])


def _wait(client: Client, job: str, sleep: Callable[[float], None]) -> None:
    waited, pause = 0.0, _FIRST_LOOK
    while True:
        state = client.get("read", f"/jobs/query/{job}")["state"]
        if state == "JobComplete":
            return
        if state in ("Failed", "Aborted") or waited >= PATIENCE:
            raise NoJobError(f"Bulk job {job} is {state} after {waited:.0f} s")
        sleep(pause)
        waited, pause = waited + pause, min(pause * 2, _LAST_LOOK)


def _page(client: Client, plan: RowPlan, job: str, locator: str) -> tuple[Columns, str | None]:
    asked = {"maxRecords": str(PAGE)} | ({"locator": locator} if locator else {})
    answer = client.send(
        "read",
        "GET",
        f"{client.root}/jobs/query/{job}/results",
        params=asked,
        headers={"accept": "text/csv"},
    )
    # Line ends within a cell are the record's own.
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    if rows and [name.lower() for name in rows[0]] == [name.lower() for name in plan.fields]:
        del rows[0]
    following = answer.headers.get("sforce-locator", "null")
    return _columns(plan, rows), None if following in ("", "null") else following


def _columns(plan: RowPlan, rows: Sequence[Sequence[str]]) -> Columns:
    booleans = _boolean_fields(plan)
    cells = zip(*rows, strict=True) if rows else [()] * len(plan.fields)
    return [
        [_BOOLEANS[cell] if name in booleans else cell or None for cell in column]
        for name, column in zip(plan.fields, cells, strict=True)
    ]


def _boolean_fields(plan: RowPlan) -> set[str]:
    found = {one.name for one in plan.by_name.values() if one.type is FieldType.BOOLEAN}
    return {*found, "IsDeleted"}
