"""Brakes hold exactly the kinds of writes that pass their limits, and say which."""

from __future__ import annotations

from collections import Counter
from dataclasses import FrozenInstanceError
from itertools import product
from typing import Any

import pytest

from prmsync.domain.merge import Side
from prmsync.domain.stage import Stage
from prmsync.reconcile.brakes import (
    RELIED_ON,
    Cell,
    Limits,
    Trip,
    can_wait,
    cells,
    is_back,
    tripped,
)

JANE = "crm:005A"
STAGE = Cell("opportunity", Side.PRM, "update", "stage", JANE)
AMOUNT = Cell("opportunity", Side.PRM, "update", "amount", JANE)
CREATES = Cell("opportunity", Side.CRM, "create", cause="prm")
DELETES = Cell("opportunity", Side.CRM, "delete", cause="gone_prm")
ENDS = Cell("opportunity", "base", "end", cause="gone_prm")
BLANKS = Cell("opportunity", Side.CRM, "blank", "amount", "prm")
BACK = Cell("opportunity", Side.PRM, "back", "stage", JANE)
EMPTY = Cell("opportunity", Side.PRM, "empty", cause="gone_prm")
CREATED = frozenset({("opportunity", "crm")})
LINKED = {"opportunity": 1000}


def held(
    counts: dict[Cell, int],
    linked: dict[str, int] = LINKED,
    created: frozenset[tuple[str, str]] = CREATED,
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


def test_each_cause_has_the_limit_for_itself() -> None:
    theirs = [STAGE._replace(cause=f"crm:{who}") for who in range(30)]
    assert held(dict.fromkeys(theirs, 50), {"opportunity": 60}) == {}
    counts = {**dict.fromkeys(theirs, 50), STAGE: 51}
    assert set(held(counts, {"opportunity": 60})) == {STAGE}


def test_each_stream_is_measured_by_its_own_links_and_limits() -> None:
    ours = Cell("partner", Side.CRM, "update", "name")
    counts = {STAGE: 60, ours: 60}
    strict = {"partner": Limits(absolute=5, percent=1)}
    assert set(tripped(counts, {"opportunity": 100, "partner": 100_000}, CREATED, {})) == {STAGE}
    assert set(tripped(counts, {"opportunity": 400, "partner": 400}, CREATED, strict)) == {ours}


def test_an_unknown_stream_counts_as_empty() -> None:
    assert held({STAGE: 51}, {})[STAGE].total == 0


def test_what_was_taken_back_meanwhile_holds_nothing() -> None:
    first = frozenset[tuple[str, str]]()
    assert held({CREATES: 0}, created=first) == {}
    assert held({CREATES: -1}, created=first) == {}


@pytest.mark.parametrize(
    ("created", "waits"),
    [
        pytest.param(frozenset[tuple[str, str]](), True, id="nothing was ever created"),
        pytest.param(frozenset({("opportunity", "prm")}), True, id="only on the other side"),
        pytest.param(frozenset({("partner", "crm")}), True, id="only in another stream"),
        pytest.param(CREATED, False, id="some were created before"),
    ],
)
def test_first_creations_always_wait(created: frozenset[tuple[str, str]], waits: bool) -> None:
    trips = held({CREATES: 1}, created=created)
    why = "first creations wait for a person"
    assert trips == ({CREATES: Trip(CREATES, 1, 1000, why)} if waits else {})


@pytest.mark.parametrize(
    ("cell", "limits", "limit"),
    [
        (CREATES, None, 50),
        (DELETES, None, 10),
        (ENDS, None, 20),
        (BLANKS, None, 20),
        (BACK, None, 10),
        (CREATES, Limits(creates=3), 3),
        (DELETES, Limits(deletes=2000), 2000),
        (DELETES, Limits(deletes=0), 0),
        (ENDS, Limits(ends=4), 4),
        (BLANKS, Limits(blanks=7), 7),
        (BACK, Limits(regressions=0), 0),
    ],
)
def test_what_is_out_of_the_ordinary_has_a_limit_a_run(
    cell: Cell, limits: Limits | None, limit: int
) -> None:
    for within in (limit, max(limit - 1, 0)):
        assert held({cell: within}, limits=limits) == {}
    (trip,) = held({cell: limit + 1}, limits=limits).values()
    assert (trip.count, trip.why) == (limit + 1, f"its limit is {limit} a run")


@pytest.mark.parametrize(
    ("count", "linked", "limits", "holds"),
    [
        pytest.param(5, 10, None, True, id="half of a small stream"),
        pytest.param(4, 8, None, False, id="too few to speak of emptying"),
        pytest.param(4, 4, None, False, id="all of a tiny stream"),
        pytest.param(5, 5, None, True, id="all of a small stream"),
        pytest.param(499, 1000, None, False, id="just less than half"),
        pytest.param(500, 1000, None, True, id="half"),
        pytest.param(7, 0, None, True, id="nothing is linked as far as known"),
        pytest.param(100, 1000, Limits(empty=10), True, id="a limit of its own"),
        pytest.param(99, 1000, Limits(empty=10), False, id="below a limit of its own"),
    ],
)
def test_a_side_that_is_suddenly_empty_waits(
    count: int, linked: int, limits: Limits | None, holds: bool
) -> None:
    trips = held({EMPTY: count}, {"opportunity": linked}, limits=limits)
    assert set(trips) == ({EMPTY} if holds else set())
    if holds:
        share = 50 if limits is None else limits.empty
        assert trips[EMPTY].why == f"a side that loses {share} % of its records waits"


def test_the_default_limits_are_those_of_the_mapping_reference() -> None:
    assert Limits() == Limits(50, 20, 50, 10, 20, 20, 10, 50)
    assert Limits() == Limits(
        absolute=50,
        percent=20,
        creates=50,
        deletes=10,
        ends=20,
        blanks=20,
        regressions=10,
        empty=50,
    )


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
        (BLANKS, "opportunity: `amount` cleared in the CRM"),
        (BACK, "opportunity: `stage` moved back in the partner database"),
        (ENDS, "opportunity: links that end"),
        (EMPTY, "opportunity: records gone from the partner database"),
    ],
)
def test_a_cell_says_what_it_counts(cell: Cell, text: str) -> None:
    assert str(cell) == text


