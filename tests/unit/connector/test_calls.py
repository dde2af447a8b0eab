"""Calls over httpx: what is repeated, what a broken connection means, what the text tells."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime

import httpx
import pytest
import requests

from prmsync.connector.calls import Calls, unreachable
from prmsync.connector.protocol import Runtime
from prmsync.connector.retry import RetryPolicy
from prmsync.errors import (
    ConnectorError,
    OutcomeUnknownError,
    QuotaError,
    RejectedError,
    RetryableError,
)

URL = "http://crm.test/records?name=Jane%20Doe"


def judge(response: httpx.Response, kind: str) -> ConnectorError | None:
    if response.status_code == 429:
        return RetryableError("too fast")
    return RejectedError("no") if response.status_code >= 400 else None


class Line:
    """A CRM that answers with what it is given, in order; an exception breaks the line."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        self.client = httpx.Client(transport=httpx.MockTransport(self._handle))

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer, text="body")

    def calls(self, **more) -> Calls:
        runtime = Runtime(
            http=self.client,
            requests=requests.Session(),
            now=lambda: datetime(2026, 11, 22, tzinfo=UTC),
            sleep=self.slept.append,
        )
        return Calls(runtime, judge, **more)


def test_a_taken_answer_comes_back_and_is_counted():
    line = Line(200)
    calls = line.calls()
    assert calls.send("read", "GET", URL, headers={"x-test": "1"}).text == "body"
    assert calls.budget.usage().calls == {"read": 1}
    assert line.requests[0].headers["x-test"] == "1"
    assert line.slept == []


def test_every_call_has_a_time_limit():
    line = Line(200)
    line.calls().send("read", "GET", URL)
    assert all(line.requests[0].extensions["timeout"].values())


@pytest.mark.parametrize("kind", ["read", "guard", "metadata"])
@pytest.mark.parametrize(
    "broken",
    [httpx.ReadTimeout("slow"), httpx.ReadError("reset"), httpx.RemoteProtocolError("closed")],
)
def test_a_read_is_asked_again_when_the_line_breaks(kind, broken):
    line = Line(broken, 200)
    assert line.calls().send(kind, "GET", URL).status_code == 200
    assert len(line.slept) == 1


@pytest.mark.parametrize(
    "broken",
    [
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.WriteError("reset"),
        httpx.RemoteProtocolError("closed"),
    ],
)
def test_a_write_without_an_answer_is_an_unknown_outcome_and_never_sent_again(broken):
    line = Line(broken, 200)
    with pytest.raises(OutcomeUnknownError):
        line.calls().send("write", "POST", URL)
    assert len(line.requests) == 1
    assert line.slept == []


def test_a_write_that_never_left_is_sent_again():
    line = Line(httpx.ConnectError("refused"), 200)
    assert line.calls().send("write", "POST", URL, content=b"{}").status_code == 200
    assert line.requests[1].content == b"{}"


def test_a_write_that_the_crm_says_it_did_not_do_is_sent_again():
    line = Line(429, 200)
    assert line.calls().send("write", "POST", URL).status_code == 200


def test_a_refusal_is_raised_at_once():
    line = Line(400)
    with pytest.raises(RejectedError):
        line.calls().send("read", "GET", URL)
    assert line.slept == []


def test_attempts_end():
    line = Line(*(httpx.ConnectError("refused") for _ in range(3)))
    with pytest.raises(RetryableError) as caught:
        line.calls(policy=RetryPolicy(attempts=3)).send("read", "GET", URL)
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert line.answers == []


def test_the_meter_sees_refused_answers_too():
    seen: list[int] = []
    line = Line(429, 400)
    with pytest.raises(RejectedError):
        line.calls(meter=lambda answer: seen.append(answer.status_code)).send("read", "GET", URL)
    assert seen == [429, 400]


def test_a_used_up_budget_sends_nothing():
    line = Line(200)
    calls = line.calls()
    calls.budget = type(calls.budget)(share=0.5)
    calls.budget.observe(9, 10)
    with pytest.raises(QuotaError):
        calls.send("read", "GET", URL)
    assert line.requests == []


def test_texts_name_the_place_and_nothing_of_the_query():
    line = Line(*(httpx.ReadTimeout("Jane Doe") for _ in range(4)))
    with pytest.raises(RetryableError) as caught:
        line.calls().send("read", "GET", URL)
    assert "http://crm.test" in caught.value.message
    assert "Jane" not in f"{caught.value.message} {caught.value.hint}"


def test_a_refused_connection_asks_whether_base_url_is_right():
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError) as caught:
        client.get("http://127.0.0.1:9/")
    error = unreachable(caught.value, "http://127.0.0.1:9/x")
    assert error.message == "nothing answers at http://127.0.0.1:9"
    assert "base_url" in error.hint


@pytest.mark.parametrize("wrapper", [httpx.ConnectError, requests.ConnectionError])
@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (socket.gaierror(-2, "Name or service not known"), "is not known"),
        (ssl.SSLCertVerificationError("self-signed"), "TLS"),
        (ConnectionRefusedError(111, "refused"), "nothing answers"),
    ],
)
def test_the_cause_is_found_however_deep(wrapper, cause, told):
    inner = RuntimeError("wrapped")
    inner.__cause__ = cause
    assert told in unreachable(wrapper(inner), "https://crm.test").message
