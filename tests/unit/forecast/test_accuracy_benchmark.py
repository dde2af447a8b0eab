"""The benchmark of accuracy runs to its table: models and oracles answer alike."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("forecast_limits")


@pytest.fixture
def accuracy(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("forecast_accuracy")


def test_worlds_of_every_kind_end_in_rows_of_the_table(
    accuracy: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[bool] = []
    for kind in accuracy.KINDS:
        small = accuracy.channel.Settings(
            partners=6, deals_a_week=5.0, shift_at=26, shift=kind.settings.shift
        )
        worlds = [accuracy.score(seed, accuracy.Kind(kind.name, small, 2, 2), 3) for seed in (1, 2)]
        accuracy.show_kind(kind, worlds)
        assert len(accuracy.skills_of(kind, worlds)) == 2
        shown += accuracy.targets.show(accuracy.rows_of(kind, worlds))
    assert len(shown) == 12
    out = capsys.readouterr().out
    assert out.count("  oracle ") == 3
    assert out.count("limit of luck") >= 3


def test_an_oracle_that_is_not_told_of_a_shift_expects_more_than_one_that_is(
    accuracy: ModuleType,
) -> None:
    channel = accuracy.channel
    settings = channel.Settings(partners=6, deals_a_week=40.0, shift_at=26, shift=0.2)
    found = accuracy.score(3, accuracy.Kind("shift", settings, 2, 2), 20).scores
    assert found[accuracy.UNTOLD].bias > found[accuracy.ORACLE].bias + 0.5


def test_an_oracle_that_forgets_nothing_is_the_oracle_and_each_thing_forgotten_shows(
    accuracy: ModuleType, limits: ModuleType
) -> None:
    channel = accuracy.channel
    record = limits.Record()
    settings = channel.Settings(partners=6, deals_a_week=12.0)
    world = channel.world(5, 4, settings, frozenset({39}), record.watch)
    cut = accuracy.Cut.of(world.history, world.weeks, world.weeks.bounds(3)[0], 3)
    knows = limits.Forgetful(world, record, runs=20, seed=5)
    true = accuracy.oracle(cut, world, 20, 5).groups["total"].mean
    assert knows(cut).groups["total"].mean == pytest.approx(true)
    # Keys of every deal lead to deals that never win: what is drawn of them is what counts.
    dull = limits.Alike(
        keys=np.zeros(1),
        quality=np.array([-9.0]),
        stalled=np.ones(1, dtype=bool),
        made=world.history.created // 7,
        aged=True,
    )
    assert replace(knows, hidden=dull)(cut).groups["total"].mean < true
    poor = limits.Record([seen * 0 for seen in record.seen], record.due)
    assert poor.mood(39)[0] < record.mood(39)[0]
    assert replace(knows, record=poor, mood=True)(cut).groups["total"].mean < true
    assert (poor.luck(world.truth, 39) <= record.luck(world.truth, 39)).all()
