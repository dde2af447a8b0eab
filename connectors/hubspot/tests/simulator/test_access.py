"""Tokens, scopes and rate limits."""

from __future__ import annotations

import pytest

from prmsync_hubspot.simulator import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    Settings,
)

DEALS = "/crm/v3/objects/deals"
FORM = {
    "grant_type": "refresh_token",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "refresh_token": REFRESH_TOKEN,
}


def bearer(token):
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize("headers", [bearer("wrong"), {"authorization": ACCESS_TOKEN}, bearer("")])
def test_a_token_that_is_not_known_is_401(portal, headers):
    answer = portal.http.get(DEALS, headers=headers)
    body = answer.json()
    assert (answer.status_code, body["category"]) == (401, "INVALID_AUTHENTICATION")
    assert body["message"].startswith("Authentication credentials not found.")
    assert set(body) == {"status", "message", "correlationId", "category"}


@pytest.mark.parametrize(
    "path", ["/oauth/v1/token", "/oauth/2026-03/token", "/oauth/2026-09/token"]
)
def test_an_oauth_token_opens_the_portal_until_it_expires(portal, path):
    issued = portal.http.post(path, data=FORM).json()
    assert (issued["expires_in"], issued["token_type"]) == (1800, "bearer")
    headers = bearer(issued["access_token"])
    assert portal.http.get(DEALS, headers=headers).status_code == 200
    portal.advance(1800 + 75)
    answer = portal.http.get(DEALS, headers=headers)
    assert (answer.status_code, answer.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
    assert answer.json()["message"] == (
        "The OAuth token used to make this call expired 1 minute(s) ago."
    )
    assert answer.json()["context"] == {"expire time": ["2026-11-22T10:00:00.250Z"]}
    renewed = portal.http.post(path, data=FORM).json()["access_token"]
    assert portal.http.get(DEALS, headers=bearer(renewed)).status_code == 200


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("grant_type", "BAD_GRANT_TYPE"),
        ("client_id", "BAD_CLIENT_ID"),
        ("client_secret", "BAD_CLIENT_SECRET"),
        ("refresh_token", "BAD_REFRESH_TOKEN"),
    ],
)
def test_wrong_oauth_credentials_are_named(portal, key, status):
    answer = portal.http.post("/oauth/v1/token", data={**FORM, key: "wrong"})
    assert (answer.status_code, answer.json()["status"]) == (400, status)


def test_tokens_can_be_ended_by_hand(portal):
    token = portal.http.post("/oauth/v1/token", data=FORM).json()["access_token"]
    assert portal.get(f"/oauth/v1/access-tokens/{token}").json()["hub_id"] == 24681012
    portal.simulator.access.expire_all()
    assert portal.http.get(DEALS, headers=bearer(token)).status_code == 401
    assert portal.get(DEALS).status_code == 200
    portal.simulator.access.revoke(ACCESS_TOKEN)
    assert portal.get(DEALS).json()["category"] == "EXPIRED_AUTHENTICATION"


def test_a_missing_scope_is_403_and_named(new_portal):
    portal = new_portal(settings=Settings(tokens={ACCESS_TOKEN: ("crm.objects.deals.read",)}))
    assert portal.get(DEALS).status_code == 200
    answer = portal.post(DEALS, {"properties": {}})
    assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
    assert answer.json()["context"]["requiredGranularScopes"] == ["crm.objects.deals.write"]
    custom = portal.get("/crm/v3/objects/prm_registration")
    assert custom.json()["context"]["requiredGranularScopes"] == ["crm.objects.custom.read"]
    assert portal.get("/crm/v3/schemas").status_code == 403
    assert portal.get("/crm/v3/owners").status_code == 403
    assert portal.get("/account-info/v3/details").status_code == 200


