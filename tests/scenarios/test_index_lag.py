"""Index lag.

**In the field.** HubSpot's search shows a new or changed record seconds to minutes after it was
written. A sync that trusts the search misses what a rep has just typed, finds the old value of a
record that it has just written itself and takes it for somebody's edit, or finds nothing and makes
the company a second time. Reps see their edit undone "by the integration".

**Known from.** HubSpot/hubspot-api-php#59, estuary/connectors#1861, supaglue-labs/supaglue#665.

**prmsync** searches only for what changed and looks ten minutes back each time, reads by id before
it writes, finds its own records by their key and never by search, and does not believe a record
that is older than what it has already seen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prmsync.connector.simulator.http import Request
from prmsync.domain.merge import OnDelete
from prmsync.domain.values import PrmId, Values
from prmsync.store import records
from rig import Crm, World

LAG = 240


@pytest.fixture
def lagging(make_world: Any, partner_values: Values) -> World:
    """A HubSpot whose search lags by four minutes, with a partner that both sides have."""
    world: World = make_world(crm="hubspot")
    world.insert("partner", partner_values)
    world.settle("crm")
    portal = world.crms["crm"].simulator.portal
    portal.settings = replace(portal.settings, index_lag_seconds=LAG)
    return world


def only_partner(world: World) -> tuple[Crm, str, str]:
    """The CRM, and the partner's id there and here."""
    crm = world.crms["crm"]
    return crm, str(crm.only("partner")["id"]), next(iter(world.all_ours("partner")))


def test_an_edit_that_the_search_does_not_show_yet_arrives_when_it_does(lagging: World) -> None:
    crm, record, partner = only_partner(lagging)
    crm.change("partner", record, name="Globex AG")
    lagging.settle("crm")
    assert lagging.ours("partner", partner)["name"] == "Globex Corporation"
    lagging.wait(LAG)
    lagging.settle("crm")
    assert lagging.ours("partner", partner)["name"] == "Globex AG"


