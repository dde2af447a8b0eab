"""A history as it looked on any day."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from deal_worlds import WEEKS, world
from prmsync.forecast.history import NEVER
from prmsync.forecast.spells import Exit

LONG = world(1, weeks=100)


@settings(deadline=None, max_examples=25)
@given(day=st.integers(50, 600))
def test_what_happened_later_changes_nothing_of_an_earlier_day(day: int) -> None:
    short = world(1, weeks=90)
    one, two = LONG.as_of(day), short.as_of(day)
    for field in fields(one):
        assert np.array_equal(getattr(one, field.name), getattr(two, field.name)), field.name


@settings(deadline=None, max_examples=25)
@given(late=st.integers(100, 600), early=st.integers(50, 600))
def test_looking_back_twice_is_looking_back_once(late: int, early: int) -> None:
    once, twice = LONG.as_of(min(late, early)), LONG.as_of(late).as_of(min(late, early))
    for field in fields(once):
        assert np.array_equal(getattr(once, field.name), getattr(twice, field.name)), field.name


def test_a_deal_closed_later_is_open_and_worth_nothing_yet() -> None:
    before = LONG.as_of(300)
    known = LONG.created < 300
    open_still = (LONG.closed >= 300)[known]
    assert open_still.any()
    assert (before.closed[open_still] == NEVER).all()
    assert not before.won[open_still].any()
    assert (before.worth[open_still] == 0).all()


def test_every_stage_of_a_deal_is_one_stay_that_ends_where_the_next_begins() -> None:
    spells = LONG.spells(WEEKS, 700)
    moved = np.flatnonzero(spells.exit == Exit.MOVE)
    assert (spells.start[moved + 1] == spells.last[moved]).all()
    assert (spells.stage[moved + 1] == spells.target[moved]).all()
    assert (spells.exit == Exit.WIN).sum() == LONG.won.sum()


def test_an_edit_of_the_amount_is_no_new_stay() -> None:
    deals = world(2, weeks=40)
    edited = deals.as_of(200)
    twice = np.repeat(np.arange(len(edited.deal)), 2)
    doubled = type(edited)(
        **{
            field.name: getattr(edited, field.name)[twice]
            if field.name in ("deal", "day", "stage", "amount", "expected_close")
            else getattr(edited, field.name)
            for field in fields(edited)
        }
    )
    assert len(doubled.spells(WEEKS, 200)) == len(edited.spells(WEEKS, 200))
