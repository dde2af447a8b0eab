"""What is believed before any history: hazards from the CRM's own stage probabilities.

A deal leaves a stage after its typical time. Where it goes follows from the probabilities: a stage
that wins with chance p before one that wins with chance q loses the share 1 - p / q of those who
leave, and passes on the others; the last stage wins p of them. So day one is a stage-weighted
pipeline with a clock.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prmsync.forecast.hazards import Prior
from prmsync.forecast.spells import Exit

WEEKS_IN_STAGE = 5.0
"""Typical stay: five open stages of it make the half year that a channel deal takes."""


def prior_of(probability: Sequence[float], weeks: float = WEEKS_IN_STAGE) -> Prior:
    """Weekly hazards of the open stages, in their order. `probability[stage]`, 0 to 1, is the
    chance of a deal in it to be won some day; a stage below the one before it passes all on."""
    p = np.clip(np.asarray(probability, dtype=float), 0.0, 1.0)
    leave = 1.0 / weeks
    onward = np.append(p[1:], 1.0)
    kept = np.clip(np.divide(p, onward, out=np.zeros_like(p), where=onward > 0), 0.0, 1.0)
    last = np.arange(len(p)) == len(p) - 1
    rate = {
        Exit.MOVE: np.where(last, 0.0, leave * kept),
        Exit.WIN: np.where(last, leave * kept, 0.0),
        Exit.LOSS: leave * (1.0 - kept),
    }
    return Prior(rate, np.minimum(np.arange(len(p)) + 1, len(p) - 1))