def test_runs_in_quick_succession_do_not_step_over_what_lags(lagging: World) -> None:
    """Each run moves the cursor; the edit becomes visible behind it."""
    crm, record, partner = only_partner(lagging)
    crm.change("partner", record, name="Globex AG")
    for _ in range(LAG // 10):
        lagging.wait(10)
        lagging.sync("crm")
    lagging.settle("crm")
    assert lagging.ours("partner", partner)["name"] == "Globex AG"


def test_our_own_write_is_not_undone_by_the_old_value_that_the_search_still_shows(
    lagging: World,
) -> None:
    crm, record, partner = only_partner(lagging)
    lagging.wait(LAG)
    lagging.edit("partner", partner, {"name": "Globex Two"})
    lagging.sync("crm")
    crm.change("partner", record, country="FR")
    for _ in range(8):
        lagging.wait(40)
        lagging.sync("crm")
    assert lagging.ours("partner", partner)["name"] == "Globex Two"
    assert lagging.ours("partner", partner)["country"] == "FR"
    row = crm.row("partner", record)
    assert (row["name"], row["country"]) == ("Globex Two", "FR")
    assert lagging.held() == []


def test_a_record_just_made_is_not_made_again_because_the_search_does_not_show_it(
    lagging: World,
) -> None:
    crm, _, partner = only_partner(lagging)
    values: Values = {"number": "DR-1", "partner": partner, "customer_name": "Northwind"}
    lagging.insert("registration", values)
    crm.fault(drop=True, times=1)
    for _ in range(3):
        lagging.sync("crm", release=True)
    assert [row["number"] for row in crm.rows("registration")] == ["DR-1"]


def test_a_deal_that_a_rep_made_arrives_once_when_the_search_shows_it(lagging: World) -> None:
    crm, _, _ = only_partner(lagging)
    words = crm.words
    values = {
        words["deal_name"]: "Northwind firewall",
        words["stage"]: words["qualified"],
        words["close_date"]: words["day"].format("2026-12-20"),
    }
    crm.create("deals", values)
    lagging.sync("crm", release=True)
    assert lagging.all_ours("opportunity") == {}
    lagging.wait(LAG)
    lagging.settle("crm")
    assert len(lagging.all_ours("opportunity")) == 1
    assert len(crm.rows("opportunity")) == 1


def test_an_edit_meets_a_write_of_ours_while_the_search_lags(lagging: World) -> None:
    """A rep's edit is invisible; our write of another field looks at the record first."""
    crm, record, partner = only_partner(lagging)
    crm.change("partner", record, name="Rep's name")
    lagging.edit("partner", partner, {"name": "Our name"})
    for _ in range(3):
        lagging.sync("crm")
    assert crm.row("partner", record)["name"] == "Rep's name"
    (item,) = lagging.held()
    assert (item.prm, item.crm) == (("Our name",), ("Rep's name",))


def test_what_a_run_has_deleted_does_not_come_back_out_of_the_index(lagging: World) -> None:
    """Somebody had it out of the archive before, as it was: newer than what was read of it last,
    and older than its deletion."""
    lagging.alter = lambda one: (
        one if one.stream == "relation" else replace(one, on_delete=OnDelete.PROPAGATE)
    )
    crm, record, partner = only_partner(lagging)
    crm.remove("partner", record)
    lagging.wait(2)
    crm.restore("partner", record)
    lagging.wait(2 * LAG)
    lagging.settle("crm")
    lagging.remove("partner", partner)
    lagging.sync("crm", release=True)
    assert crm.rows("partner") == []
    lagging.settle("crm")
    assert (crm.rows("partner"), lagging.all_ours("partner")) == ([], {})


def test_what_came_back_here_does_not_come_a_second_time_out_of_the_index(lagging: World) -> None:
    """It was deleted on both sides, and is back in the partner database as another CRM had it."""
    lagging.alter = lambda one: (
        one if one.stream == "relation" else replace(one, on_delete=OnDelete.PROPAGATE)
    )
    crm, values = lagging.crms["crm"], {"name": "Firewall", "close_date": "2026-12-20"}
    deal = lagging.insert("opportunity", values)
    lagging.settle("crm")
    lagging.wait(2 * LAG)
    lagging.settle("crm")
    record = crm.only("opportunity")["id"]
    lagging.remove("opportunity", deal)
    lagging.sync("crm", release=True)
    with lagging.database.begin() as connection:
        assert records.insert(connection, "opportunity", [(PrmId(deal), values)]) == []
    for _ in range(3):
        lagging.settle("crm")
        lagging.wait(LAG // 2)
    assert list(lagging.all_ours("opportunity")) == [deal]
    assert crm.only("opportunity")["id"] != record


def wanted_again(world: World) -> tuple[Crm, str, str]:
    """The CRM, our id of a deal that was deleted there and that a person wants there again, and the
    id that it had there."""
    crm = world.crms["crm"]
    deal = world.insert("opportunity", {"name": "Firewall", "close_date": "2026-12-20"})
    world.settle("crm")
    world.wait(2 * LAG)
    world.settle("crm")
    record = str(crm.only("opportunity")["id"])
    crm.change("opportunity", record, deal_name="Firewall XL")
    crm.remove("opportunity", record)
    world.edit("opportunity", deal, {"source": "fair"})
    world.sync("crm", full=True, release=True)
    world.decide("prm")
    return crm, deal, record


def test_what_was_made_again_does_not_come_a_second_time_out_of_the_index(lagging: World) -> None:
    """A person wanted it back under a new id; the search shows the old record for a while."""
    crm, deal, record = wanted_again(lagging)
    for _ in range(3):
        lagging.settle("crm")
        lagging.wait(LAG // 2)
    assert list(lagging.all_ours("opportunity")) == [deal]
    assert crm.only("opportunity")["id"] != record
    assert lagging.held() == []


def test_what_was_made_again_and_deleted_at_once_does_not_come_here_as_it_was_before(
    lagging: World,
) -> None:
    """The answer to its creation was lost, so that only the deletion was seen."""
    crm, deal, _ = wanted_again(lagging)

    def deletes(_: Request) -> None:
        for row in crm.rows("opportunity"):
            crm.remove("opportunity", row["id"])

    crm.fault(drop=True, times=1)
    with crm.standing_before(deletes, "^/crm"):
        lagging.sync("crm", release=True)
    for _ in range(4):
        lagging.sync("crm", release=True)
        lagging.wait(LAG // 4)
    assert list(lagging.all_ours("opportunity")) == [deal]
