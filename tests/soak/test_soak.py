"""A short soak; the long one is `make soak MINUTES=10`."""

from __future__ import annotations

import os
from pathlib import Path

from soak.soak import soak

SEED = int(os.environ.get("PRMSYNC_SOAK_SEED", "3"))


def test_a_short_soak_loses_no_edit_and_makes_nothing_twice(tmp_path: Path) -> None:
    told = soak(tmp_path, 20, SEED, partners=9, deals=30, calm_start=True)
    assert told.wrong == [], f"PRMSYNC_SOAK_SEED={SEED}"
    assert told.kills >= 2
    assert sum(told.did.values()) > 20
