"""Links that rest outside the mapping's filter, and ended ones that a person links again."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.service.matching import COLUMNS, apply_file
from prmsync.store import links
from prmsync.sync import run


@pytest.fixture
def partner(world: Any, partner_values: Values) -> str:
    """A partner that both sides have; only German ones take part."""
    world.alter = lambda one: (
        dataclasses.replace(one, filter={"country": ("DE",)}) if one.stream == "partner" else one
    )
    made = world.insert("partner", partner_values)
    world.settle("crm")
    world.wait(60)
    return str(made)


def state(world: Any, prm_id: str) -> str:
    with world.database.read() as connection:
        found = links.by_ids(connection, links.ids_of_record(connection, "partner", prm_id))
    (one,) = found.values()
    return str(one.state)


def settle(world: Any) -> None:
    world.wait(60)
    world.settle("crm")


def test_a_record_that_leaves_here_rests_and_comes_back_merged(
    world: Any, crm: Any, partner: str
) -> None:
    name, key = crm.words["name"], crm.words["id"]
    world.edit("partner", partner, {"country": "FR"})
    settle(world)
    crm.change("partner", crm.only("partner")[key], name="Globex SE")
    world.edit("partner", partner, {"duns": "123456789"})
    settle(world)
    assert state(world, partner) == "dormant"
    assert crm.only("partner")[crm.words["country"]] == "DE"
    assert world.ours("partner", partner)["name"] == "Globex Corporation"
    world.edit("partner", partner, {"country": "DE"})
    settle(world)
    assert state(world, partner) == "live"
    assert world.ours("partner", partner)["name"] == crm.only("partner")[name] == "Globex SE"
    duns = "DunsNumber" if crm.connector == "salesforce" else "prm_duns"
    assert crm.only("partner")[duns] == "123456789"


def test_a_record_that_leaves_in_the_crm_rests_and_comes_back_from_there(
    world: Any, crm: Any, partner: str
) -> None:
    key = crm.only("partner")[crm.words["id"]]
    crm.change("partner", key, country="FR")
    settle(world)
    settle(world)
    assert state(world, partner) == "dormant"
    crm.change("partner", key, name="Globex SE")
    settle(world)
    assert world.ours("partner", partner)["name"] == "Globex Corporation"
    crm.change("partner", key, country="DE")
    settle(world)
    ours = world.ours("partner", partner)
    assert (state(world, partner), ours["country"], ours["name"]) == ("live", "DE", "Globex SE")


def relink(world: Any, tmp_path: Path, prm_id: str, crm_id: str) -> tuple[int, int]:
    path = tmp_path / "matches.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        row = {"link": "yes", "stream": "partner", "prm_id": prm_id, "crm_id": crm_id}
        writer.writerow({**row, "prm_name": "", "crm_name": ""})
    with world.session("crm") as session:
        return apply_file(session, path)


def test_a_person_links_a_record_again_whose_first_one_was_deleted(
    world: Any, crm: Any, partner: str, tmp_path: Path
) -> None:
    crm.remove("partner", crm.only("partner")[crm.words["id"]])
    world.wait(700)
    with world.session("crm") as session:
        from_the_start(session)
    assert state(world, partner) == "ended"
    values = {crm.words["name"]: "Globex Corporation", crm.words["country"]: "DE"}
    made = crm.create(crm.words["partner"], values)
    settle(world)
    assert state(world, partner) == "ended"
    assert relink(world, tmp_path, partner, made) == (1, 0)
    settle(world)
    assert state(world, partner) == "live"
    world.edit("partner", partner, {"name": "Globex SE"})
    settle(world)
    assert crm.only("partner")[crm.words["name"]] == "Globex SE"


def from_the_start(session: Any) -> None:
    run.sync(session, full=True, release=True)


@pytest.mark.parametrize("by", ["prm", "crm", "mapping"])
def test_records_that_leave_the_filter_in_mass_wait_for_a_person(
    world: Any, crm: Any, partner: str, partner_values: Values, by: str
) -> None:
    """Whoever it was: while they wait nothing of them is written, and the others go on."""
    made = [
        world.insert("partner", {**partner_values, "name": f"P{at}", "domain": f"p{at}.example"})
        for at in range(25)
    ]
    world.settle("crm")
    if by == "prm":
        for one in made:
            world.edit("partner", one, {"country": "FR"})
    elif by == "crm":
        for row in crm.rows("partner"):
            if row[crm.words["name"]].startswith("P"):
                crm.change("partner", row[crm.words["id"]], country="FR")
    else:
        world.alter = lambda one: (
            dataclasses.replace(one, filter={"name": ("Globex Corporation",)})
            if one.stream == "partner"
            else one
        )
    for _ in range(2):
        world.wait(60)
        report = world.sync("crm")
    (trip,) = [one for one in report.waiting if one.cell.op == "rest"] or report.trips
    assert {state(world, one) for one in made} == {"live"}
    assert trip.count == 25
    if by != "crm":
        assert (trip.cell.op, trip.cell.cause) == ("rest", by)
    world.sync("crm", release=True)
    world.sync("crm", release=True)
    assert {state(world, one) for one in made} == {"dormant"}
    assert state(world, partner) == "live"


def test_leaving_the_filter_stands_in_history(world: Any, partner: str) -> None:
    world.edit("partner", partner, {"country": "FR"})
    settle(world)
    last = world.history("partner", partner)[-1]
    assert (last.op, last.fields) == ("rest", {"country": ("DE", "FR")})
    assert last.reason == "left the mapping's filter: country"
