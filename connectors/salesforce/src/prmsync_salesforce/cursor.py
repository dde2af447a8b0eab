"""The cursor of a stream: a moment on the CRM's clock, as opaque JSON text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson

from prmsync.connector.protocol import BAD_CURSOR
from prmsync.connector.values import in_utc
from prmsync.errors import SchemaError

LOOK_BACK = timedelta(seconds=600)
"""A slow transaction commits with an older SystemModstamp; ten minutes are read again."""


def cursor_of(moment: datetime) -> str:
    """Everything up to `moment` has been read, but for late commits."""
    return orjson.dumps({"modstamp": in_utc(moment)}).decode()


def parse_cursor(cursor: str) -> datetime:
    """Raises SchemaError for a text that no connector of this kind wrote."""
    try:
        return datetime.fromisoformat(orjson.loads(cursor)["modstamp"]).astimezone(UTC)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise SchemaError(
            "the stored position of this stream is not one of the Salesforce connector",
            hint="Read everything once: prmsync sync --full.",
            code=BAD_CURSOR,
        ) from error
