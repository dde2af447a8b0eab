"""The CRM's own clock, as its answers show it."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime

import httpx


def answered_at(response: httpx.Response) -> datetime | None:
    """The Date header as aware UTC, None where a proxy took it away. When a server in between
    added its own, the CRM's is the last."""
    dates = response.headers.get_list("date")
    if not dates:
        return None
    try:
        moment = email.utils.parsedate_to_datetime(dates[-1])
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
