"""Who changes records."""

from __future__ import annotations

from dataclasses import dataclass

APP_ID = "3700421"
APP_USER_ID = "61000"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes: an integration or a CRM user. `enforced` means an admin's rules apply."""

    user_id: str | None
    source: str
    source_id: str
    enforced: bool = False
