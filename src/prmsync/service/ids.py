"""New record ids, from this machine's clock and random source."""

from __future__ import annotations

import os
import time

from prmsync.domain.ids import ordered_uuid


def new_id() -> str:
    """A UUID that no other record has."""
    return ordered_uuid(time.time_ns() // 1_000_000, os.urandom(10))