class TestLimits:
    def test_the_burst_is_190_in_any_ten_seconds(self, portal):
        for left in (189, 188):
            answer = portal.get(DEALS)
            assert answer.headers["X-HubSpot-RateLimit-Max"] == "190"
            assert answer.headers["X-HubSpot-RateLimit-Remaining"] == str(left)
            assert answer.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
            assert answer.headers["X-HubSpot-RateLimit-Daily"] == "650000"
        for _ in range(188):
            assert portal.get(DEALS).status_code == 200
        refused = portal.get(DEALS)
        body = refused.json()
        assert refused.status_code == 429
        assert (body["errorType"], body["policyName"]) == ("RATE_LIMIT", "TEN_SECONDLY_ROLLING")
        assert "category" not in body
        portal.wall += 9.9
        assert portal.get(DEALS).status_code == 429
        portal.wall += 0.1
        assert portal.get(DEALS).status_code == 200

    def test_the_simulators_clock_does_not_open_it_again(self, new_portal):
        portal = new_portal(settings=Settings(burst_limit=1))
        portal.get(DEALS)
        portal.advance(3600)
        assert portal.get(DEALS).status_code == 429

    def test_a_limit_that_is_set_anew_counts_calls_from_then_on(self, new_portal):
        portal = new_portal(settings=Settings(burst_limit=1_000_000))
        for _ in range(300):
            assert portal.get(DEALS).status_code == 200
        portal.post("/_simulator/settings", {"burst_limit": 190, "burst_seconds": 5})
        answer = portal.get(DEALS)
        assert answer.headers["X-HubSpot-RateLimit-Remaining"] == "189"
        assert answer.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "5000"
        statuses = [portal.get(DEALS).status_code for _ in range(190)]
        assert statuses == [200] * 189 + [429]
        portal.wall += 5
        assert portal.get(DEALS).status_code == 200

    def test_searches_have_a_bucket_of_their_own(self, portal):
        for _ in range(5):
            answer = portal.search("deals")
            assert answer.status_code == 200
            assert "X-HubSpot-RateLimit-Max" not in answer.headers
            assert "X-HubSpot-RateLimit-Daily-Remaining" in answer.headers
        refused = portal.search("deals")
        assert refused.status_code == 429
        assert refused.json()["category"] == "RATE_LIMITS"
        assert refused.json()["message"] == "You have reached your secondly limit."
        assert "policyName" not in refused.json()
        assert "Retry-After" not in refused.headers
        assert portal.get(DEALS).status_code == 200
        portal.wall += 1
        assert portal.search("deals").status_code == 200

    def test_the_day(self, new_portal):
        portal = new_portal(settings=Settings(daily_limit=2))
        portal.get(DEALS)
        portal.search("deals")
        assert portal.get(DEALS).json()["policyName"] == "DAILY"
        portal.wall += 86_400
        assert portal.get(DEALS).status_code == 200

    def test_limits_can_be_switched_off(self, new_portal):
        settings = {"burst_limit": 0, "daily_limit": 0, "search_per_second": 0}
        portal = new_portal(schema={"settings": settings})
        for _ in range(300):
            assert portal.get(DEALS).status_code == 200
            assert portal.search("deals").status_code == 200


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"status": 429}, {"policyName": "TEN_SECONDLY_ROLLING", "errorType": "RATE_LIMIT"}),
        ({"status": 429, "code": "DAILY"}, {"policyName": "DAILY"}),
        ({"status": 429, "code": "RATE_LIMITS"}, {"category": "RATE_LIMITS"}),
        ({"status": 401}, {"category": "EXPIRED_AUTHENTICATION"}),
        ({"status": 500}, {"message": "internal error"}),
        ({"status": 400, "code": "VALIDATION_ERROR", "message": "no"}, {"message": "no"}),
    ],
)
def test_faults_speak_as_hubspot_does(portal, rule, told):
    portal.post("/_simulator/faults", {"path": "deals", "times": 1, **rule})
    answer = portal.get(DEALS)
    assert answer.status_code == rule["status"]
    assert told.items() <= answer.json().items()
    assert answer.json()["correlationId"]
    assert portal.get(DEALS).status_code == 200


def test_settings_change_while_the_portal_runs(portal):
    held = portal.get("/_simulator/settings").json()
    assert (held["burst_limit"], held["index_lag_seconds"]) == (190, 0.0)
    changed = portal.post("/_simulator/settings", {"burst_limit": 1}).json()
    assert changed == {**held, "burst_limit": 1}
    assert [portal.get(DEALS).status_code for _ in range(2)] == [200, 429]
    refused = portal.post("/_simulator/settings", {"burst_limit": -1, "speed": 3}).json()
    assert "burst_limit must be" in refused["message"]
    assert "speed" in refused["message"]


def test_calls_are_counted_by_endpoint(portal):
    portal.get(DEALS)
    portal.search("deals")
    portal.post(f"{DEALS}/batch/upsert", {"inputs": []})
    portal.get("/nowhere/at/all")
    counted = portal.get("/_simulator/stats").json()["by_endpoint"]
    assert counted == {
        "objects.batch_upsert": 1,
        "objects.list": 1,
        "objects.search": 1,
        "unknown": 1,
    }
