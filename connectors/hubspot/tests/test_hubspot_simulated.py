"""What the contract does not ask of every CRM, on the simulated portal."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from prmsync.connector.hints import Hint
from prmsync.connector.protocol import Change, NewRecord, ObjectSpec, RelationSpec, SimulatorOptions
from prmsync.connector.simulator.transport import in_process_runtime
from prmsync.connector.testing import Bench, FakeClock
from prmsync.domain.values import Values
from prmsync.errors import AuthError, GoneError
from prmsync_hubspot import PLUGIN
from prmsync_hubspot.simulator import HubSpotSimulator, Settings

DEALS = ObjectSpec(
    "opportunity",
    "deals",
    ("prm_opportunity_id", "dealname", "amount", "dealstage"),
    "prm_opportunity_id",
)
PARTNERS = ObjectSpec(
    "partner", "companies", ("prm_partner_id", "name", "prm_types"), "prm_partner_id"
)
RELATION = ObjectSpec(
    "relation",
    "deals",
    ("deal", "partner", "role"),
    relation=RelationSpec(
        "deal", "deals", "partner", "companies", "role", ("Reseller", "Distributor")
    ),
)


class Portal(Bench):
    """A bench whose simulator is at hand, and counts its limits by the bench's own clock."""

    def __init__(self, settings: Settings) -> None:
        clock = FakeClock()
        self.simulator = HubSpotSimulator(
            SimulatorOptions(now=clock.now),
            settings,
            monotonic=lambda: clock.now().timestamp(),
        )
        runtime = in_process_runtime(
            {"http://crm.test": self.simulator.handle}, clock.now, clock.sleep
        )
        super().__init__(PLUGIN, runtime, "http://crm.test", clock)


@pytest.fixture
def make() -> Iterator[Any]:
    made: list[Portal] = []

    def portal(**settings: Any) -> Portal:
        made.append(Portal(Settings(**settings)))
        return made[-1]

    yield portal
    for one in made:
        one.runtime.http.close()
        one.runtime.requests.close()


def key(number: int) -> str:
    return str(uuid.UUID(int=number + 2**64))


def deal(number: int, **values: Any) -> NewRecord:
    new: Values = {"dealname": f"Deal {number}", "dealstage": "appointmentscheduled", **values}
    return NewRecord(key(number), new)


def test_a_busy_healthy_run_is_never_refused(make: Any) -> None:
    portal = make(burst_limit=40, search_per_second=5)
    hubspot = portal.connector()
    (made,) = hubspot.create(DEALS, [deal(1)])
    cursor = list(hubspot.changes(DEALS, None))[-1].cursor
    for _ in range(150):
        hubspot.fetch(DEALS, [made.id])
    for _ in range(25):
        list(hubspot.changes(DEALS, cursor))
    assert "429" not in str(portal.control("GET", "stats"))
    assert portal.clock.slept


def test_changes_are_read_past_the_wall_at_ten_thousand(make: Any) -> None:
    portal = make(burst_limit=0, search_per_second=0, daily_limit=0)
    hubspot = portal.connector()
    cursor = list(hubspot.changes(DEALS, None))[-1].cursor
    for start in range(0, 10_300, 100):
        hubspot.create(DEALS, [deal(number) for number in range(start, start + 100)])
    before = hubspot.usage().calls["read"]
    ids = [record.id for page in hubspot.changes(DEALS, cursor) for record in page.records]
    assert len(ids) == len(set(ids)) == 10_300
    assert hubspot.usage().calls["read"] - before == 52


def test_edits_that_the_search_index_shows_late_are_found_by_the_next_read(make: Any) -> None:
    portal = make(index_lag_seconds=90)
    hubspot = portal.connector()
    (made,) = hubspot.create(DEALS, [deal(1)])
    cursor = list(hubspot.changes(DEALS, None))[-1].cursor
    portal.clock.advance(3600)
    cursor = list(hubspot.changes(DEALS, cursor))[-1].cursor
    portal.user_edits("deals", made.id, {"amount": "9"})
    portal.clock.advance(20)
    pages = list(hubspot.changes(DEALS, cursor))
    assert all(not page.records or page.records[0].values["amount"] is None for page in pages)
    portal.clock.advance(300)
    (page,) = hubspot.changes(DEALS, pages[-1].cursor)
    assert [(one.id, one.values["amount"]) for one in page.records] == [(made.id, "9")]


