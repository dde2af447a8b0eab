"""Brakes hold exactly the kinds of writes that pass their limits, and say which."""

from __future__ import annotations

from collections import Counter
from dataclasses import FrozenInstanceError

import pytest

from prmsync.domain.merge import Side
from prmsync.reconcile.brakes import Cell, Limits, Trip, tripped

STAGE = Cell("opportunity", Side.PRM, "update", "stage")
AMOUNT = Cell("opportunity", Side.PRM, "update", "amount")
CREATES = Cell("opportunity", Side.CRM, "create")
DELETES = Cell("opportunity", Side.CRM, "delete")
CREATED = frozenset({("opportunity", Side.CRM)})
LINKED = {"opportunity": 1000}


def held(
    counts: dict[Cell, int],
    linked: dict[str, int] = LINKED,
    created: frozenset[tuple[str, Side]] = CREATED,
    limits: Limits | None = None,
) -> dict[Cell, Trip]:
    return tripped(
        Counter(counts), linked, created, {} if limits is None else {"opportunity": limits}
    )


@pytest.mark.parametrize(
    ("count", "linked", "holds"),
    [
        pytest.param(50, 10, False, id="up to the number, whatever the share"),
        pytest.param(49, 10, False, id="below the number, whatever the share"),
        pytest.param(51, 10, True, id="over the number and over the share"),
        pytest.param(200, 1000, False, id="the share itself"),
        pytest.param(201, 1000, True, id="one more than the share"),
        pytest.param(201, 1005, False, id="just within the share of a larger stream"),
        pytest.param(51, 0, True, id="nothing is linked yet"),
        pytest.param(0, 0, False, id="nothing to write"),
    ],
)
def test_updates_of_a_field_pass_both_limits_before_they_wait(
    count: int, linked: int, holds: bool
) -> None:
    trips = held({STAGE: count}, {"opportunity": linked})
    assert trips == ({STAGE: Trip(STAGE, count, linked, "its limit is 20 %")} if holds else {})


def test_a_brake_holds_what_tripped_it_and_lets_the_rest_go() -> None:
    assert set(held({STAGE: 412, AMOUNT: 12, DELETES: 10, CREATES: 50})) == {STAGE}


def test_each_stream_is_measured_by_its_own_links_and_limits() -> None:
    ours = Cell("partner", Side.CRM, "update", "name")
    counts = {STAGE: 60, ours: 60}
    strict = {"partner": Limits(absolute=5, percent=1)}
    assert set(tripped(counts, {"opportunity": 100, "partner": 100_000}, CREATED, {})) == {STAGE}
    assert set(tripped(counts, {"opportunity": 400, "partner": 400}, CREATED, strict)) == {ours}


def test_an_unknown_stream_counts_as_empty() -> None:
    assert held({STAGE: 51}, {})[STAGE].total == 0


@pytest.mark.parametrize(
    ("created", "waits"),
    [
        pytest.param(frozenset[tuple[str, Side]](), True, id="nothing was ever created"),
        pytest.param(frozenset({("opportunity", Side.PRM)}), True, id="only on the other side"),
        pytest.param(frozenset({("partner", Side.CRM)}), True, id="only in another stream"),
        pytest.param(CREATED, False, id="some were created before"),
    ],
)
def test_first_creations_always_wait(created: frozenset[tuple[str, Side]], waits: bool) -> None:
    trips = held({CREATES: 1}, created=created)
    why = "first creations wait for a person"
    assert trips == ({CREATES: Trip(CREATES, 1, 1000, why)} if waits else {})


@pytest.mark.parametrize(
    ("cell", "limits", "limit"),
    [
        (CREATES, None, 50),
        (DELETES, None, 10),
        (CREATES, Limits(creates=3), 3),
        (DELETES, Limits(deletes=2000), 2000),
        (DELETES, Limits(deletes=0), 0),
    ],
)
def test_creations_and_deletions_have_a_limit_a_run(
    cell: Cell, limits: Limits | None, limit: int
) -> None:
    for within in (limit, max(limit - 1, 0)):
        assert held({cell: within}, limits=limits) == {}
    (trip,) = held({cell: limit + 1}, limits=limits).values()
    assert (trip.count, trip.why) == (limit + 1, f"its limit is {limit} a run")


def test_the_default_limits_are_those_of_the_mapping_reference() -> None:
    assert Limits() == Limits(absolute=50, percent=20, creates=50, deletes=10)


@pytest.mark.parametrize("linked", [0, 1])
@pytest.mark.parametrize(("percent", "holds"), [(100, False), (60, True)])
def test_a_stream_has_one_record_at_least(linked: int, percent: int, holds: bool) -> None:
    limits = Limits(absolute=0, percent=percent)
    assert bool(held({STAGE: 1}, {"opportunity": linked}, limits=limits)) == holds


def test_large_counts_are_compared_by_size() -> None:
    limits = Limits(absolute=int("1000"), percent=0)
    assert held({STAGE: int("1000")}, limits=limits) == {}
    assert set(held({STAGE: int("1001")}, limits=limits)) == {STAGE}
    assert held({CREATES: int("1000")}, limits=Limits(creates=int("1000"))) == {}
    assert held({DELETES: int("1000")}, limits=Limits(deletes=int("1000"))) == {}


def test_a_limit_of_its_own_is_told() -> None:
    trips = held({STAGE: 30}, {"opportunity": 300}, limits=Limits(absolute=20, percent=5))
    assert trips[STAGE].why == "its limit is 5 %"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (STAGE, "opportunity: `stage` in the partner database"),
        (CREATES, "opportunity: creates in the CRM"),
        (Cell("partner", Side.PRM, "delete"), "partner: deletes in the partner database"),
        (Cell("partner", Side.CRM, "update", "tier"), "partner: `tier` in the CRM"),
    ],
)
def test_a_cell_says_what_it_counts(cell: Cell, text: str) -> None:
    assert str(cell) == text


@pytest.mark.parametrize(
    ("one", "name"),
    [(Limits(), "creates"), (STAGE, "side"), (Trip(STAGE, 1, 1, "why"), "count")],
)
def test_limits_and_what_tripped_cannot_be_changed_by_chance(one: object, name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(one, name, None)
