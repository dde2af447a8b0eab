"""`prmsync serve` as an operations engineer meets it: a process, signals, CRMs that come and go."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest

from prmsync.domain.values import PrmId, Values
from prmsync.service.runtime import utc_now
from prmsync.service.serving_lock import only_scheduler
from prmsync.store import lease, records
from prmsync.sync.process import this_process

SCHEDULER = "@scheduler"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, make_place: Callable[..., Any]) -> Any:
    """One Salesforce connection, `sf`, on each kind of database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    return make_place(url=url, sf="salesforce")


@pytest.fixture
def one(make_place: Callable[..., Any]) -> Any:
    """One Salesforce connection, `sf`, on SQLite."""
    return make_place(sf="salesforce")


@pytest.fixture
def two(make_place: Callable[..., Any]) -> Any:
    """Two connections, `sf` and `hs`."""
    return make_place(sf="salesforce", hs="hubspot")


def test_an_edit_in_the_crm_arrives_in_the_partner_database(place: Any, globex: Values) -> None:
    partner = place.insert("partner", globex)
    assert place.prmsync("sync", "--yes").returncode == 0
    service = place.serve()
    service.tells("run ended", connection="sf")
    place.crms["sf"].rename("Globex", "Globex Holding")
    service.until(lambda: place.ours("partner", partner)["name"] == "Globex Holding")
    line = service.tells("run ended", written_to_prm=1)
    assert line["connection"] == "sf"
    assert line["state"] == "done"
    assert service.stop() == 0


def test_an_edit_in_the_partner_database_arrives_in_the_crm(two: Any, globex: Values) -> None:
    partner = two.insert("partner", globex)
    assert two.prmsync("sync", "--yes").returncode == 0
    service = two.serve()
    two.crms["hs"].rename("Globex", "Globex Holding")
    service.until(lambda: two.crms["sf"].partner("Globex Holding"))
    assert two.ours("partner", partner)["name"] == "Globex Holding"
    assert service.stop(signal.SIGINT) == 0


def test_sigterm_ends_with_0_and_gives_all_leases_back(place: Any) -> None:
    service = place.serve()
    service.tells("run ended")
    assert place.holders()[SCHEDULER].endswith(f":{service.process.pid}")
    assert service.stop() == 0
    assert set(place.holders().values()) == {None}
    assert service.lines("stopped")[0]["unfinished"] == []


def test_sigterm_in_the_middle_of_a_run_lets_the_page_finish_and_says_so(two: Any) -> None:
    gate = two.crms["hs"].gate
    gate.holds = lambda request: "/companies" in request.path and not gate.opened.is_set()
    service = two.serve()
    service.until(gate.arrived.is_set)
    service.process.send_signal(signal.SIGTERM)
    service.tells("stopping")
    assert service.health()[0] == 503
    assert service.process.poll() is None
    gate.opened.set()
    assert service.ended() == 0
    assert service.lines("run stopped", connection="hs")
    assert set(two.holders().values()) == {None}
    run = two.last_run("hs")
    assert run.state == "failed"
    assert "the service was stopped" in run.message
    assert two.prmsync("sync", "hs").returncode == 0


def test_a_second_signal_stops_at_once(two: Any) -> None:
    gate = two.crms["hs"].gate
    gate.holds = lambda request: "/companies" in request.path and not gate.opened.is_set()
    service = two.serve()
    service.until(gate.arrived.is_set)
    service.process.send_signal(signal.SIGTERM)
    service.tells("stopping")
    assert service.stop() == 130
    gate.opened.set()
    assert two.prmsync("sync", "hs").returncode == 0


def test_after_kill_9_the_next_service_takes_over_at_once(place: Any, globex: Values) -> None:
    partner = place.insert("partner", globex)
    assert place.prmsync("sync", "--yes").returncode == 0
    gate = place.crms["sf"].gate
    killed = place.serve()
    killed.tells("run ended")
    gate.holds = lambda request: "query" in request.path and not gate.opened.is_set()
    killed.until(gate.arrived.is_set)
    assert killed.stop(signal.SIGKILL) == -signal.SIGKILL
    gate.opened.set()
    assert place.holders()["sf"].endswith(f":{killed.process.pid}")
    place.crms["sf"].rename("Globex", "Globex Holding")
    service = place.serve()
    service.until(lambda: place.ours("partner", partner)["name"] == "Globex Holding")
    assert service.stop() == 0
    assert set(place.holders().values()) == {None}