def read_on(hubspot: Any, spec: ObjectSpec, cursor: str) -> dict[str, Any]:
    pages = list(hubspot.changes(spec, cursor))
    assert pages[-1].cursor is not None
    return {one.id: one for page in pages for one in page.records}


def test_a_record_that_a_hint_names_is_read_before_the_search_index_shows_it(make: Any) -> None:
    portal = make(index_lag_seconds=90)
    hubspot = portal.connector()
    made, gone = hubspot.create(DEALS, [deal(1), deal(2)])
    portal.clock.advance(3600)
    cursor = list(hubspot.changes(DEALS, None))[-1].cursor
    portal.user_edits("deals", made.id, {"amount": "9"})
    portal.user_deletes("deals", gone.id)
    portal.clock.advance(1)
    seen = read_on(hubspot, DEALS, cursor)
    assert "9" not in [one.values.get("amount") for one in seen.values()]
    hubspot.take_hints([Hint("0-3", made.id), Hint("0-3", gone.id), Hint("0-3", "404")])
    seen = read_on(hubspot, DEALS, cursor)
    assert seen[made.id].values["amount"] == "9"
    assert seen[gone.id].deleted


def test_a_hint_for_one_object_costs_the_others_no_call(make: Any) -> None:
    portal = make()
    hubspot = portal.connector()
    (made,) = hubspot.create(DEALS, [deal(1)])
    cursor = list(hubspot.changes(PARTNERS, None))[-1].cursor
    portal.clock.advance(3600)
    list(hubspot.changes(PARTNERS, cursor))
    before = dict(hubspot.usage().calls)
    list(hubspot.changes(PARTNERS, cursor))
    idle = {kind: count - before.get(kind, 0) for kind, count in hubspot.usage().calls.items()}
    hubspot.take_hints([Hint("0-3", made.id)])
    before = dict(hubspot.usage().calls)
    list(hubspot.changes(PARTNERS, cursor))
    now = {kind: count - before.get(kind, 0) for kind, count in hubspot.usage().calls.items()}
    assert now == idle


def test_an_association_that_a_hint_names_is_read_though_no_deal_was_touched(make: Any) -> None:
    portal = make()
    hubspot = portal.connector()
    (partner,) = hubspot.create(PARTNERS, [NewRecord(key(1), {"name": "Globex"})])
    (made,) = hubspot.create(DEALS, [deal(2)])
    cursor = list(hubspot.changes(RELATION, None))[-1].cursor
    for _ in range(2):
        portal.clock.advance(3600)
        cursor = list(hubspot.changes(RELATION, cursor))[-1].cursor
    pair = {"from_object": "deals", "from_id": made.id, "to_object": "companies"}
    portal.user_creates("associations", {**pair, "to_id": partner.id, "label": "Reseller"})
    portal.clock.advance(3600)
    assert read_on(hubspot, RELATION, cursor) == {}
    hubspot.take_hints([Hint("0-3", made.id), Hint("0-2", partner.id)])
    (found,) = read_on(hubspot, RELATION, cursor).values()
    assert (found.values["deal"], found.values["role"]) == (made.id, "Reseller")


@pytest.mark.parametrize("new_id", [False, True])
def test_a_merge_is_seen_as_a_delete_that_names_the_survivor(make: Any, new_id: bool) -> None:
    portal = make(merge_new_id=new_id)
    hubspot = portal.connector()
    kept, lost = [str(one.id) for one in hubspot.create(DEALS, [deal(1), deal(2)])]
    cursor = list(hubspot.changes(DEALS, None))[-1].cursor
    answer = portal.runtime.http.post(
        "http://crm.test/crm/v3/objects/deals/merge",
        json={"primaryObjectId": kept, "objectIdToMerge": lost},
        headers={"authorization": f"Bearer {portal.settings.auth['token']}"},
    )
    survivor = str(answer.json()["id"])
    seen = {one.id: one for page in hubspot.changes(DEALS, cursor) for one in page.records}
    assert seen[lost].deleted
    assert seen[lost].merged_into == survivor
    assert not seen[survivor].deleted
    found = hubspot.fetch(DEALS, [lost])
    assert found[lost].deleted
    assert found[lost].merged_into == survivor


