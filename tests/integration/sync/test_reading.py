"""Reading: what a CRM once showed is not lost, and what it shows too late is not believed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.errors import ConnectorError
from prmsync.store import change_log, links, streams
from prmsync.store.links import LinkState
from prmsync.sync import run


@pytest.fixture
def filed(world: Any, partner_values: Values) -> str:
    """A registration that both sides have."""
    partner = world.insert("partner", partner_values)
    values = {"number": "DR-1", "partner": partner, "customer_name": "Northwind GmbH"}
    made = world.insert("registration", values)
    world.settle("crm")
    return str(made)


def in_crm(crm: Any) -> str:
    return str(crm.only("registration")[crm.words["id"]])


def test_a_full_read_sees_what_was_deleted_since_the_last_one(
    world: Any, crm: Any, filed: str
) -> None:
    crm.remove("registration", in_crm(crm))
    world.wait(3600)
    with world.session("crm") as session:
        run.sync(session, full=True)
    world.wait(3600)
    world.sync("crm")
    with world.database.read() as connection:
        (link,) = links.ids_of_record(connection, "registration", filed)
        assert links.by_ids(connection, [link])[link].crm_gone


def test_a_full_read_that_broke_off_has_seen_the_deletions_before_it(
    world: Any, crm: Any, filed: str
) -> None:
    crm.remove("registration", in_crm(crm))
    world.wait(3600)
    with world.session("crm") as session, pytest.raises(ZeroDivisionError):
        session.progress = lambda *_: 1 // 0
        run.sync(session, full=True)
    with world.session("crm") as session:
        run.sync(session, full=True)
    world.wait(3600)
    world.sync("crm")
    with world.database.read() as connection:
        (link,) = links.ids_of_record(connection, "registration", filed)
        assert links.by_ids(connection, [link])[link].crm_gone


def test_reading_all_of_ours_anew_sees_what_was_deleted_before_anybody_read_of_it(
    world: Any, crm: Any, filed: str
) -> None:
    """As after a restored backup was accepted: its log was never read to the end."""
    world.remove("registration", filed)
    with world.session("crm") as session, world.database.begin() as connection:
        state = session.streams["registration"].state
        state.prm_cursor = change_log.START
        streams.save_stream(connection, state)
    world.sync("crm")
    with world.database.read() as connection:
        (link,) = links.ids_of_record(connection, "registration", filed)
        now = links.by_ids(connection, [link])[link]
    assert (now.prm_gone, now.state) == (True, LinkState.ENDED)


def test_a_search_index_that_lags_behind_our_own_write_is_not_believed(
    make_world: Any, partner_values: Values
) -> None:
    """What it shows is older than what we know: nobody put the old value back."""
    world = make_world(crm="hubspot")
    crm = world.crms["crm"]
    partner = world.insert("partner", partner_values)
    world.settle("crm")
    record = crm.only("partner")["id"]
    portal = crm.simulator.portal
    portal.settings = replace(portal.settings, index_lag_seconds=300)
    crm.change("partner", record, name="Globex One")
    world.wait(301)
    world.settle("crm")
    assert world.ours("partner", partner)["name"] == "Globex One"
    crm.change("partner", record, country="FR")
    world.wait(301)
    world.settle("crm")
    world.edit("partner", partner, {"name": "Globex Two"})
    world.sync("crm")
    assert crm.row("partner", record)["name"] == "Globex Two"
    report = world.sync("crm")
    assert report.held == 0
    assert report.counts == {}
    world.wait(301)
    world.settle("crm")
    assert world.ours("partner", partner)["name"] == "Globex Two"
    assert crm.row("partner", record)["name"] == "Globex Two"


def test_a_position_that_cannot_be_read_is_mended_by_a_full_read(
    world: Any, crm: Any, filed: str
) -> None:
    with world.database.begin() as connection:
        for state in streams.streams_of(connection, "crm").values():
            state.crm_cursor = "nonsense"
            streams.save_stream(connection, state)
    with pytest.raises(ConnectorError, match=r"cannot be read|is not one of") as caught:
        world.sync("crm")
    assert "prmsync sync --full" in caught.value.hint
    crm.change("registration", in_crm(crm), customer_contact="c@x.example")
    with world.session("crm") as session:
        run.sync(session, full=True)
    assert world.ours("registration", filed)["customer_contact"] == "c@x.example"
    assert world.sync("crm").counts == {}
