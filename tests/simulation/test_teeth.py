"""An engine that breaks a promise is found: no check is there that cannot fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulation.chance import history_of
from simulation.mutants import MUTANTS, mutated
from simulation.play import play

FOUND = {
    "no_guard": (0, "without a look right before"),
    "missed_row": (0, "at rest"),
    "blind_resend": (23, "lost in prm"),
    "no_key": (0, "without an intent in the journal"),
    "early_base": (1, "never showed"),
    "echo_by_time": (0, "when it was overwritten"),
    "last_write_wins": (0, "somebody who had not seen it"),
    "tells_always": (0, "still writes"),
    "unlooked_relations": (3, "a second time"),
    "resurrects": (0, "by a person, and is back"),
    "ungrouped": (0, "which nobody typed"),
    "spendthrift": (12, "calls of"),
    "half_undo": (1, "still stands"),
    "undo_of_edits": (14, "did not stand there before a run"),
}
"""Mutant → the first history that finds it, and what is said of it."""
ENOUGH = 40
"""Histories within which it is found whatever else has changed in the engine."""


DOCS = Path(__file__).parents[2] / "docs/testing.md"


def said_of(seeds: Iterator[int]) -> Iterator[str]:
    for seed in seeds:
        yield play(history_of(seed)).broken


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_the_engine_is_found(name: str) -> None:
    first, said = FOUND[name]
    with mutated(name):
        assert any(said in one for one in said_of(iter((first, *range(ENOUGH)))))


def test_the_documentation_tells_the_same_figures() -> None:
    """One line for each mutant, in this order, and how many histories it takes from the first."""
    table = DOCS.read_text().partition("histories needed |")[2].partition("\n\n")[0]
    told = [int(one) for one in re.findall(r"\| (\d+) \|$", table, re.MULTILINE)]
    assert told == [FOUND[name][0] + 1 for name in MUTANTS]
