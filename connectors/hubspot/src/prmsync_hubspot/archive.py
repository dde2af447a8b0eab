"""Archived records in normal reads: HubSpot lists them, but neither searches nor sorts them.

So an archive is gone through in rounds, one page of a hundred a read, and a new round begins some
minutes after the last. What was archived before the last round began is known already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from prmsync.connector.values import in_utc, parse_moment


@dataclass(frozen=True, slots=True)
class Archive:
    """Where a stream stands in its archive, on HubSpot's clock. Archivings before `known` are
    known; the last round began at `began` and goes on at `after`, None once it has ended."""

    known: datetime
    began: datetime
    after: str | None = None

    def is_due(self, now: datetime, every: timedelta) -> bool:
        return self.after is not None or now - self.began >= every

    def round(self, now: datetime) -> Archive:
        """The round that goes on, or a new one."""
        return self if self.after is not None else replace(self, began=now, after="")

    def behind(self, after: str | None) -> Archive:
        """The same round behind a page; None: that was the last one."""
        if after is None:
            return Archive(self.began, self.began)
        return replace(self, after=after)

    def news(self, found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """What of a page is not known to be archived; what does not say when is looked at."""
        times = ((one, _archived_at(one)) for one in found)
        return [one for one, at in times if at is None or at >= self.known]

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"known": in_utc(self.known), "began": in_utc(self.began), "after": self.after}


def parse_archive(told: Any) -> Archive | None:
    """From JSON. Raises what a wrong JSON leads to."""
    if told is None:
        return None
    return Archive(parse_moment(told["known"]), parse_moment(told["began"]), told["after"])


def last_holders(archived: Iterable[dict[str, Any]], key: str) -> dict[str, str]:
    """Value of a unique property, in lower case → id of the record archived last that had it."""
    never = datetime.min.replace(tzinfo=UTC)
    found: dict[str, tuple[datetime, str]] = {}
    for one in archived:
        value = str(one.get("properties", {}).get(key) or "").lower()
        at = (_archived_at(one) or never, str(one["id"]))
        if value and at > found.get(value, (never, "")):
            found[value] = at
    return {value: record for value, (_, record) in found.items()}


def _archived_at(found: dict[str, Any]) -> datetime | None:
    try:
        return parse_moment(found["archivedAt"])
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError):
        return None
