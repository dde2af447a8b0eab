"""Sign-in: once for all threads, bounded in time, with errors that say what to check."""

from __future__ import annotations

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import requests

from prmsync.connector.budget import CallBudget
from prmsync.errors import AuthError, ConnectorError, RetryableError
from prmsync_salesforce.auth import Tokens
from prmsync_salesforce.grants import ClientCredentials

GRANT = ClientCredentials("an-id", "a-secret")


@pytest.fixture
def org(scripted):
    return scripted(lambda request: pytest.fail(f"no record traffic was expected: {request.url}"))


@pytest.fixture
def tokens(org):
    return Tokens(org.settings.base_url, GRANT, org.runtime, CallBudget())


def test_the_token_request_is_client_credentials_with_a_time_limit(org, tokens):
    token = tokens.current()
    (sent,) = org.sign_in.sent
    assert sent.url == "https://acme.my.salesforce.com/services/oauth2/token"
    assert sent.body == "grant_type=client_credentials"
    assert base64.b64decode(sent.headers["Authorization"].removeprefix("Basic ")) == (
        b"an-id:a-secret"
    )
    assert all(org.sign_in.timeouts[0])
    assert token.instance_url == "https://acme.my.salesforce.com"
    assert token.user == "005000000000001AAA"
    assert token.issued_at == datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    assert token.dated


def test_a_loopback_address_keeps_its_scheme_and_port(org, token):
    status, body = token()
    org.sign_in.answers = [(status, {**body, "instance_url": "http://127.0.0.1:8081"})]
    found = Tokens("http://127.0.0.1:8081", GRANT, org.runtime, CallBudget()).current()
    assert found.instance_url == "http://127.0.0.1:8081"


def test_date_headers_that_tell_another_time_are_not_trusted(org, tokens, token):
    status, body = token()
    org.sign_in.answers = [(status, {**body, "issued_at": "1700000000000"})]
    assert not tokens.current().dated


def test_threads_share_one_sign_in(org, tokens):
    barrier = threading.Barrier(8)

    def sign_in(_):
        barrier.wait(10)
        return tokens.current()

    with ThreadPoolExecutor(8) as pool:
        found = set(map(id, pool.map(sign_in, range(8))))
    assert len(found) == 1
    assert len(org.sign_in.sent) == 1


def test_threads_share_one_renewal_of_an_expired_token(org, tokens, token):
    org.sign_in.answers = [token("one"), token("two"), token("three")]
    first = tokens.current()
    barrier = threading.Barrier(8)

    def renew(_):
        barrier.wait(10)
        return tokens.renewed(first).access_token

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(renew, range(8))) == {"token-two"}
    assert len(org.sign_in.sent) == 2


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("invalid_client_id", "client_id"),
        ("invalid_client", "client_secret"),
        ("invalid_grant", "Run As"),
        ("unsupported_grant_type", "client credentials flow"),
    ],
)
def test_a_refused_sign_in_is_not_tried_again(org, tokens, error, told):
    org.sign_in.answers = [(400, {"error": error, "error_description": "not this way"})]
    with pytest.raises(AuthError, match=f"refused the sign-in: not this way .{error}.$") as caught:
        tokens.current()
    assert told in caught.value.hint
    assert len(org.sign_in.sent) == 1


def test_a_busy_salesforce_is_tried_again(org, tokens, token):
    org.sign_in.answers = [(503, "<html>busy</html>"), token()]
    assert tokens.current().access_token == "token-one"
    assert len(org.runtime.sleep.__self__) == 1


@pytest.mark.parametrize(
    "body", ["<html>a proxy's page</html>", [1], {}, {"access_token": "x", "instance_url": "y"}]
)
def test_another_server_than_salesforce_is_told_apart(org, tokens, body):
    org.sign_in.answers = [(200, body)]
    with pytest.raises(AuthError, match=r"acme\.my\.salesforce\.com") as caught:
        tokens.current()
    assert "base_url" in caught.value.hint


@pytest.mark.parametrize(
    "broken", [requests.ConnectionError("refused"), requests.ReadTimeout("slow")]
)
def test_a_broken_line_is_tried_again_and_then_told(org, tokens, broken):
    org.sign_in.answers = [(0, broken)]
    with pytest.raises(RetryableError) as caught:
        tokens.current()
    assert "base_url" in caught.value.hint
    assert len(org.sign_in.sent) == 4


@pytest.mark.parametrize(
    "answer",
    [
        (400, {"error": "invalid_client", "error_description": "bad"}),
        (500, "down"),
        (200, "<html>"),
        (0, requests.ConnectionError("refused")),
    ],
)
def test_no_error_repeats_the_secret(org, tokens, answer):
    org.sign_in.answers = [answer]
    with pytest.raises(ConnectorError) as caught:
        tokens.current()
    assert "a-secret" not in f"{caught.value.message}{caught.value.hint}{caught.value!r}"


def test_a_token_does_not_show_itself(tokens):
    assert "token-one" not in repr(tokens.current())
