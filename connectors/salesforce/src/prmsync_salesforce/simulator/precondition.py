"""`If-Unmodified-Since`: an update that is refused when the record was modified after that time.

As documented under "Conditional Request Headers": the header is compared with the record's last
modified date, to the second; a date that cannot be read is 400; DELETE does not look at it.
"""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from datetime import UTC, datetime

from prmsync_salesforce.simulator.database import Row
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.values import parse_moment

HEADER = "if-unmodified-since"


def require_unmodified(headers: Mapping[str, str], row: Row) -> None:
    """Raises 412 where the record moved since the header's time, 400 for a header that is none."""
    text = headers.get(HEADER)
    if text is None:
        return
    try:
        since = email.utils.parsedate_to_datetime(text)
    except ValueError:
        raise ApiError(400, "INVALID_HEADER", f"Invalid date in {HEADER}: {text}") from None
    if _modified(row) > since.replace(tzinfo=since.tzinfo or UTC):
        raise ApiError(
            412, "PRECONDITION_FAILED", "The record was modified after the time of the header."
        )


def _modified(row: Row) -> datetime:
    found = parse_moment(row["LastModifiedDate"])
    return datetime.min.replace(tzinfo=UTC) if found is None else found.replace(microsecond=0)