def test_of_two_services_on_one_database_only_one_runs(place: Any) -> None:
    first = place.serve()
    first.tells("run ended")
    second = place.prmsync("serve")
    assert second.returncode == 2
    assert f":{first.process.pid}" in second.stderr
    assert "another prmsync serve runs" in second.stderr
    assert place.prmsync("serve", "--once").returncode == 2
    assert first.stop() == 0
    assert place.prmsync("serve", "--once").returncode == 0


def test_a_service_restarted_under_the_same_process_number_takes_its_own_place(
    one: Any,
) -> None:
    # A container's process is number 1 on the same host after every restart.
    with one.database.begin() as connection:
        for name in (SCHEDULER, "sf"):
            lease.acquire(connection, name, this_process(), utc_now(), holder_is_dead=False)
    with only_scheduler(one.database, utc_now, lambda _: None):
        assert one.holders() == {SCHEDULER: this_process(), "sf": None}
    assert one.holders() == {SCHEDULER: None, "sf": None}


def test_one_crm_that_is_down_does_not_stop_the_other(two: Any, globex: Values) -> None:
    partner = two.insert("partner", globex)
    assert two.prmsync("sync", "--yes").returncode == 0
    two.crms["hs"].goes_down()
    service = two.serve()
    failed = service.tells("run failed", connection="hs")
    assert failed["error"] == "RetryableError"
    assert failed["hint"]
    two.crms["sf"].rename("Globex", "Globex Holding")
    service.until(lambda: two.ours("partner", partner)["name"] == "Globex Holding")
    service.until(lambda: service.health()[1]["connections"]["hs"]["failures"] > 1)
    assert len(service.lines("run failed", connection="hs")) == 1
    status, health = service.health()
    assert (status, health["status"]) == (200, "ok")
    assert health["connections"]["hs"]["state"] == "failing"
    assert health["connections"]["hs"]["error"]["message"].startswith("nothing answers")
    assert health["connections"]["sf"]["state"] in ("ok", "running")
    assert service.stop() == 0


def test_wrong_credentials_of_one_connection_are_told_once_and_kept_out_of_the_log(
    two: Any,
) -> None:
    (two.folder / "hubspot-token").write_text("pat-na1-not-the-token", encoding="utf-8")
    service = two.serve()
    failed = service.tells("run failed", connection="hs")
    assert failed["error"] == "AuthError"
    service.tells("run ended", connection="sf", count=3)
    assert len(service.lines("run failed", connection="hs")) == 1
    assert service.stop() == 0
    assert "not-the-token" not in service.log.read_text(encoding="utf-8")


def test_a_connection_recovers_and_the_log_says_since_when_it_failed(two: Any) -> None:
    token = two.folder / "hubspot-token"
    right = token.read_text(encoding="utf-8")
    token.unlink()
    service = two.serve()
    assert service.tells("run failed", connection="hs")["error"] == "ConfigurationError"
    token.write_text(right, encoding="utf-8")
    line = service.tells("recovered", connection="hs")
    assert line["after_failures"] >= 1
    assert service.health()[1]["connections"]["hs"]["error"] is None


def test_a_paused_connection_is_skipped_and_health_says_so(two: Any, globex: Values) -> None:
    two.insert("partner", globex)
    assert two.prmsync("sync", "--yes").returncode == 0
    assert two.prmsync("pause", "hs", "--why", "portal clean-up").returncode == 0
    service = two.serve()
    assert "portal clean-up" in service.tells("paused, its turns are skipped")["why"]
    before = two.last_run("hs").id
    two.crms["sf"].rename("Globex", "Globex Holding")
    service.tells("run ended", connection="sf", written_to_prm=1)
    service.tells("run ended", connection="sf", count=4)
    assert two.last_run("hs").id == before
    status, health = service.health()
    assert status == 200
    assert health["connections"]["hs"]["state"] == "paused"
    assert "portal clean-up" in health["connections"]["hs"]["paused"]
    assert two.prmsync("resume", "hs").returncode == 0
    service.until(lambda: two.crms["hs"].partner("Globex Holding"))
    assert service.tells("goes on after its pause", connection="hs")
    assert len(service.lines("paused, its turns are skipped")) == 1


def test_a_brake_is_told_once_and_runs_go_on(one: Any, globex: Values) -> None:
    one.insert("partner", globex)
    service = one.serve()
    line = service.tells("a brake waits for a person")
    assert f"prmsync apply {line['run']} --yes" in line["hint"]
    service.tells("run ended", count=3)
    assert len(service.lines("a brake waits for a person")) == 1
    status, health = service.health()
    assert status == 200
    assert health["connections"]["sf"]["waiting_run"] == line["run"]
    assert health["connections"]["sf"]["state"] in ("waiting", "running")
    assert "Globex" not in service.log.read_text(encoding="utf-8")


