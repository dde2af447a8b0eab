"""A plan that lists only its first rows lists those that change something."""

from __future__ import annotations

from typing import Any

from prmsync.cli.plans import written_streams
from prmsync.domain.values import Values
from prmsync.service.plan_file import named_rows
from prmsync.sync import run

NAMES = ("Acme", "Initech", "Umbrella")


def test_what_is_equal_does_not_crowd_out_what_is_written(
    world: Any, partner_values: Values, rig: Any
) -> None:
    for name in NAMES:
        domain = f"{name.lower()}.example"
        world.insert("partner", {**partner_values, "name": name, "domain": domain, "duns": None})
    world.settle("crm")
    world.alter = lambda one: rig.without(one, "duns")
    world.settle("crm")
    last = sorted(world.all_ours("partner"))[-1]
    world.edit("partner", last, {"duns": "987654321"})
    world.settle("crm")
    world.alter = lambda one: one
    world.wait(2)
    with world.session("crm") as session:
        report = run.plan(session)
    listed = {
        name: (rows, total) for name, rows, total in named_rows(world.database, report.run_id, 1)
    }
    rows, total = listed["partner"]
    assert [(action.op, action.side) for action, _ in rows] == [("update", "crm")]
    assert total == len(NAMES)
    assert written_streams(report.counts) == ["partner"]
