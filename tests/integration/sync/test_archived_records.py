"""Deletions in the CRM are found by normal runs, at a cost that does not grow."""

from __future__ import annotations

from typing import Any

from prmsync.domain.values import Values
from prmsync.store import links
from prmsync.store.links import LinkState


def test_a_normal_run_finds_what_was_deleted_within_minutes(
    world: Any, crm: Any, partner_values: Values
) -> None:
    partner = world.insert("partner", partner_values)
    world.settle("crm")
    crm.remove("partner", str(crm.only("partner")[crm.words["id"]]))
    for _ in range(3):
        world.wait(301)
        world.sync("crm")
    with world.database.read() as connection:
        (link,) = links.ids_of_record(connection, "partner", partner)
        known = links.by_ids(connection, [link])[link]
    assert (known.crm_gone, known.state) == (True, LinkState.ENDED)


def test_an_idle_run_costs_at_most_ten_calls_whatever_is_archived(
    world: Any, crm: Any, partner_values: Values
) -> None:
    for at in range(3):
        world.insert("partner", {**partner_values, "name": f"P{at}", "domain": f"p{at}.example"})
    world.settle("crm")
    for row in crm.rows("partner")[1:]:
        crm.remove("partner", str(row[crm.words["id"]]))
    for _ in range(3):
        world.wait(301)
        world.sync("crm")
    for _ in range(3):
        world.wait(301)
        report = world.sync("crm")
        assert report.counts == {}
        assert sum(report.calls.values()) <= 10, report.calls
