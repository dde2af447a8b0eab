"""How the garbage collector is set for runs over many records."""

from __future__ import annotations

import gc

_YOUNG, _MIDDLE, _OLD = 50_000, 20, 50


def settle_collector() -> None:
    """Take what is loaded now out of the collector's rounds, and let it come round more rarely.

    Rows are many, short-lived and not cyclic; full passes over the loaded program were a quarter
    of a run's CPU (benchmarks/sync.py). A service settles before every run: what earlier runs
    left behind is let go first, or it would stay for ever. Before the first one there is nothing
    of the kind, and looking for it would cost as much as a small run.
    """
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
