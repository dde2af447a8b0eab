"""Several write calls under way together: each row keeps its own fate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from prmsync.connector.simulator.http import Request
from prmsync.domain.merge import Guard, Side
from prmsync.domain.values import Values
from prmsync.store.sending import ToSend
from prmsync.sync.quota import cost
from rig import World

UPSERT = r"/composite/sobjects/Account/PRM_Partner_Id__c$"


@pytest.fixture
def together(make_world) -> Iterator[World]:
    world: World = make_world(crm="salesforce")
    with ThreadPoolExecutor(8) as pool:
        world.pool = pool
        yield world


def insert(world: World, count: int, values: Values) -> None:
    for number in range(count):
        world.insert("partner", {**values, "name": f"Partner {number}", "domain": None})


def names(world: World) -> Counter[str]:
    return Counter(row["Name"] for row in world.crms["crm"].rows("partner"))


def test_all_rows_arrive_in_the_fewest_calls(together: World, partner_values: Values) -> None:
    insert(together, 450, partner_values)
    report = together.sync("crm", release=True)
    assert report.calls["write"] == 3
    assert names(together) == Counter(f"Partner {number}" for number in range(450))


def test_a_reply_lost_among_several_is_looked_up_and_nothing_comes_twice(
    together: World, partner_values: Values
) -> None:
    insert(together, 450, partner_values)
    together.crms["crm"].fault(path=UPSERT, drop=True, times=1)
    report = together.sync("crm", release=True)
    assert report.state == "failed"
    assert together.settle("crm").state == "done"
    assert names(together) == Counter(f"Partner {number}" for number in range(450))


def test_a_call_that_never_happened_among_several_is_made_up_for(
    together: World, partner_values: Values
) -> None:
    insert(together, 450, partner_values)
    together.crms["crm"].fault(path=UPSERT, drop=True, commit=False, times=1)
    together.sync("crm", release=True)
    together.settle("crm")
    assert names(together) == Counter(f"Partner {number}" for number in range(450))


def test_many_new_records_go_by_one_job(together: World, partner_values: Values) -> None:
    together.options["bulk_writes"] = 100
    insert(together, 450, partner_values)
    report = together.sync("crm", release=True)
    assert report.state == "done"
    assert report.calls["write"] == 3
    assert names(together) == Counter(f"Partner {number}" for number in range(450))
    assert together.settle("crm").counts == {}


@pytest.mark.parametrize(
    ("op", "count", "writes"),
    [
        ("create", 100, 1),
        ("create", 450, 10),
        ("create", 10_050, 11),
        ("update", 450, 10),
        ("delete", 90, 1),
    ],
)
def test_a_plan_counts_the_calls_of_a_job_where_there_will_be_one(
    together: World, op: str, count: int, writes: int
) -> None:
    together.options["bulk_writes"] = 100
    with together.session("crm") as session:
        stream = session.streams["partner"].id
        calls = cost(session, {ToSend(stream, Side.CRM, op, False): count})
    assert calls["write"] == writes


@pytest.mark.parametrize(
    ("op", "count", "looks"),
    [("create", 450, 0), ("update", 2000, 1), ("update", 2001, 2), ("delete", 10_050, 6)],
)
def test_a_plan_counts_looks_by_the_records_that_one_call_shows(
    together: World, op: str, count: int, looks: int
) -> None:
    """Two thousand, in Salesforce, however many go into one write."""
    together.options["bulk_writes"] = 100
    with together.session("crm") as session:
        stream = session.streams["partner"].id
        calls = cost(session, {ToSend(stream, Side.CRM, op, False): count})
    assert calls["guard"] == looks


def test_a_plan_counts_what_a_strict_guard_costs(together: World) -> None:
    together.alter = lambda mapping: replace(mapping, guard=Guard.STRICT)
    with together.session("crm") as session:
        stream = session.streams["partner"].id
        calls = cost(session, {ToSend(stream, Side.CRM, "update", False): 200})
    assert (calls["guard"], calls["write"]) == (1, 8)


def test_rows_of_a_stream_whose_mapping_was_taken_away_are_counted_by_batches(
    together: World,
) -> None:
    with together.session("crm") as session:
        calls = cost(session, {ToSend(9_999, Side.CRM, "create", False): 450})
    assert calls["write"] == 3


def test_a_job_whose_end_nobody_heard_is_looked_up_and_nothing_comes_twice(
    together: World, partner_values: Values
) -> None:
    together.options["bulk_writes"] = 100
    insert(together, 450, partner_values)
    together.crms["crm"].fault(path="successfulResults", status=503)
    assert together.sync("crm", release=True).state == "failed"
    together.crms["crm"].no_faults()
    together.settle("crm")
    assert names(together) == Counter(f"Partner {number}" for number in range(450))
    assert together.parked() == []


def test_a_strict_guard_keeps_what_a_person_types_between_the_look_and_the_write(
    make_world, partner_values: Values
) -> None:
    world: World = make_world(crm="salesforce")
    world.alter = lambda mapping: replace(mapping, guard=Guard.STRICT)
    ours = world.insert("partner", partner_values)
    world.settle("crm")
    crm = world.crms["crm"]
    record = crm.rows("partner")[0]["Id"]
    typed = iter(["Typed in between"])

    def person(request: Request) -> None:
        if b'"PATCH"' in request.body:
            for name in typed:
                world.wait(2)
                crm.change("partner", record, name=name)

    world.wait(60)
    world.edit("partner", ours, {"name": "Ours"})
    with crm.standing_before(person, path=r"/services/data/v[0-9.]+/composite$"):
        world.sync("crm")
        world.sync("crm")
    assert crm.rows("partner")[0]["Name"] == "Typed in between"
    assert world.ours("partner", ours)["name"] == "Ours"
    (item,) = world.held()
    assert item.group == "name"
