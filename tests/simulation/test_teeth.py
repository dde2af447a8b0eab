"""An engine that breaks a promise is found: no check is there that cannot fail."""

from __future__ import annotations

import pytest

from simulation.chance import history_of
from simulation.mutants import MUTANTS, mutated
from simulation.play import play

ENOUGH = {
    "no_guard": (1, "without a look right before"),
    "early_cursor": (12, "at rest"),
    "blind_resend": (12, "lost in prm"),
    "no_key": (1, "without an intent in the journal"),
    "early_base": (4, "never showed"),
    "echo_by_time": (12, "when it was overwritten"),
    "last_write_wins": (8, "somebody who had not seen it"),
}
"""Mutant → histories within which it is found, and what is said of it."""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_the_engine_is_found(name: str) -> None:
    histories, said = ENOUGH[name]
    with mutated(name):
        found = (play(history_of(seed)).broken for seed in range(histories))
        broken = next((one for one in found if one), "")
    assert said in broken
