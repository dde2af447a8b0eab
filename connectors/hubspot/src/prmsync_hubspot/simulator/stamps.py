"""Times as HubSpot writes them: ISO in UTC, milliseconds only where they are not zero."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NUMBER = re.compile(r"-?[0-9]{1,14}")
DAY_MS = 86_400_000


def millis(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware time, cut to whole ones."""
    return (moment - _EPOCH) // _MILLISECOND


@functools.lru_cache(maxsize=8192)
def iso(ms: int) -> str:
    """`2026-11-22T19:00:00.123Z`, and `2026-11-22T19:00:00Z` when there is no fraction."""
    moment = _EPOCH + timedelta(milliseconds=ms)
    if ms % 1000:
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_ms(text: str) -> int | None:
    """Milliseconds of `1763838000000`, `2026-11-22` or an ISO time; None for anything else."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return millis(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
