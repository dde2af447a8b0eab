"""The CRM's own clock, as its answers show it."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime

import httpx


def answered_at(response: httpx.Response) -> datetime | None:
    """The Date header as aware UTC, None where there is none."""
    return http_date(response.headers.get("date", ""))


def http_date(text: str) -> datetime | None:
    """A date as HTTP writes it, as aware UTC; None for anything else."""
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