def test_conflicts_that_a_run_brings_up_reach_the_crms_with_the_next_one(
    two: Any, globex: Values
) -> None:
    partners = [
        two.insert("partner", globex),
        two.insert("partner", {**globex, "name": "Initech", "domain": "initech.example"}),
    ]
    registrations = [
        two.insert(
            "registration",
            {
                "number": f"DR-{number}",
                "partner": partner,
                "customer_name": "Northwind",
                "customer_domain": domain,
                "product_lines": "firewall",
                "review_state": "submitted",
                "submitted_at": f"2026-11-0{number}T09:00:00.000Z",
                "amount": "100.00",
                "currency": "USD",
            },
        )
        for number, partner, domain in [
            (1, partners[0], "northwind.example"),
            (2, partners[1], "other.example"),
        ]
    ]
    assert two.prmsync("sync", "--yes").returncode == 0
    service = two.serve()
    service.tells("run ended", connection="hs")
    assert two.ours("registration", registrations[1])["conflict"] is False
    with two.database.begin() as connection:
        same = {"customer_domain": "northwind.example"}
        changed = [(PrmId(registrations[1]), same)]
        assert not records.update(connection, "registration", changed)
    assert service.tells("program checked")["conflicts_opened"] == 1
    assert two.ours("registration", registrations[1])["conflict"] is True
    service.until(lambda: all(flag in ("true", True) for flag in _flags(two)))


def _flags(two: Any) -> list[Any]:
    """The conflict flag of both registrations in both CRMs."""
    found = []
    for crm, kind, name in (
        ("sf", "PRM_Registration__c", "Conflict__c"),
        ("hs", "prm_registration", "conflict"),
    ):
        answer = two.crms[crm]._control("GET", params={"object": kind})["records"]
        found += [{**one, **one.get("properties", {})}.get(name) for one in answer]
    assert len(found) == 4
    return found


def test_once_runs_every_connection_and_ends_as_sync_would(two: Any, globex: Values) -> None:
    partner = two.insert("partner", globex)
    held = two.prmsync("serve", "--once")
    assert held.returncode == 3
    assert two.crms["sf"].partner("Globex") is None
    assert two.prmsync("sync", "--yes").returncode == 0
    two.crms["sf"].rename("Globex", "Globex Holding")
    assert two.prmsync("serve", "--once").returncode == 0
    assert two.ours("partner", partner)["name"] == "Globex Holding"
    two.crms["hs"].goes_down()
    down = two.prmsync("serve", "--once")
    assert down.returncode == 1
    told = [json.loads(line) for line in down.stderr.splitlines()]
    ends = {(line["event"], line.get("connection")) for line in told}
    assert {("run ended", "sf"), ("run failed", "hs")} <= ends
    assert set(two.holders().values()) == {None}


def test_sync_of_all_leaves_a_paused_connection_out(two: Any, globex: Values) -> None:
    two.insert("partner", globex)
    assert two.prmsync("pause", "sf", "--why", "audit").returncode == 0
    done = two.prmsync("sync", "--yes")
    assert done.returncode == 0
    assert "sf is paused: audit" in done.stderr
    assert "prmsync resume sf" in done.stderr
    assert two.crms["hs"].partner("Globex") is not None
    assert two.crms["sf"].partner("Globex") is None
    named = two.prmsync("sync", "sf")
    assert named.returncode == 2
    assert "sf is paused: audit" in named.stderr


RUNS_WELL = {"done", "running"}


def test_check_shows_the_health_of_the_running_service(one: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = one.folder / "prmsync.toml"
    text = settings.read_text(encoding="utf-8").replace("127.0.0.1:0", f"127.0.0.1:{port}")
    settings.write_text(text, encoding="utf-8")
    silent = one.prmsync("serve", "--check")
    assert (silent.returncode, silent.stdout) == (1, "")
    assert "no service answers" in silent.stderr
    service = one.serve()
    service.tells("run ended")
    answer = one.prmsync("serve", "--check")
    assert answer.returncode == 0
    # With a schedule of seconds the next run may be under way already.
    assert json.loads(answer.stdout)["connections"]["sf"]["last_run"]["state"] in RUNS_WELL
    taken = one.prmsync("serve")
    assert taken.returncode == 2


def test_every_line_of_the_log_is_json_with_time_level_and_event_first(one: Any) -> None:
    service = one.serve()
    service.tells("run ended", count=2)
    assert service.stop() == 0
    for line in service.log.read_text(encoding="utf-8").splitlines():
        assert list(json.loads(line))[:3] == ["timestamp", "level", "event"]