def test_archived_records_are_evidence_in_a_full_read(make: Any) -> None:
    portal = make()
    hubspot = portal.connector()
    kept, gone = [str(one.id) for one in hubspot.create(DEALS, [deal(1), deal(2)])]
    portal.user_deletes("deals", gone)
    seen = {one.id: one.deleted for page in hubspot.changes(DEALS, None) for one in page.records}
    assert seen == {kept: False, gone: True}


def test_a_label_that_a_user_took_off_is_missing_from_a_deal_that_was_read_whole(
    make: Any,
) -> None:
    portal = make()
    hubspot = portal.connector()
    (made,) = hubspot.create(DEALS, [deal(1)])
    (partner,) = hubspot.create(PARTNERS, [NewRecord(key(9), {"name": "Reseller AG"})])
    values: Values = {"deal": made.id, "partner": partner.id, "role": "Reseller"}
    (relation,) = hubspot.create(RELATION, [NewRecord("any", values)])
    (page,) = hubspot.changes(RELATION, None)
    assert [one.id for one in page.records] == [relation.id]
    assert page.complete_for == (made.id,)
    hubspot.delete(RELATION, [relation.id])
    (page,) = hubspot.changes(RELATION, None)
    assert (page.records, page.complete_for) == ([], (made.id,))
    assert hubspot.fetch(RELATION, [relation.id])[relation.id].deleted


def test_the_primary_company_stays_whatever_becomes_of_a_deals_labels(make: Any) -> None:
    portal = make()
    hubspot = portal.connector()
    (made,) = hubspot.create(DEALS, [deal(1)])
    rows = [NewRecord(key(number), {"name": f"Company {number}"}) for number in (8, 9)]
    customer, partner = [str(one.id) for one in hubspot.create(PARTNERS, rows)]
    headers = {"authorization": f"Bearer {portal.settings.auth['token']}"}
    base = "http://crm.test/crm/v4/objects/deals"

    def associated() -> dict[str, set[int]]:
        answer = portal.runtime.http.get(
            f"{base}/{made.id}/associations/companies", headers=headers
        ).json()
        return {
            str(one["toObjectId"]): {kind["typeId"] for kind in one["associationTypes"]}
            for one in answer["results"]
        }

    primary = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}]
    path = f"{base}/{made.id}/associations/companies/{customer}"
    assert portal.runtime.http.put(path, json=primary, headers=headers).status_code < 300
    before = associated()
    assert 5 in before[customer]
    rows = [
        NewRecord("any", {"deal": str(made.id), "partner": one, "role": "Reseller"})
        for one in (customer, partner)
    ]
    labelled = [str(one.id) for one in hubspot.create(RELATION, rows)]
    assert before[customer] < associated()[customer]
    assert 5 not in associated()[partner]
    hubspot.delete(RELATION, labelled)
    assert associated()[customer] == before[customer]
    (page,) = hubspot.changes(RELATION, None)
    assert page.records == []


def test_deleting_the_relations_of_an_archived_deal_is_done(make: Any) -> None:
    portal = make()
    hubspot = portal.connector()
    first, second = [str(one.id) for one in hubspot.create(DEALS, [deal(1), deal(2)])]
    (partner,) = hubspot.create(PARTNERS, [NewRecord(key(9), {"name": "Reseller AG"})])
    rows = [
        NewRecord("any", {"deal": one, "partner": partner.id, "role": "Distributor"})
        for one in (first, second)
    ]
    made = [str(one.id) for one in hubspot.create(RELATION, rows)]
    portal.user_deletes("deals", first)
    results = hubspot.delete(RELATION, made)
    assert [one.error for one in results] == [None, None]
    assert all(one.deleted for one in hubspot.fetch(RELATION, made).values())


def test_option_sets_are_written_and_read_as_sorted_codes(make: Any) -> None:
    hubspot = make().connector()
    row = NewRecord(key(9), {"name": "A", "prm_types": "msp;reseller"})
    (made,) = hubspot.create(PARTNERS, [row])
    assert made.values is not None
    assert made.values["prm_types"] == "msp;reseller"
    for value in ("si", None):
        hubspot.update(PARTNERS, [Change(str(made.id), {"prm_types": value})])
        found = hubspot.fetch(PARTNERS, [str(made.id)])[str(made.id)]
        assert found.values["prm_types"] == value


