"""Reading: places that are lost and found again, what was deleted, keys with odd letters."""

from __future__ import annotations

import httpx
import orjson
import pytest

from prmsync.connector.protocol import NewRecord, ObjectSpec
from prmsync.errors import RejectedError, SchemaError
from prmsync_salesforce import PLUGIN

PARTNERS = ObjectSpec("partner", "Account", ("PRM_Partner_Id__c", "Name"), "PRM_Partner_Id__c")
EXPIRED = {"status": 400, "code": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}
MORE = r"/query/0r8"


def create(connector, count, start=0):
    ids = []
    for first in range(start, start + count, 200):
        rows = [
            NewRecord(f"key-{number}", {"Name": f"Partner {number}"})
            for number in range(first, min(first + 200, start + count))
        ]
        ids += [result.id for result in connector.create(PARTNERS, rows)]
    return ids


def test_a_lost_place_is_found_again_by_the_last_stamp(bench):
    connector = bench.connector()
    made = []
    for batch in range(3):
        made += create(connector, 1500, batch * 1500)
        bench.clock.advance(60)
    bench.fault(path=MORE, times=1, **EXPIRED)
    pages = list(connector.changes(PARTNERS, None))
    seen = [record.id for page in pages for record in page.records]
    assert set(seen) == set(made)
    assert pages[-1].cursor is not None
    assert len(seen) < 2 * len(made)


def test_rows_of_one_mass_load_are_all_read_though_the_place_is_lost_at_every_page(bench):
    connector = bench.connector()
    made = create(connector, 12_100)
    bench.fault(path=MORE, **EXPIRED)
    seen = [record.id for page in connector.changes(PARTNERS, None) for record in page.records]
    assert seen == made


def test_a_place_that_is_lost_without_a_further_row_ends_with_what_to_look_at(bench):
    connector = bench.connector()
    create(connector, 4100)
    pages = connector.changes(PARTNERS, None)
    assert len(next(pages).records) == 2000
    bench.fault(path="/query", **EXPIRED)
    with pytest.raises(RejectedError, match="INVALID_QUERY_LOCATOR") as caught:
        list(pages)
    assert "The next run goes on" in caught.value.hint


def test_every_page_has_a_cursor_and_the_last_is_the_readings_beginning(bench):
    connector = bench.connector()
    create(connector, 2100)
    bench.clock.advance(3600)
    first, last = bench.connector().changes(PARTNERS, None)
    assert first.cursor < last.cursor
    assert "10:00:00" in last.cursor


def test_what_was_deleted_before_the_first_read_is_left_out_and_later_is_evidence(bench):
    connector = bench.connector()
    kept, early, late = create(connector, 3)
    bench.user_deletes("Account", early)
    pages = list(connector.changes(PARTNERS, None))
    assert {record.id for page in pages for record in page.records} == {kept, late}
    bench.user_deletes("Account", late)
    found = {
        record.id: record.deleted
        for page in connector.changes(PARTNERS, pages[-1].cursor)
        for record in page.records
    }
    assert found == {kept: False, early: True, late: True}


def test_reading_ahead_and_reading_in_turn_are_the_same(bench):
    create(bench.connector(), 4100)
    ahead, in_turn = (
        [page.records for page in bench.connector(options={"prefetch": on}).changes(PARTNERS, None)]
        for on in (True, False)
    )
    assert ahead == in_turn
    assert [len(page) for page in ahead] == [2000, 2000, 100]


def test_a_reader_may_stop_early(bench):
    connector = bench.connector()
    create(connector, 4100)
    pages = connector.changes(PARTNERS, None)
    assert len(next(pages).records) == 2000
    pages.close()
    assert len(connector.fetch(PARTNERS, [])) == 0


def test_a_cursor_of_another_connector_is_refused_with_a_way_out(bench):
    for strange in ("{", "{}", '{"modstamp": 1}', '"x"', '{"modstamp": "soon"}'):
        with pytest.raises(SchemaError, match="position") as caught:
            list(bench.connector().changes(PARTNERS, strange))
        assert "--full" in caught.value.hint


def test_fetch_answers_by_the_ids_that_were_asked(bench):
    connector = bench.connector()
    present, gone = create(connector, 2)
    bench.user_deletes("Account", gone)
    found = connector.fetch(PARTNERS, [present, gone[:15], "no id", "", "x' OR Id != '"])
    assert set(found) == {present, gone[:15]}
    assert found[gone[:15]].deleted


def test_fetch_of_present_records_is_one_call_for_two_thousand(bench):
    connector = bench.connector()
    made = create(connector, 2001)
    before = connector.usage().calls.get("guard", 0)
    assert len(connector.fetch(PARTNERS, made)) == 2001
    assert connector.usage().calls["guard"] - before == 2


@pytest.mark.parametrize("key", ["O'Brien", "a\\b", "100%", "a,b:c", "Ünï", "x' OR Name != '"])
def test_find_takes_keys_with_any_letters(bench, key):
    connector = bench.connector()
    (made,) = connector.create(PARTNERS, [NewRecord(key, {"Name": "Odd"})])
    create(connector, 3)
    found = connector.find(PARTNERS, [key, "key-1", "unknown"])
    assert found[key].id == made.id
    assert set(found) == {key, "key-1"}


