"""Pages that are asked for ahead: guesses count only where the page before names them."""

from __future__ import annotations

from concurrent.futures import Executor, Future

import httpx
import pytest

from prmsync.connector.protocol import NewRecord, ObjectSpec
from prmsync.connector.testing import Bench
from prmsync.errors import ConnectorError, RetryableError, SchemaError
from prmsync_salesforce import PLUGIN
from prmsync_salesforce.following import ASKED, Following

NEXT = "/services/data/v68.0/query/0r8AAA-"
PARTNERS = ObjectSpec("partner", "Account", ("PRM_Partner_Id__c", "Name"), "PRM_Partner_Id__c")


class AtOnce(Executor):
    """Does what is submitted before it returns; nothing is left to the order of threads."""

    def submit(self, work, /, *args, **named):
        over: Future = Future()
        try:
            over.set_result(work(*args, **named))
        except ConnectorError as error:
            over.set_exception(error)
        return over


class Org:
    """Answers each address with itself; notes what was asked, and fails where it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: dict[str, int] = {}

    def __call__(self, address: str) -> httpx.Response:
        self.asked.append(address)
        if self.fails.get(address, 0):
            self.fails[address] -= 1
            raise RetryableError("busy")
        return httpx.Response(200, text=address)


def walk(pages: Following, total: int, size: int = 2000) -> list[str]:
    """Take every page behind the first, as a query names them."""
    return [
        pages.take(f"{NEXT}{seen}", seen, size, total).text for seen in range(size, total, size)
    ]


def test_each_page_is_asked_for_once_and_nothing_behind_the_end():
    org = Org()
    named = [f"{NEXT}{seen}" for seen in range(2000, 10_001, 2000)]
    assert walk(Following(org, AtOnce()), 10_001) == named
    assert org.asked == named


def test_some_pages_are_under_way_together():
    org = Org()
    Following(org, AtOnce()).take(f"{NEXT}2000", 2000, 2000, 50_000)
    assert org.asked == [f"{NEXT}{2000 * place}" for place in range(1, ASKED + 1)]


def test_without_a_pool_each_page_is_asked_for_in_its_turn():
    org = Org()
    Following(org, None).take(f"{NEXT}2000", 2000, 2000, 50_000)
    assert org.asked == [f"{NEXT}2000"]


def test_after_a_guess_that_was_wrong_there_are_none():
    org = Org()
    pages = Following(org, AtOnce())
    pages.take(f"{NEXT}2000", 2000, 2000, 9000)
    asked = len(org.asked)
    # This page was cut after 1,500 rows: the org names another one than was guessed.
    assert pages.take(f"{NEXT}3500", 3500, 1500, 9000).text == f"{NEXT}3500"
    assert pages.take(f"{NEXT}5500", 5500, 2000, 9000).text == f"{NEXT}5500"
    assert org.asked[asked:] == [f"{NEXT}3500", f"{NEXT}5500"]


@pytest.mark.parametrize("address", [NEXT + "1999", "/query/0r8AAA", "/query?after=x"])
def test_an_address_that_does_not_end_with_the_rows_before_it_is_no_ground_for_guesses(address):
    org = Org()
    assert Following(org, AtOnce()).take(address, 2000, 2000, 9000).text == address
    assert org.asked == [address]


def test_a_guess_that_failed_is_asked_for_again_when_it_is_its_turn():
    org = Org()
    org.fails = {f"{NEXT}4000": 1}
    assert walk(Following(org, AtOnce()), 9000) == [
        f"{NEXT}{seen}" for seen in range(2000, 9000, 2000)
    ]
    assert org.asked.count(f"{NEXT}4000") == 2


def test_a_page_that_is_named_and_fails_is_an_error():
    org = Org()
    org.fails = {f"{NEXT}2000": 1}
    with pytest.raises(RetryableError):
        Following(org, AtOnce()).take(f"{NEXT}2000", 2000, 2000, 9000)
    org.fails = {f"{NEXT}4000": 2}
    pages = Following(org, AtOnce())
    pages.take(f"{NEXT}2000", 2000, 2000, 9000)
    with pytest.raises(RetryableError):
        pages.take(f"{NEXT}4000", 4000, 2000, 9000)


def with_pool(bench: Bench):
    runtime = bench.runtime
    return PLUGIN.connect(
        bench.settings,
        type(runtime)(runtime.http, runtime.requests, runtime.now, runtime.sleep, AtOnce()),
    )


def filled(bench: Bench, count: int) -> list[str]:
    connector = bench.connector()
    rows = [NewRecord(f"key-{number}", {"Name": f"Partner {number}"}) for number in range(count)]
    parts = [rows[at : at + 200] for at in range(0, count, 200)]
    return [str(made.id) for part in parts for made in connector.create(PARTNERS, part)]


@pytest.fixture
def bench():
    with Bench.in_process(PLUGIN) as bench:
        yield bench


def test_reading_ahead_costs_no_call_and_gives_the_same_pages(bench):
    made = filled(bench, 6100)
    told = []
    for connector in (bench.connector(), with_pool(bench)):
        pages = [page.records for page in connector.changes(PARTNERS, None)]
        told.append(([len(page) for page in pages], pages, connector.usage().calls))
    assert told[0] == told[1]
    assert told[0][0] == [2000, 2000, 2000, 100]
    assert {record.id for page in told[1][1] for record in page} == set(made)


def test_a_place_that_is_lost_on_the_way_is_found_again_when_pages_are_asked_for_ahead(bench):
    made = filled(bench, 6100)
    expired = {"status": 400, "code": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}
    bench.fault(path=r"/query/0r8.*-4000", times=2, **expired)
    seen = [
        record.id for page in with_pool(bench).changes(PARTNERS, None) for record in page.records
    ]
    assert set(seen) == set(made)


def test_reads_that_were_expected_are_the_same_reads(bench):
    made = filled(bench, 2100)
    connector = with_pool(bench)
    connector.expect([(PARTNERS, None)])
    calls = connector.usage().calls["read"]
    bench.user_edits("Account", made[0], {"Name": "edited after it was read"})
    bench.clock.advance(3600)
    pages = list(connector.changes(PARTNERS, None))
    assert {record.id for page in pages for record in page.records} == set(made)
    assert (calls, connector.usage().calls["read"]) == (1, 2)
    # The cursor is the time at which it was begun: nothing since then is passed over.
    again = [one for page in connector.changes(PARTNERS, pages[-1].cursor) for one in page.records]
    assert made[0] in {one.id for one in again}
    assert connector.usage().calls["read"] == 3 + (len(again) > 2000)


def test_what_goes_wrong_with_an_expected_read_is_told_where_it_is_taken(bench):
    connector = with_pool(bench)
    unknown = ObjectSpec("partner", "Account", ("Nope__c",))
    connector.expect([(unknown, None), (PARTNERS, "{")])
    with pytest.raises(ConnectorError, match="Nope__c"):
        list(connector.changes(unknown, None))
    with pytest.raises(ConnectorError, match="position"):
        list(connector.changes(PARTNERS, "{"))
    bench.fault(path="/query", status=400, code="MALFORMED_QUERY", message="no", times=1)
    connector.expect([(PARTNERS, None)])
    with pytest.raises(SchemaError, match="MALFORMED_QUERY"):
        list(connector.changes(PARTNERS, None))
    assert list(connector.changes(PARTNERS, None))
