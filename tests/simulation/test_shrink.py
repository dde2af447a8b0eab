"""A history that breaks a promise is replayed by one line, and with as few events as it takes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from simulation.chance import history_of
from simulation.mutants import mutated
from simulation.play import play
from simulation.report import empty_cells, main
from simulation.shrink import fewest, kind_of, shrunk

HANDFUL = 6


def test_a_mutants_history_shrinks_to_a_handful_of_events_that_break_the_same_promise() -> None:
    with mutated("no_guard"):
        history = history_of(0)
        broken = play(history).broken
        small = shrunk(history, broken)
        left = play(small).broken
    assert broken
    assert len(history.events) > 60
    assert 0 < len(small.events) <= HANDFUL
    assert kind_of(left) == kind_of(broken)
    assert play(small).broken == ""


def test_of_what_is_left_no_part_can_be_left_out() -> None:
    """The mix that breaks: 3 before 11, and any even number above 20."""

    def breaks(parts: Sequence[int]) -> bool:
        found = list(parts)
        both = 3 in found and 11 in found and found.index(3) < found.index(11)
        return both and any(one > 20 and one % 2 == 0 for one in found)

    assert fewest(list(range(40)), breaks) in [[3, 11, last] for last in range(22, 40, 2)]


def test_the_report_names_the_replay_of_a_broken_promise_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with mutated("no_guard"):
        code = main(["--seeds", "1", "--jobs", "1"])
    told = capsys.readouterr().out
    assert code == 1
    assert "  replay: PYTHONPATH=tests python -m simulation --seed 0 --shrink\n" in told
    assert "1 histories, 1 broken" in told
    assert "events, " in told and " a second: " in told


def test_an_empty_cell_of_the_table_is_named() -> None:
    outcome = play(history_of(0))
    assert outcome.cells
    assert ("a fault", "a path") not in empty_cells(outcome.cells)
    outcome.cells["a fault nobody met", "prm create"] = 1
    assert ("a fault nobody met", "crm delete") in empty_cells(outcome.cells)
