"""Rolling comparison: all linked records within the period, at a bounded cost, over restarts."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.store import links, streams, verification
from prmsync.store.tables import link
from prmsync.store.verification import Verification
from prmsync.sync import unseen
from prmsync.sync import verify as verify_module
from prmsync.sync.verify import StreamReport, verify, verify_slice

WEEK = timedelta(days=7)
PARTNERS = 30


@pytest.fixture
def slices(world: Any, partner_values: Values, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Thirty partners that both sides have; ten links are worth a slice."""
    monkeypatch.setattr(verify_module, "SLICE", 10)
    for at in range(PARTNERS):
        named = {"name": f"Partner {at}", "domain": f"partner{at}.example"}
        world.insert("partner", {**partner_values, **named})
    world.settle("crm")
    return world


def turn(world: Any, **more: Any) -> dict[str, StreamReport]:
    """What a run of the service does after its sync, in a session of its own."""
    with world.session("crm") as session:
        return {one.stream: one for one in verify_slice(session, WEEK, **more)}


def state(world: Any, stream: str = "partner") -> Verification:
    with world.session("crm") as session, world.database.read() as connection:
        stream_id = session.streams[stream].id
        return verification.of_streams(connection, [stream_id])[stream_id]


def dirty(world: Any) -> int:
    with world.database.read() as connection:
        count = sa.select(sa.func.count()).select_from(link).where(link.c.dirty > 0)
        return int(connection.execute(count).scalar_one())


def test_all_links_are_compared_within_the_period_and_then_again(slices: Any) -> None:
    assert turn(slices) == {}  # the first round begins
    compared = 0
    for _ in range(15):
        slices.wait(WEEK.total_seconds() / 14)
        compared += turn(slices).get("partner", StreamReport("partner")).linked
    assert compared == PARTNERS
    first = state(slices)
    assert first.verified_at is not None
    assert first.found["equal"] == PARTNERS
    assert first.found["mismatched"] == first.found["missing_in_crm"] == 0
    slices.wait(2 * WEEK.total_seconds())
    assert turn(slices)["partner"].linked == PARTNERS
    again = state(slices)
    assert again.verified_at is not None and again.verified_at > first.verified_at


def test_nothing_is_asked_before_a_slice_is_worth_its_calls(slices: Any) -> None:
    turn(slices)
    slices.wait(60)
    with slices.session("crm") as session:
        opening = dict(session.connector.usage().calls)
        assert verify_slice(session, WEEK) == []
        assert dict(session.connector.usage().calls) == opening


