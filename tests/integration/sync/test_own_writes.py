"""What a run writes to the partner database is not decided a second time by the next run."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from prmsync.store import change_log, links, streams
from prmsync.sync import run


def deal(crm: Any, name: str) -> str:
    words = crm.words
    day = words["day"].format("2026-12-18")
    values = {"deal_name": name, "stage": words["negotiation"], "close_date": day}
    return str(crm.create(words["opportunity"], {words[key]: one for key, one in values.items()}))


def ahead(world: Any) -> int:
    """Rows of the change log about opportunities that the next run will read."""
    with world.database.read() as connection:
        state = streams.streams_of(connection, "crm")["opportunity"]
        return change_log.waiting(connection, state.prm_cursor, "opportunity")


@pytest.mark.parametrize("release", [False, True])
def test_a_first_load_leaves_nothing_to_read(world: Any, crm: Any, release: bool) -> None:
    for name in ("Backup", "Firewall", "Storage"):
        deal(crm, name)
    report = world.sync("crm", release=release)
    if report.state == "waiting":
        world.sync("crm", release=True)
    assert len(world.all_ours("opportunity")) == 3
    assert ahead(world) == 0


def test_an_update_of_ours_leaves_nothing_to_read(world: Any, crm: Any) -> None:
    crm_id = deal(crm, "Backup")
    world.settle("crm")
    world.wait(3600)
    crm.change("opportunity", crm_id, customer_name="Initech")
    assert world.sync("crm").counts == {"opportunity/prm/update/done": 1}
    assert ahead(world) == 0


def test_what_was_passed_over_needs_no_decision(world: Any, crm: Any) -> None:
    """Marked by hand, as if the log had been read: each link is decided, and nothing follows."""
    for name in ("Backup", "Firewall"):
        deal(crm, name)
    world.sync("crm", release=True)
    assert ahead(world) == 0
    with world.database.begin() as connection:
        links.set_dirty(connection, [1, 2, 3, 4], links.Dirty.CHANGED)
    world.wait(60)
    assert world.sync("crm").counts == {}


def test_an_edit_between_the_look_and_the_write_is_seen(
    world: Any, crm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm_id, _ = deal(crm, "Backup"), deal(crm, "Firewall")
    world.settle("crm")
    shown = world.all_ours("opportunity").items()
    (other,) = (one for one, values in shown if values["name"] == "Firewall")
    world.wait(3600)
    crm.change("opportunity", crm_id, customer_name="Initech")
    usual = run.pair_up

    def meanwhile(*given: Any) -> int:
        world.edit("opportunity", other, {"number": "OP-1"})
        return usual(*given)

    monkeypatch.setattr(run, "pair_up", meanwhile)
    world.sync("crm")
    assert ahead(world) == 2  # the edit, and what was written after it
    monkeypatch.undo()
    world.wait(60)
    assert world.sync("crm").counts == {"opportunity/crm/update/done": 1}
    assert ahead(world) == 0


def test_a_key_that_is_still_to_be_written_is(world: Any, crm: Any) -> None:
    world.alter = lambda one: dataclasses.replace(one, stamp_key=True)
    crm_id = deal(crm, "Backup")
    world.sync("crm", release=True)
    world.wait(60)
    world.sync("crm", release=True)
    shown = crm.row("opportunity", crm_id)[crm.words["opportunity_key"]]
    assert [shown] == list(world.all_ours("opportunity"))
