"""What counts as a put-back, and what begins the count anew."""

from __future__ import annotations

import pytest

from prmsync.reconcile.rules import GroupRule
from prmsync.store.written import DoneWrite
from prmsync.sync.put_back import LIMIT, TYPED_LIMIT, Chain, chain_of

RULE = GroupRule("name", ("name",))


def write(
    side: str, old: str, new: str, *, link: int = 1, op: str = "update", name: str = "here"
) -> DoneWrite:
    return DoneWrite(link, name, side, op, {"name": (old, new)})


def chain(*writes: DoneWrite) -> Chain:
    return chain_of(RULE, 1, writes)


def test_restoring_the_agreed_value_is_a_put_back() -> None:
    found = chain(write("crm", "a", "b"), *[write("crm", str(n), "b") for n in range(LIMIT)])
    assert (found.count, found.is_full()) == (LIMIT, True)
    assert found.returns("crm", ("z",), ("b",))
    assert not found.returns("crm", ("z",), ("c",))


@pytest.mark.parametrize("op", ["create", "base"])
def test_what_both_agreed_on_without_an_edit_is_the_start(op: str) -> None:
    side = "crm" if op == "create" else "base"
    assert chain(write(side, "", "b", op=op), write("crm", "z", "b")).count == 1


def test_a_new_value_begins_the_count_anew() -> None:
    found = chain(
        write("crm", "a", "b"),
        write("crm", "z", "b"),
        write("crm", "z", "c"),
        write("crm", "y", "c"),
    )
    assert found.count == 1


def test_writes_in_turn_that_another_connection_brought_are_put_backs() -> None:
    cycle = [
        write("prm", "low", "UP"),
        write("prm", "UP", "low", link=2, name="there"),
        write("crm", "UP", "low"),
    ]
    found = chain(*cycle, *cycle)
    assert (found.count, found.typed, found.other) == (LIMIT, False, "there")
    assert found.returns("prm", ("low",), ("UP",))
    assert found.is_full()


def test_writes_in_turn_that_a_person_may_have_typed_wait_twice_as_long() -> None:
    turn = [write("prm", "low", "UP"), write("crm", "UP", "low")]
    assert not chain(*turn, *turn).is_full()
    found = chain(*turn * 4)
    assert (found.typed, found.count >= TYPED_LIMIT, found.is_full()) == (True, True, True)


def test_to_and_fro_on_one_side_is_no_put_back() -> None:
    there_and_back = [write("prm", "off", "on"), write("prm", "on", "off")]
    assert chain(*there_and_back * 5).count == 0


def test_another_fields_write_does_not_count() -> None:
    other = DoneWrite(1, "here", "crm", "update", {"country": ("DE", "FR")})
    assert chain(write("crm", "a", "b"), other, write("crm", "z", "b")).count == 1