def test_an_idle_run_costs_one_call_a_stream(make: Any) -> None:
    portal = make()
    hubspot = portal.connector()
    hubspot.create(DEALS, [deal(1)])
    portal.clock.advance(3600)
    cursors = {
        spec.stream: list(hubspot.changes(spec, None))[-1].cursor
        for spec in (PARTNERS, DEALS, RELATION)
    }
    portal.clock.advance(3600)
    idle = portal.connector()
    idle.account()
    for spec in (PARTNERS, DEALS, RELATION):
        assert [page.records for page in idle.changes(spec, cursors[spec.stream])] == [[]]
    assert idle.usage().calls == {"metadata": 1, "read": 3}


def test_an_update_of_records_that_are_gone_fails_row_by_row(make: Any) -> None:
    portal = make()
    hubspot = portal.connector()
    made = [str(one.id) for one in hubspot.create(DEALS, [deal(1), deal(2)])]
    for one in made:
        portal.user_deletes("deals", one)
    results = hubspot.update(DEALS, [Change(one, {"amount": "1"}) for one in made])
    assert [type(one.error) for one in results] == [GoneError, GoneError]


def test_a_key_without_the_scope_is_told_which_one(make: Any) -> None:
    portal = make(tokens={"pat-narrow": ("crm.schemas.deals.read", "crm.objects.deals.read")})
    hubspot = portal.connector(auth={"token": "pat-narrow"})
    list(hubspot.changes(DEALS, None))
    with pytest.raises(AuthError, match=r"crm\.objects\.deals\.write"):
        hubspot.create(DEALS, [deal(1)])
    with pytest.raises(AuthError, match=r"crm\.objects\.owners\.read"):
        hubspot.people()


def test_a_record_that_is_restored_is_read_as_changed(make: Any) -> None:
    portal = make()
    hubspot = portal.connector()
    (made,) = hubspot.create(DEALS, [deal(1)])
    portal.user_deletes("deals", made.id)
    portal.clock.advance(3600)
    cursor = list(hubspot.changes(DEALS, None))[-1].cursor
    portal.clock.advance(3600)
    portal.user_edits("deals", made.id, {"archived": False})
    (page,) = hubspot.changes(DEALS, cursor)
    assert [(one.id, one.deleted) for one in page.records] == [(made.id, False)]


def test_an_archived_record_is_found_by_normal_reads_within_minutes(make: Any) -> None:
    portal = make()
    hubspot = portal.connector()
    made = hubspot.create(DEALS, [deal(1), deal(2), deal(3)])
    cursor = list(hubspot.changes(DEALS, None))[-1].cursor
    portal.clock.advance(3600)
    cursor = list(hubspot.changes(DEALS, cursor))[-1].cursor
    portal.user_deletes("deals", str(made[1].id))
    portal.clock.advance(301)
    found = list(hubspot.changes(DEALS, cursor))
    gone = [(one.id, one.deleted) for page in found for one in page.records if one.deleted]
    assert gone == [(made[1].id, True)]
    portal.clock.advance(301)
    pages = list(hubspot.changes(DEALS, found[-1].cursor))
    assert not any(one.deleted for page in pages for one in page.records)


def test_a_large_archive_is_gone_through_a_page_a_read(make: Any) -> None:
    """However much is archived, a read costs one call more; what was archived before is known."""
    portal = make()
    hubspot = portal.connector()
    made = [
        str(one.id)
        for at in range(0, 250, 50)
        for one in hubspot.create(DEALS, [deal(at + number) for number in range(50)])
    ]
    for one in made[:-1]:
        portal.user_deletes("deals", one)
    portal.clock.advance(3600)
    cursor = list(hubspot.changes(DEALS, None))[-1].cursor
    portal.clock.advance(3600)
    cursor = list(hubspot.changes(DEALS, cursor))[-1].cursor
    portal.user_deletes("deals", made[-1])
    found = []
    for _ in range(3):
        portal.clock.advance(301)
        reader = portal.connector()
        pages = list(reader.changes(DEALS, cursor))
        cursor = pages[-1].cursor
        found.append([one.id for page in pages for one in page.records])
        if not found[-1]:
            assert reader.usage().calls == {"read": 2}
    assert found == [[], [], [made[-1]]]
