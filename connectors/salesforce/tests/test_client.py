"""Signed calls: renewal once, never in circles; answers that are not what they should be."""

from __future__ import annotations

import httpx
import orjson
import pytest

from prmsync.connector.budget import CallBudget
from prmsync.errors import AuthError, OutcomeUnknownError, RetryableError
from prmsync_salesforce.auth import Tokens
from prmsync_salesforce.client import Client, query_path
from prmsync_salesforce.grants import ClientCredentials

EXPIRED = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


def client_of(org):
    budget = CallBudget()
    tokens = Tokens(
        org.settings.base_url, ClientCredentials("an-id", "a-secret"), org.runtime, budget
    )
    return Client(tokens, org.runtime, budget, "68.0"), budget


def test_a_call_is_signed_and_metered(scripted):
    org = scripted(
        lambda request: httpx.Response(
            200, json={"a": 1}, headers={"Sforce-Limit-Info": "api-usage=22/15000"}
        )
    )
    client, budget = client_of(org)
    assert client.get("metadata", "/limits") == {"a": 1}
    (sent,) = org.requests
    assert str(sent.url) == "https://acme.my.salesforce.com/services/data/v68.0/limits"
    assert sent.headers["authorization"] == "Bearer token-one"
    assert (budget.usage().used, budget.usage().limit) == (22, 15000)


def test_an_expired_session_is_renewed_once(scripted, token):
    def answer(request):
        fresh = request.headers["authorization"] == "Bearer token-two"
        return httpx.Response(200, json=[]) if fresh else httpx.Response(401, json=EXPIRED)

    org = scripted(answer)
    org.sign_in.answers = [token("one"), token("two")]
    client, budget = client_of(org)
    client.send("write", "PATCH", "/services/data/v68.0/composite/sobjects", body={"records": []})
    assert budget.usage().calls == {"sign_in": 2, "write": 2}


def test_a_session_that_stays_refused_is_not_renewed_in_circles(scripted):
    org = scripted(lambda request: httpx.Response(401, json=EXPIRED))
    client, budget = client_of(org)
    with pytest.raises(AuthError):
        client.get("read", "/limits")
    assert budget.usage().calls == {"sign_in": 2, "read": 2}


def test_other_refusals_are_no_reason_to_sign_in_again(scripted):
    body = [{"message": "no", "errorCode": "API_DISABLED_FOR_ORG"}]
    org = scripted(lambda request: httpx.Response(403, json=body))
    client, budget = client_of(org)
    with pytest.raises(AuthError):
        client.get("read", "/limits")
    assert budget.usage().calls == {"sign_in": 1, "read": 1}


def test_a_page_of_a_proxy_is_no_answer(scripted):
    org = scripted(lambda request: httpx.Response(200, text="<html>log in to the wifi</html>"))
    client, _ = client_of(org)
    with pytest.raises(RetryableError, match="not JSON"):
        client.get("read", "/limits")
    with pytest.raises(OutcomeUnknownError):
        client.collection("PATCH", "", 1, body={"records": [{}]})


def test_a_wrong_number_of_results_is_an_unknown_outcome(scripted):
    org = scripted(lambda request: httpx.Response(200, json=[{"success": True, "id": "x"}]))
    client, _ = client_of(org)
    with pytest.raises(OutcomeUnknownError):
        client.collection("PATCH", "", 2, body={"records": [{}, {}]})


def test_pages_are_followed_to_the_end(scripted):
    pages = {
        "/services/data/v68.0/query": {
            "done": False,
            "nextRecordsUrl": "/services/data/v68.0/query/0r8xx-2000",
            "records": [{"Id": "1"}],
        },
        "/services/data/v68.0/query/0r8xx-2000": {"done": True, "records": [{"Id": "2"}]},
    }
    org = scripted(lambda request: httpx.Response(200, json=pages[request.url.path]))
    client, _ = client_of(org)
    answers = list(client.query("read", "SELECT Id FROM Account"))
    assert [(answer.rows, answer.last) for answer in answers] == [
        ([{"Id": "1"}], False),
        ([{"Id": "2"}], True),
    ]
    assert org.requests[0].headers["sforce-query-options"] == "batchSize=2000"


def test_the_recycle_bin_is_seen_only_when_asked_for(scripted):
    org = scripted(lambda request: httpx.Response(200, json={"done": True, "records": []}))
    client, _ = client_of(org)
    list(client.query("read", "SELECT Id FROM Account", deleted=True))
    list(client.query("read", "SELECT Id FROM Account"))
    assert [request.url.path.rpartition("/")[2] for request in org.requests] == [
        "queryAll",
        "query",
    ]


def test_a_composite_keeps_good_answers_beside_failed_ones(scripted):
    def answer(request):
        body = orjson.loads(request.content)
        assert body["allOrNone"] is False
        assert [part["url"] for part in body["compositeRequest"]] == [
            "/services/data/v68.0/query?q=SELECT%20Id%20FROM%20Account",
            "/services/data/v68.0/sobjects/Foo/describe",
        ]
        parts = [
            {"referenceId": "a", "httpStatusCode": 200, "body": {"done": True, "records": [{}]}},
            {
                "referenceId": "b",
                "httpStatusCode": 404,
                "body": [{"errorCode": "NOT_FOUND", "message": "no"}],
            },
        ]
        return httpx.Response(200, json={"compositeResponse": parts})

    client, _ = client_of(scripted(answer))
    paths = {"a": query_path("SELECT Id FROM Account"), "b": "/sobjects/Foo/describe"}
    answers = client.composite("metadata", paths)
    assert (answers["a"].rows, answers["b"].rows) == ([{}], [])
    assert answers["b"].status == 404
