from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import orjson

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.chassis import Chassis
from prmsync.connector.simulator.faults import InterruptedResponse
from prmsync.connector.simulator.http import Request


def call(notebook, method, path, payload=None, **query):
    body = b"" if payload is None else orjson.dumps(payload)
    response = notebook.handle(Request(method, path, {k: [v] for k, v in query.items()}, {}, body))
    return response.status, orjson.loads(response.body) if response.body else None


def test_calls_are_counted_by_endpoint_method_and_status_and_reset(notebook):
    call(notebook, "POST", "/notes", "a")
    call(notebook, "GET", "/notes")
    call(notebook, "GET", "/other")
    status, stats = call(notebook, "GET", "/_simulator/stats")
    assert status == 200
    assert stats["total"] == 3
    assert stats["by_endpoint"] == {"notes": 2, "other": 1}
    assert stats["by_method"] == {"GET": 2, "POST": 1}
    assert stats["by_status"] == {"200": 2, "201": 1}
    assert notebook.chassis.stats.calls(endpoint="notes", method="POST", status=201) == 1
    assert call(notebook, "DELETE", "/_simulator/stats")[1]["total"] == 0


def test_a_status_fault_refuses_before_the_commit(notebook):
    call(
        notebook,
        "POST",
        "/_simulator/faults",
        {"path": "/notes", "status": 503, "code": "BUSY", "message": "later", "times": 1},
    )
    assert call(notebook, "POST", "/notes", "a") == (503, {"error": "BUSY", "message": "later"})
    assert notebook.notes == []
    assert call(notebook, "POST", "/notes", "a")[0] == 201


def test_a_status_fault_may_commit_and_a_drop_may_not(notebook):
    call(
        notebook,
        "POST",
        "/_simulator/faults",
        [
            {"path": "/a", "status": 502, "commit": True, "body": {"any": 1}},
            {"path": "/b", "drop": True, "commit": False},
        ],
    )
    assert call(notebook, "POST", "/a", "x") == (502, {"any": 1})
    dropped = notebook.handle(Request("POST", "/b", body=b"y"))
    assert isinstance(dropped, InterruptedResponse)
    assert dropped.drop
    assert notebook.notes == ['"x"']


def test_every_nth_and_percent_choose_which_calls_fail(notebook):
    call(notebook, "POST", "/_simulator/faults", {"path": "/n", "status": 500, "every_nth": 3})
    assert [call(notebook, "GET", "/n")[0] for _ in range(6)] == [200, 200, 500, 200, 200, 500]
    call(notebook, "DELETE", "/_simulator/faults")
    call(notebook, "POST", "/_simulator/faults", {"path": "/p", "status": 500, "percent": 30})
    failures = [call(notebook, "GET", "/p")[0] for _ in range(200)].count(500)
    assert 35 <= failures <= 85
    rules = call(notebook, "GET", "/_simulator/faults")[1]["faults"]
    assert (rules[0]["matched"], rules[0]["fired"]) == (200, failures)


def test_a_row_rule_leaves_the_call_alone_and_fires_for_its_row(notebook):
    call(notebook, "POST", "/_simulator/faults", {"path": "/n", "record": "^K2$", "code": "LOCK"})
    request = Request("POST", "/n", body=b"z")
    assert notebook.handle(request).status == 201
    faults = notebook.chassis.faults
    assert faults.for_record(request, ["K1"]) is None
    assert faults.for_record(request, ["id", "K2"]).code == "LOCK"


def test_bad_rules_name_every_problem(notebook):
    rule = {"path": "(", "statos": 5, "times": "x", "every_nth": 0}
    status, answer = call(notebook, "POST", "/_simulator/faults", rule)
    assert status == 400
    for word in ("statos", "regular expression", "times must be int", "every_nth"):
        assert word in answer["message"]
    assert call(notebook, "GET", "/_simulator/faults")[1] == {"faults": []}


def test_the_clock_advances_and_can_be_set(notebook):
    _, answer = call(notebook, "POST", "/_simulator/clock", {"advance_seconds": 90})
    assert answer == {"now": "2026-03-01T12:01:30+00:00", "offset_seconds": 90.0}
    call(notebook, "POST", "/_simulator/clock", {"now": "2026-04-01T00:00:00Z"})
    assert call(notebook, "GET", "/_simulator/clock")[1]["now"] == "2026-04-01T00:00:00+00:00"
    assert call(notebook, "POST", "/_simulator/clock", {"now": "soon"})[0] == 400


def test_a_users_edits_and_the_whole_state_go_through_control(notebook):
    body = {"object": "note", "values": {"text": "hi"}, "user": "eve", "stamp": "2026-01-01"}
    assert call(notebook, "POST", "/_simulator/records", body) == (200, {"id": "1"})
    assert notebook.notes == ["hi by eve at 2026-01-01 00:00:00+00:00"]
    status, listed = call(notebook, "GET", "/_simulator/records", object="note")
    assert (status, listed["count"]) == (200, 1)
    state = call(notebook, "GET", "/_simulator/state")[1]
    call(notebook, "DELETE", "/_simulator/records", object="note", id="1")
    assert notebook.notes == []
    call(notebook, "PUT", "/_simulator/state", state)
    assert len(notebook.notes) == 1
    assert notebook.chassis.stats.total == 0


def test_control_mistakes_are_answered_with_what_is_wrong(notebook):
    assert call(notebook, "GET", "/_simulator/nowhere")[0] == 404
    assert call(notebook, "PUT", "/_simulator/stats")[0] == 400
    assert "object=" in call(notebook, "GET", "/_simulator/records")[1]["message"]
    merge = {"object": "note", "id": "1", "into": "2"}
    assert "through its API" in call(notebook, "POST", "/_simulator/merge", merge)[1]["message"]
    no_id = {"object": "note", "values": {"text": "x"}}
    assert '"id"' in call(notebook, "PATCH", "/_simulator/records", no_id)[1]["message"]
    unsaid = {"object": "note", "values": {}}
    assert "needs a text" in call(notebook, "POST", "/_simulator/records", unsaid)[1]["message"]
    beside = {"object": "note", "id": "1", "archived": False, "values": {"text": "x"}}
    assert "archived" in call(notebook, "PATCH", "/_simulator/records", beside)[1]["message"]


def test_calls_from_many_threads_are_answered_one_at_a_time(notebook):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: call(notebook, "POST", "/notes", n), range(400)))
    assert sorted(answer["count"] for _, answer in answers) == list(range(1, 401))
    assert notebook.chassis.stats.calls("notes", "POST", 201) == 400


def test_a_vendor_s_own_control_path_is_read_and_written(notebook):
    seen = []

    def own(body):
        seen.append(body)
        if body == {"bad": 1}:
            raise ValueError("not this")
        return {"seen": len(seen)}

    chassis = Chassis(
        "own",
        SimulatorOptions(now=lambda: datetime(2026, 1, 1, tzinfo=UTC)),
        notebook.handle,
        lambda _request: "any",
        notebook.chassis._records,
        controls={"own": own},
    )
    for method, body in (("GET", b""), ("POST", b'{"good":1}')):
        assert chassis.handle(Request(method, "/_simulator/own", body=body)).status == 200
    assert seen == [None, {"good": 1}]
    refused = chassis.handle(Request("POST", "/_simulator/own", body=b'{"bad":1}'))
    assert (refused.status, orjson.loads(refused.body)["message"]) == (400, "not this")
    assert chassis.handle(Request("DELETE", "/_simulator/own")).status == 400
