"""The power is cut at every point between two lasting effects of an undo, and work goes on.

Whatever is cut, undoing again ends as if nothing had happened: at once, or after syncs in between.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from prmsync.domain.values import Values

STRIDE = int(os.environ.get("PRMSYNC_CRASH_STRIDE", "3"))
"""1 cuts at every effect; the default takes a third of them, others in each test."""

DEAL: Values = {
    "stage": "qualified",
    "amount": "1000.00",
    "currency": "EUR",
    "close_date": "2026-12-20",
}


def before_the_mistake(story: Any) -> None:
    world, ids = story.world, story.ids
    for name in ("Globex", "Initech"):
        values: Values = {"name": name, "domain": f"{name.lower()}.example", "country": "DE"}
        ids[name] = world.insert("partner", values)
        ids[f"deal {name}"] = world.insert(
            "opportunity",
            {**DEAL, "name": f"Deal {name}", "customer_name": f"{name} AG", "partner": ids[name]},
        )
        ids[f"role {name}"] = world.insert(
            "relation",
            {"opportunity": ids[f"deal {name}"], "partner": ids[name], "role": "reseller"},
        )
    ids["DR-1"] = world.insert(
        "registration",
        {
            "number": "DR-1",
            "partner": ids["Globex"],
            "opportunity": ids["deal Globex"],
            "customer_name": "Globex AG",
        },
    )
    world.settle("crm")
    world.wait(60)


def the_mistake(story: Any) -> int:
    """Writes of every kind on both sides, in one run; returns its number."""
    world, crm, ids = story.world, story.crm, story.ids
    world.edit("opportunity", ids["deal Globex"], {"customer_name": "Wrong SE"})
    world.edit("registration", ids["DR-1"], {"expected_close": "2027-01-15"})
    world.edit("relation", ids["role Globex"], {"role": "distributor"})
    world.edit("partner", ids["Initech"], {"country": "AT"})
    world.insert(
        "registration",
        {"number": "DR-2", "partner": ids["Initech"], "customer_name": "Created AG"},
    )
    deals = {row[crm.words["deal_name"]]: row[crm.words["id"]] for row in crm.rows("opportunity")}
    crm.change("opportunity", deals["Deal Initech"], source="wrong fair")
    values = {
        "deal_name": "Created in the CRM",
        "stage": crm.words["qualified"],
        "close_date": crm.words["day"].format("2026-11-30"),
    }
    crm.create(crm.words["opportunity"], {crm.words[key]: one for key, one in values.items()})
    world.wait(60)
    return int(world.sync("crm", release=True).run_id)


def the_end(story: Any) -> tuple[Any, ...]:
    report = story.world.settle("crm", limit=6)
    assert not [key for key in report.counts if "/base/" not in key], report.counts
    story.world.wait(700)
    story.world.settle("crm", limit=6)
    story.verify()
    return story.ours(), story.theirs(), story.held()


def at_once(_story: Any) -> None:
    """The undo is repeated before anything else runs."""


def after_a_sync(story: Any) -> None:
    """The schedule came first."""
    story.world.settle("crm", limit=6)


@pytest.mark.parametrize("meanwhile", [at_once, after_a_sync])
def test_whatever_is_cut_undoing_again_ends_as_if_nothing_had_happened(
    story: Any, meanwhile: Callable[[Any], None]
) -> None:
    before_the_mistake(story)
    mistake = the_mistake(story)
    story.world.wait(60)
    story.keep("mistaken")

    def undo() -> None:
        story.world.undo("crm", mistake)

    whole = story.cut_at(-1, undo)
    expected = the_end(story)
    assert whole.count > 10
    assert "Wrong SE" not in repr(expected[1])
    assert "Created in the CRM" not in repr(expected[0])
    assert len(expected[2]) == 5
    for at in range((meanwhile is at_once), whole.count, STRIDE):
        story.put_back("mistaken")
        assert story.cut_at(at, undo).blown
        meanwhile(story)
        undo()
        ended = the_end(story)
        for here, there in zip(ended, expected, strict=True):
            assert here == there, f"cut at effect {at} of {whole.count}"
