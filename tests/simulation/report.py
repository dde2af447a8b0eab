"""Plays many histories over all processors and tells what came of them."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simulation.aims import PATHS
from simulation.chance import history_of
from simulation.play import Outcome, play
from simulation.shrink import shrunk
from simulation.world import Home


@dataclass
class Sum:
    """What many histories came to."""

    histories: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: list[tuple[int, str]] = field(default_factory=list)
    cpu: float = 0.0

    def add(self, seed: int, outcome: Outcome, cpu: float) -> None:
        self.histories += 1
        self.counts.update(outcome.counts)
        self.cells.update(outcome.cells)
        self.cpu += cpu
        if outcome.broken:
            self.broken.append((seed, outcome.broken))


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 when a promise was broken."""
    given = _options(arguments)
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="prmsync-", dir=memory if memory.is_dir() else None))
    before, Home.folder = Home.folder, folder
    try:
        if given.seed is not None:
            return _one(given.seed, shrink=given.shrink)
        return _many(range(given.first, given.first + given.seeds), given.jobs, folder)
    finally:
        Home.folder = before
        shutil.rmtree(folder, ignore_errors=True)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="how many histories (300)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--seed", type=int, help="one history; tells its story")
    parser.add_argument("--shrink", action="store_true", help="with --seed: fewer events")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    return parser.parse_args(arguments)


def _say(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _one(seed: int, *, shrink: bool) -> int:
    history = history_of(seed)
    outcome = play(history)
    if outcome.broken and shrink:
        _say(f"{len(history.events)} events break a promise; leaving out what is not needed …")
        history = shrunk(history, outcome.broken)
        outcome = play(history)
    for line in outcome.story:
        _say(line)
    _say(f"BROKEN: {outcome.broken}" if outcome.broken else "all promises kept")
    return int(bool(outcome.broken))


def _worker(folder: Path) -> None:
    Home.folder = folder


def _play(seed: int) -> tuple[int, Outcome, float]:
    started = time.process_time()
    outcome = play(history_of(seed))
    outcome.story.clear()
    return seed, outcome, time.process_time() - started


def _many(seeds: range, jobs: int, folder: Path) -> int:
    total, started, told = Sum(), time.monotonic(), 0.0
    for seed, outcome, cpu in _played(seeds, jobs, folder):
        total.add(seed, outcome, cpu)
        if outcome.broken:
            _say(f"seed {seed}: {outcome.broken.strip().splitlines()[-1]}")
            _say(f"  replay: PYTHONPATH=tests python -m simulation --seed {seed} --shrink")
        if time.monotonic() - told > 10:
            told = time.monotonic()
            _say(_progress(total, len(seeds), told - started))
    for line in told_sum(total, time.monotonic() - started):
        _say(line)
    return int(bool(total.broken))


def _played(seeds: range, jobs: int, folder: Path) -> Iterator[tuple[int, Outcome, float]]:
    if jobs == 1:
        yield from map(_play, seeds)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, _worker, (folder,)) as pool:
        yield from pool.imap_unordered(_play, seeds, chunksize=4)


def _progress(total: Sum, wanted: int, seconds: float) -> str:
    rate = total.histories / seconds if seconds else 0.0
    return (
        f"{total.histories:,} of {wanted:,} histories, {len(total.broken)} broken, "
        f"{rate:.1f} a second, {total.counts['events'] / max(seconds, 0.001):,.0f} events a second"
    )


def told_sum(total: Sum, seconds: float) -> Iterator[str]:
    """The report: figures, then faults against write paths."""
    counts = total.counts
    yield ""
    yield (
        f"{total.histories:,} histories, {len(total.broken)} broken, in {seconds:,.0f} s "
        f"({total.cpu / max(total.histories, 1):.2f} s of CPU each)"
    )
    yield (
        f"{counts['events']:,} events, {counts['events'] / max(seconds, 0.001):,.0f} a second: "
        f"{counts['edits']:,} edits, {counts['runs']:,} runs, {counts['crashes']:,} crashes, "
        f"{counts['decisions']:,} decisions, {counts['write calls']:,} write calls"
    )
    yield (
        f"{counts['undos']:,} undos, {counts['merged']:,} merges, {counts['restored']:,} restores, "
        f"{counts['answers']:,} answers in a CRM"
    )
    yield ""
    yield from table(total.cells)
    empty = empty_cells(total.cells)
    yield (
        "no cell is empty"
        if not empty
        else "empty: " + ", ".join(f"{fault} × {path}" for fault, path in empty)
    )


def table(cells: Counter[tuple[str, str]]) -> Iterator[str]:
    """Faults down, write paths across: runs in which both happened."""
    faults = sorted({fault for fault, _ in cells})
    width = max((len(one) for one in faults), default=0)
    yield " " * width + "  " + "  ".join(PATHS)
    for fault in faults:
        row = "  ".join(f"{cells[fault, path]:>{len(path)},}" for path in PATHS)
        yield f"{fault:<{width}}  {row}"


def empty_cells(cells: Counter[tuple[str, str]]) -> list[tuple[str, str]]:
    """Faults that never met a write path."""
    faults = sorted({fault for fault, _ in cells})
    return [(fault, path) for fault in faults for path in PATHS if not cells[fault, path]]
