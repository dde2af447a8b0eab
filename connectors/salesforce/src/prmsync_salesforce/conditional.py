"""Updates that happen only where nobody has edited the record since it was looked at.

One PATCH a record, 25 in one composite call, each with `If-Unmodified-Since`. What Salesforce does
with that header, and what it cannot do, is in docs/decisions/0008-strict-guard.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any

from prmsync.connector.protocol import WriteResult
from prmsync.connector.values import parse_moment
from prmsync.errors import RetryableError
from prmsync_salesforce.client import Client, SubAnswer
from prmsync_salesforce.codes import CODES, MOVED
from prmsync_salesforce.errors import row_error

PARTS = 25
"""Calls inside one composite call."""
_PRECONDITION_FAILED = 412


@dataclass(frozen=True, slots=True)
class Guarded:
    """An update of a record that was last seen at `version`, its SystemModstamp."""

    id: str
    version: str
    record: Mapping[str, Any]


def update(
    client: Client, object_name: str, rows: Sequence[Guarded], headers: Mapping[str, str]
) -> list[WriteResult]:
    """At most `PARTS` rows in one call; a record that moved has a RetryableError of code MOVED.
    `headers` go with every row: a row takes over none from the call around it."""
    parts = {
        f"r{place}": _part(client, object_name, row, headers) for place, row in enumerate(rows)
    }
    answers = client.composite_writes(parts)
    return [_result(client, row, answers[f"r{place}"]) for place, row in enumerate(rows)]


def http_date(version: str) -> str:
    """A SystemModstamp as an HTTP date; both know seconds and nothing finer."""
    return format_datetime(parse_moment(version), usegmt=True)


def _part(
    client: Client, object_name: str, row: Guarded, headers: Mapping[str, str]
) -> dict[str, Any]:
    condition = {"If-Unmodified-Since": http_date(row.version)} if row.version else {}
    return {
        "method": "PATCH",
        "url": f"{client.root}/sobjects/{object_name}/{row.id}",
        "body": {name: value for name, value in row.record.items() if name != "attributes"},
        "httpHeaders": {**headers, **condition},
    }


def _result(client: Client, row: Guarded, answer: SubAnswer) -> WriteResult:
    if answer.status < 300:
        return WriteResult(id=row.id)
    if answer.status == _PRECONDITION_FAILED:
        hint = CODES[MOVED].hint
        return WriteResult(
            error=RetryableError("somebody edited the record meanwhile", hint=hint, code=MOVED)
        )
    return WriteResult(error=row_error(answer.body or (), client.record_url))
