"""Where reading stands, as opaque JSON text.

Either a full listing that is under way ({"since", "after", "archived"}) or, once it is done, the
moment up to which changes are known ({"since"}), with the place in the archive ({"archive"}).
`since` is on HubSpot's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from prmsync.connector.protocol import BAD_CURSOR
from prmsync.connector.values import in_utc, parse_moment
from prmsync.errors import ConnectorError
from prmsync_hubspot.archive import Archive, parse_archive

HOLD_BACK = timedelta(seconds=5)
"""A cursor stays this far behind HubSpot's clock: an edit of this very moment may get its stamp
before it can be found. The look-back of the next read covers the rest of the index lag."""


@dataclass(frozen=True, slots=True)
class Cursor:
    since: datetime
    after: str | None = None
    """Where the listing goes on; None once it is done."""
    archived: bool = False
    """Whether the listing has come to the archived records."""
    archive: Archive | None = None
    """Where reading changes stands in the archive; None where nothing was read of it yet."""

    @property
    def listing(self) -> bool:
        return self.after is not None

    def text(self) -> str:
        told: dict[str, Any] = {"since": in_utc(self.since)}
        if self.listing:
            told |= {"after": self.after, "archived": self.archived}
        elif self.archive is not None:
            told["archive"] = self.archive.told()
        return orjson.dumps(told).decode()


def parse(text: str) -> Cursor:
    """Raises ConnectorError for text that `Cursor.text` did not write."""
    try:
        told = orjson.loads(text)
        return Cursor(
            parse_moment(told["since"]),
            told.get("after"),
            bool(told.get("archived")),
            parse_archive(told.get("archive")),
        )
    except (
        orjson.JSONDecodeError,
        KeyError,
        TypeError,
        AttributeError,
        ArithmeticError,
        ValueError,
    ) as error:
        raise ConnectorError(
            "the stored HubSpot cursor cannot be read",
            hint="read everything once: prmsync sync --full",
            code=BAD_CURSOR,
        ) from error