def told(op: str, changes: dict[str, Any], cause: str = "prm", side: str = "crm") -> set[Cell]:
    return set(cells("opportunity", side, op, cause, changes))


def test_an_update_counts_each_field_whose_value_is_replaced() -> None:
    changes = {
        "amount": ("1", "2"),
        "currency": ("EUR", "EUR"),
        "source": (None, "fair"),
        "@key": ("x", "y"),
    }
    assert told("update", changes) == {Cell("opportunity", "crm", "update", "amount", "prm")}


def test_clearing_a_value_counts_as_an_update_and_as_a_blank() -> None:
    assert told("update", {"amount": ("1", None)}) == {
        Cell("opportunity", "crm", "update", "amount", "prm"),
        Cell("opportunity", "crm", "blank", "amount", "prm"),
    }


def test_a_stage_that_goes_back_counts_as_an_update_and_as_a_regression() -> None:
    assert told("update", {"stage": ("committed", "prospect")}) == {
        Cell("opportunity", "crm", "update", "stage", "prm"),
        Cell("opportunity", "crm", "back", "stage", "prm"),
    }
    assert {one.op for one in told("update", {"stage": ("prospect", "committed")})} == {"update"}
    assert {one.op for one in told("update", {"tier": ("committed", "prospect")})} == {"update"}


def test_a_creation_counts_once_whatever_its_fields() -> None:
    assert told("create", {"stage": (None, "prospect"), "amount": (None, "1")}) == {
        Cell("opportunity", "crm", "create", "", "prm")
    }


@pytest.mark.parametrize(
    ("cause", "emptied"), [("gone_prm", "prm"), ("gone_crm", "crm"), ("decision", None)]
)
@pytest.mark.parametrize(("op", "side"), [("delete", "crm"), ("end", "base")])
def test_a_pair_that_breaks_counts_for_the_side_that_is_emptied(
    op: str, side: str, cause: str, emptied: str | None
) -> None:
    wanted = {Cell("opportunity", side, op, "", cause)}
    if emptied:
        wanted.add(Cell("opportunity", emptied, "empty", "", cause))
    assert told(op, {"name": ("x", None)}, cause, side) == wanted


def test_an_end_that_breaks_no_pair_and_a_base_move_count_nothing() -> None:
    assert told("end", {}, "", "base") == set()
    assert told("base", {"amount": ("1", "2")}, "", "base") == set()


def test_every_pair_of_stages_goes_back_or_not_as_the_table_says() -> None:
    """Open: an earlier stage is back; losing is an end. Closed: every open stage is back."""
    closed = {Stage.LAUNCHED, Stage.CLOSED_LOST}
    order = list(Stage)
    for old, new in product(Stage, Stage):
        if old in closed:
            back = new not in closed
        else:
            back = new is not Stage.CLOSED_LOST and order.index(new) < order.index(old)
        assert is_back(old.value, new.value) == back, (old, new)


@pytest.mark.parametrize("old", [None, "no stage", "prospect"])
@pytest.mark.parametrize("new", [None, "no stage"])
def test_what_is_no_stage_never_goes_back(old: str | None, new: str | None) -> None:
    assert not is_back(old, new)
    assert not is_back(new, old)


@pytest.mark.parametrize("field", sorted(RELIED_ON))
@pytest.mark.parametrize("op", ["update", "blank", "back"])
def test_fields_that_people_act_on_cannot_wait_until_morning(op: str, field: str) -> None:
    answer = can_wait(Cell("opportunity", "prm", op, field, "prm"))
    assert (answer.can, answer.why) == (False, RELIED_ON[field])


@pytest.mark.parametrize("op", ["update", "blank", "create", "delete", "end", "empty"])
def test_everything_else_can_wait_because_nothing_is_lost(op: str) -> None:
    answer = can_wait(Cell("opportunity", "prm", op, "amount" if op == "update" else "", "prm"))
    assert answer.can
    assert "nothing is lost" in answer.why


def test_each_reason_to_wait_says_what_stands_meanwhile() -> None:
    reasons = {op: can_wait(Cell("partner", "crm", op)).why for op in ("update", "create", "end")}
    assert reasons == {
        "update": "nothing is lost; the old values stand meanwhile",
        "create": "nothing is lost; the records are missing on one side meanwhile",
        "end": "nothing is lost; both sides keep what they have meanwhile",
    }


@pytest.mark.parametrize(("one", "name"), [(Limits(), "creates"), (Trip(STAGE, 1, 1, ""), "count")])
def test_limits_and_what_tripped_cannot_be_changed_by_chance(one: object, name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(one, name, None)