def test_a_slice_keeps_to_its_calls_and_the_next_goes_on_where_it_was(
    slices: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(slices)
    slices.wait(WEEK.total_seconds())
    with slices.session("crm") as session:
        monkeypatch.setattr(type(session.connector), "batch_size", 7)
    compared = [turn(slices, calls=2)["partner"].linked for _ in range(3)]
    assert compared == [14, 14, 2]
    assert state(slices).verified_at == slices.now()


def test_an_edit_that_no_read_showed_is_found_and_decided_by_a_normal_run(
    slices: Any, crm: Any
) -> None:
    turn(slices)
    crm.change("partner", crm.rows("partner")[3][crm.words["id"]], name="Renamed unseen")
    slices.wait(3600)
    with slices.session("crm") as session, slices.database.begin() as connection:
        stream = session.streams["partner"]  # its cursor passes the edit without a look
        pages = list(session.connector.changes(stream.spec, stream.state.crm_cursor))
        stream.state.crm_cursor = pages[-1].cursor
        streams.save_stream(connection, stream.state)
    slices.wait(WEEK.total_seconds())
    found = turn(slices)["partner"]
    assert (found.mismatched, found.equal) == (1, PARTNERS - 1)
    assert dirty(slices) == 1
    slices.settle("crm")
    assert "Renamed unseen" in [one["name"] for one in slices.all_ours("partner").values()]
    with slices.session("crm") as session:
        assert all(one.is_clean for one in verify(session))


def test_a_record_that_is_gone_in_the_crm_is_noticed_without_a_guess(slices: Any, crm: Any) -> None:
    turn(slices)
    row = crm.rows("partner")[0]
    crm.remove("partner", row[crm.words["id"]])
    slices.wait(WEEK.total_seconds())
    found = turn(slices)["partner"]
    assert found.mismatched == 0
    assert found.missing_in_crm + found.explained.get("deleted in the CRM", 0) == 1
    assert len(slices.all_ours("partner")) == PARTNERS


def test_a_whole_comparison_begins_the_round_anew(slices: Any) -> None:
    turn(slices)
    slices.wait(WEEK.total_seconds() / 2)
    turn(slices)
    assert state(slices).place > 0
    with slices.session("crm") as session:
        reports = verify(session)
    after = state(slices)
    assert (after.place, after.so_far) == (0, {})
    assert after.verified_at == slices.now()
    assert after.found == next(one.counts for one in reports if one.stream == "partner")


def test_what_differs_is_explained_by_what_is_known_of_it(slices: Any, crm: Any) -> None:
    mine = next(iter(slices.all_ours("partner")))
    slices.edit("partner", mine, {"name": "Not sent yet"})
    with slices.session("crm") as session:
        (report, *_) = verify(session)
    assert report.explained == {"changed since the last run": 1}
    slices.settle("crm")
    with slices.database.read() as connection:
        theirs = str(links.by_prm_ids(connection, 1, [mine])[mine].crm_id)
    slices.edit("partner", mine, {"country": "FR"})
    crm.change("partner", theirs, country="IT")
    slices.settle("crm")
    with slices.session("crm") as session:
        (report, *_) = verify(session)
    assert report.explained == {"needs decision": 1}
    assert report.fields_held >= 1
    assert report.mismatched == 0


def new_in_crm(crm: Any, at: int) -> str:
    words = crm.words
    values = {words["name"]: f"Only there {at}", words["domain"]: f"only{at}.example"}
    return str(crm.create(words["partner"], values))


def unlinked(world: Any) -> set[str]:
    with world.session("crm") as session, world.database.read() as connection:
        stream_id = session.streams["partner"].id
        found = links.unlinked(connection, stream_id, crm_side=True, dirty_only=False)
        return {str(one.crm_id) for one in found}


def pass_unseen(world: Any, name: str) -> None:
    """The stream's cursor passes what is new without a look."""
    world.wait(3600)
    with world.session("crm") as session, world.database.begin() as connection:
        stream = session.streams[name]
        pages = list(session.connector.changes(stream.spec, stream.state.crm_cursor))
        stream.state.crm_cursor = pages[-1].cursor
        streams.save_stream(connection, stream.state)
    world.wait(3600)


def test_records_that_no_read_ever_showed_are_met_by_slices(slices: Any, crm: Any) -> None:
    turn(slices)
    made = {new_in_crm(crm, at) for at in range(3)}
    pass_unseen(slices, "partner")
    slices.sync("crm")
    assert not made & unlinked(slices)
    slices.wait(WEEK.total_seconds())
    assert turn(slices)["partner"].only_in_crm == 3
    assert made <= unlinked(slices)
    slices.wait(WEEK.total_seconds())
    assert turn(slices)["partner"].only_in_crm == 0


def test_listing_keeps_to_its_calls_and_goes_on_where_it_was(
    slices: Any, crm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[f"prmsync_{crm.connector}.reading"]
    name = "LIST_PAGE" if crm.connector == "hubspot" else "LISTED"
    monkeypatch.setattr(module, name, 10)
    monkeypatch.setattr(unseen, "PAGES", 2)
    turn(slices)
    made = {new_in_crm(crm, at) for at in range(5)}
    pass_unseen(slices, "partner")
    found = []
    for _ in range(3):
        slices.wait(2 * WEEK.total_seconds())
        found.append(turn(slices)["partner"].only_in_crm)
    assert sum(found) == 5 and found[0] == 0
    assert made <= unlinked(slices)
