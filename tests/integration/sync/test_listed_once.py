"""What one run decided several times is listed and counted once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from prmsync.domain.values import Values
from prmsync.service.plan_file import named_rows, rows_of
from rig import OTHER_PARTNER, World

DEAL: Values = {"name": "Firewall", "close_date": "2026-12-20"}


def test_a_creation_that_waits_through_all_rounds_of_a_run_is_listed_once(
    make_world: Callable[..., World], partner_values: Values
) -> None:
    """The deal of the relation was merged away, which HubSpot's search does not show yet; the
    run makes another record, so that it decides once more."""
    world = make_world(crm="hubspot")
    crm, partner = world.crms["crm"], world.insert("partner", partner_values)
    lost, _, other = (
        world.insert("opportunity", {**DEAL, "name": name})
        for name in ("Firewall", "Switches", "Cables")
    )
    relation: Values = {"partner": partner, "role": "reseller"}
    world.insert("relation", {**relation, "opportunity": other})
    world.settle("crm")
    portal = crm.simulator.portal
    portal.settings = replace(portal.settings, index_lag_seconds=400)
    ids = {row["dealname"]: row["id"] for row in crm.rows("opportunity")}
    crm.merge("opportunity", ids["Firewall"], ids["Switches"])
    world.insert("relation", {**relation, "opportunity": lost})
    world.insert("partner", dict(OTHER_PARTNER))
    report = world.sync("crm")
    assert report.counts == {"partner/crm/create/done": 1, "relation/crm/create/retry": 1}
    for limit in (None, 1, 40):
        listed = {
            name: ([one.state for one, _ in rows], total)
            for name, rows, total in rows_of(world.database, report.run_id, limit)
        }
        assert listed["relation"] == (["retry"], 1)
    (told,) = [one for one in named_rows(world.database, report.run_id, 40) if one[0] == "relation"]
    assert [one.error for one, _ in told[1]] == ["waits for the link of its opportunity"]
