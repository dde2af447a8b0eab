"""Two CRMs, their people, their faults and an engine that dies: every promise is kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from simulation.chance import history_of
from simulation.play import play

HISTORIES = 300
CHUNK = 20
TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize("first", range(0, HISTORIES, CHUNK))
def test_every_promise_is_kept(first: int) -> None:
    for seed in range(first, first + CHUNK):
        outcome = play(history_of(seed))
        replay = f"PYTHONPATH=tests python -m simulation --seed {seed} --shrink"
        assert not outcome.broken, f"{outcome.broken}\n{replay}"
        assert outcome.counts["crashes"] >= 3


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    """Also where Python orders sets in another way."""
    program = (
        "from simulation.chance import history_of\nfrom simulation.play import play\n"
        "from simulation.world import Home\nfrom pathlib import Path\nimport tempfile\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    Home.folder = Path(folder)\n"
        "    print([play(history_of(seed)).digest for seed in (0, 1, 2)])\n"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONPATH": str(TESTS), "PYTHONHASHSEED": order},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for order in ("1", "2")
    ]
    assert told[0] == told[1]
    assert "''" not in told[0]