def test_find_of_a_whole_batch_is_one_call_and_of_more_stays_within_the_url(bench):
    connector = bench.connector()
    keys = [f"00000000-0000-4000-8000-{number:012d}" for number in range(1000)]
    rows = [NewRecord(key, {"Name": "P"}) for key in keys]
    for start in range(0, 1000, 200):
        connector.create(PARTNERS, rows[start : start + 200])
    before = connector.usage().calls.get("guard", 0)
    assert set(connector.find(PARTNERS, keys[:200])) == set(keys[:200])
    assert connector.usage().calls["guard"] - before == 1
    assert set(connector.find(PARTNERS, keys)) == set(keys)


def test_find_shows_what_last_held_a_key_that_nobody_holds_any_more(bench):
    connector = bench.connector()
    (first,) = connector.create(PARTNERS, [NewRecord("key-1", {"Name": "First"})])
    bench.user_deletes("Account", str(first.id))
    bench.clock.advance(60)
    (second,) = connector.create(PARTNERS, [NewRecord("key-1", {"Name": "Second"})])
    there = connector.find(PARTNERS, ["key-1"])["key-1"]
    assert (there.id, there.deleted) == (second.id, False)
    bench.user_deletes("Account", str(second.id))
    gone = connector.find(PARTNERS, ["key-1", "key-2"])
    assert {key: (one.id, one.deleted) for key, one in gone.items()} == {"key-1": (second.id, True)}


def test_two_records_with_one_key_are_told_and_none_is_chosen(bench):
    spec = ObjectSpec("partner", "Account", ("Name",), "Name")
    ids = {bench.user_creates("Account", {"Name": "Twin"}) for _ in range(2)}
    with pytest.raises(SchemaError) as caught:
        bench.connector().find(spec, ["Twin"])
    assert all(record_id in caught.value.message for record_id in ids)


def test_a_stream_without_a_key_cannot_be_found_by_key(bench):
    with pytest.raises(ValueError, match="no external key"):
        bench.connector().find(ObjectSpec("partner", "Account", ("Name",)), ["x"])


DESCRIBED = {
    "name": "Account",
    "label": "Account",
    "fields": [
        {"name": "Id", "label": "Id", "type": "id"},
        {"name": "Name", "label": "Name", "type": "string"},
        {"name": "SystemModstamp", "label": "Stamp", "type": "datetime"},
    ],
}
ORGANIZATION = {
    "Id": "00D000000000001EAA",
    "Name": "Acme",
    "IsSandbox": False,
    "TimeZoneSidKey": "GMT",
}
OPENING = {
    "organization": {"records": [ORGANIZATION]},
    "currency": {"records": [{"IsoCode": "USD"}]},
    "people": {"records": []},
    "stages": {"records": []},
}


def empty_org(request):
    """An org without accounts, at half past nine."""
    if not request.url.path.endswith("/composite"):
        date = {"Date": "Sun, 22 Nov 2026 09:30:00 GMT"}
        return httpx.Response(200, json={"done": True, "records": []}, headers=date)
    names = [part["referenceId"] for part in orjson.loads(request.content)["compositeRequest"]]
    parts = [
        {"referenceId": name, "httpStatusCode": 200, "body": OPENING.get(name, DESCRIBED)}
        for name in names
    ]
    return httpx.Response(200, json={"compositeResponse": parts})


@pytest.mark.parametrize(
    ("issued_at", "cursor"),
    [
        ("1795338000000", "2026-11-22T09:30:00.000Z"),
        ("1763802000000", "2025-11-22T09:00:00.000Z"),
    ],
)
def test_the_cursor_is_the_answers_date_or_without_a_trusted_one_the_sign_ins(
    scripted, token, issued_at, cursor
):
    org = scripted(empty_org)
    status, body = token()
    org.sign_in.answers = [(status, {**body, "issued_at": issued_at})]
    connector = PLUGIN.connect(org.settings, org.runtime)
    (page,) = connector.changes(ObjectSpec("partner", "Account", ("Name",)), None)
    assert page.cursor == f'{{"modstamp":"{cursor}"}}'


EMPTY_BIN = {"status": 200, "body": {"totalSize": 0, "done": True, "records": []}}


def test_a_record_that_left_the_recycle_bin_is_known_from_the_log_of_deletions(bench):
    connector = bench.connector()
    kept, gone = create(connector, 2)
    bench.clock.advance(60)
    bench.user_deletes("Account", gone)
    bench.clock.advance(60)
    bench.fault(path="/queryAll$", **EMPTY_BIN)
    unknown = "001000000000999AAA"
    found = connector.fetch(PARTNERS, [kept, gone, unknown])
    assert found[gone].deleted
    assert found[gone].version == "2026-11-22T09:01:00.000Z"
    assert not found[kept].deleted
    assert unknown not in found


def test_the_log_of_deletions_is_asked_only_for_records_that_nothing_shows(bench):
    connector = bench.connector()
    kept, gone = create(connector, 2)
    bench.user_deletes("Account", gone)
    connector.fetch(PARTNERS, [kept, gone])
    bench.fault(path="/deleted$", status=500, code="UNKNOWN_EXCEPTION")
    assert connector.fetch(PARTNERS, [kept, gone])[gone].deleted


def test_an_object_without_a_log_of_deletions_proves_nothing(bench):
    connector = bench.connector()
    (gone,) = create(connector, 1)
    bench.user_deletes("Account", gone)
    bench.fault(path="/queryAll$", **EMPTY_BIN)
    bench.fault(path="/deleted$", status=400, code="INVALID_TYPE_FOR_OPERATION")
    assert connector.fetch(PARTNERS, [gone]) == {}
