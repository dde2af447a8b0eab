"""A company's deal history with all dimensions of the partner database, for tests of answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deal_worlds import WEEKS, world
from prmsync.answers.deal_history import DIMENSIONS
from prmsync.answers.quarter_outlook import Setting, View
from prmsync.forecast.groups import Cut
from prmsync.forecast.history import DealHistory
from prmsync.forecast.timelines import Deals

SETTING = Setting(WEEKS, (0.2, 0.4, 0.8))
TODAY = WEEKS.bounds(10)[0]


def company() -> DealHistory:
    """A company with all dimensions of the partner database, up to the first day of a quarter."""
    found = world(11).as_of(TODAY)
    partner, tier = found.segments.T
    segments = np.stack([partner, tier, partner % 2, partner % 3], axis=1)
    return replace(found, segments=segments, dimensions=DIMENSIONS)


def view(history: DealHistory, today: int) -> View:
    deals = Deals(history, tuple(map(str, range(len(history.created)))), {})
    return View("EUR", deals, Cut.of(history, WEEKS, today, WEEKS.quarter(today)), SETTING)
