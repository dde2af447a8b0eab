"""Signing in: the page, codes, refresh tokens, what tokens are, and ending them."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from prmsync.connector.sign_in import challenge_of
from prmsync_hubspot.simulator import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    Settings,
)

BACK = "http://127.0.0.1:8765/callback"
CLIENT = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
ASKED = {
    "client_id": CLIENT_ID,
    "redirect_uri": BACK,
    "scope": "crm.objects.deals.read crm.objects.companies.read",
    "state": "s1",
}
TOKEN_PATHS = ["/oauth/v1/token", "/oauth/v3/token", "/oauth/2026-03/token", "/oauth/2026-09/token"]
INTROSPECT = ["/oauth/v3/token/introspect", "/oauth/2026-09/token/introspect"]


def decide(portal, decision="allow", **asked):
    """What the browser brings back."""
    answer = portal.http.post(
        "/oauth/authorize", params={**ASKED, **asked}, data={"decision": decision}
    )
    assert answer.status_code == 302, answer.text
    target = urlsplit(answer.headers["location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == BACK
    return {name: values[0] for name, values in parse_qs(target.query).items()}


def redeem(portal, code, path="/oauth/2026-09/token", **more):
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    return portal.http.post(path, data={**CLIENT, **form, **more})


def refresh(portal, token=REFRESH_TOKEN):
    form = {**CLIENT, "grant_type": "refresh_token", "refresh_token": token}
    return portal.http.post("/oauth/2026-09/token", data=form)


def test_the_page_names_the_account_and_the_scopes(portal):
    page = portal.http.get("/oauth/authorize", params=ASKED)
    assert page.headers["content-type"].startswith("text/html")
    assert "24681012" in page.text
    assert "crm.objects.deals.read" in page.text
    assert portal.http.get("/oauth/24681012/authorize", params=ASKED).text == page.text


@pytest.mark.parametrize("path", TOKEN_PATHS)
def test_a_code_becomes_tokens_with_the_scopes_that_were_asked_for(portal, path):
    back = decide(portal, optional_scope="automation")
    assert back["state"] == "s1"
    issued = redeem(portal, back["code"], path).json()
    assert (issued["hub_id"], issued["token_type"], issued["expires_in"]) == (
        24681012,
        "bearer",
        1800,
    )
    assert issued["scopes"] == [
        "automation",
        "crm.objects.companies.read",
        "crm.objects.deals.read",
        "oauth",
    ]
    headers = {"authorization": f"Bearer {issued['access_token']}"}
    assert portal.http.get("/crm/v3/objects/deals", headers=headers).status_code == 200
    refused = portal.http.get("/crm/v3/objects/contacts", headers=headers)
    assert refused.json()["category"] == "MISSING_SCOPES"
    renewed = refresh(portal, issued["refresh_token"]).json()
    assert renewed["refresh_token"] == issued["refresh_token"]
    assert renewed["access_token"] != issued["access_token"]
    assert renewed["scopes"] == issued["scopes"]


def test_the_older_token_call_takes_its_form_from_the_address_and_the_newer_do_not(portal):
    form = {**CLIENT, "grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN}
    assert portal.http.post("/oauth/v1/token", params=form).status_code == 200
    for path in TOKEN_PATHS[1:]:
        assert portal.http.post(path, params=form).json()["error"] == "unsupported_grant_type"


def test_who_presses_cancel_is_sent_back_without_a_code(portal):
    back = decide(portal, "deny")
    assert (back["error"], back["state"]) == ("access_denied", "s1")
    assert "code" not in back


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "other"},
        {"redirect_uri": "https://elsewhere.example/"},
        {"scope": ""},
    ],
)
def test_what_is_wrong_with_the_address_keeps_the_browser_here(portal, wrong):
    answer = portal.http.get("/oauth/authorize", params={**ASKED, **wrong})
    assert answer.status_code == 400
    assert "Authorization failed" in answer.text


def test_an_app_grants_no_scope_that_it_does_not_have(new_portal):
    portal = new_portal(
        settings=Settings(app_scopes=("crm.objects.deals.read",), redirect_uri=BACK)
    )
    refused = portal.http.get("/oauth/authorize", params=ASKED)
    assert "crm.objects.companies.read" in refused.text
    back = decide(portal, scope="crm.objects.deals.read", optional_scope="automation")
    assert redeem(portal, back["code"]).json()["scopes"] == ["crm.objects.deals.read", "oauth"]
    assert refresh(portal).json()["scopes"] == ["crm.objects.deals.read"]


def test_a_code_is_good_once_for_a_short_time_and_for_its_own_address(portal):
    code = decide(portal)["code"]
    assert redeem(portal, code).status_code == 200
    late = decide(portal)["code"]
    portal.advance(601)
    moved = decide(portal)["code"]
    for answer, status in (
        (redeem(portal, code), "BAD_AUTH_CODE"),
        (redeem(portal, late), "BAD_AUTH_CODE"),
        (redeem(portal, moved, redirect_uri="http://127.0.0.1:1/"), "BAD_REDIRECT_URI"),
    ):
        body = answer.json()
        assert (answer.status_code, body["status"], body["error"]) == (400, status, "invalid_grant")
        assert body["message"] == body["error_description"]


def test_a_code_with_a_challenge_needs_its_verifier(portal):
    challenge = {"code_challenge": challenge_of("right"), "code_challenge_method": "S256"}
    wrong = redeem(portal, decide(portal, **challenge)["code"], code_verifier="wrong")
    assert wrong.json()["error"] == "invalid_grant"
    right = redeem(portal, decide(portal, **challenge)["code"], code_verifier="right")
    assert right.status_code == 200


@pytest.mark.parametrize("path", INTROSPECT)
def test_introspection_tells_what_a_token_is_while_it_lives(portal, path):
    issued = refresh(portal).json()

    def told(token):
        return portal.http.post(path, data={**CLIENT, "token": token}).json()

    access = told(issued["access_token"])
    assert (access["active"], access["token_use"], access["hub_id"]) == (
        True,
        "access_token",
        24681012,
    )
    assert {"oauth", "crm.objects.deals.write"} <= set(access["scopes"])
    assert told(issued["refresh_token"])["token_use"] == "refresh_token"
    assert told("nobody's") == {"active": False}
    portal.advance(1801)
    assert told(issued["access_token"]) == {"active": False}
    refused = portal.http.post(path, data={"client_id": CLIENT_ID, "token": "x"})
    assert refused.json()["error"] == "invalid_client"


def test_a_service_key_is_told_by_the_private_apps_call_only(portal):
    path = "/oauth/v2/private-apps/get/access-token-info"
    told = portal.post(path, {"tokenKey": ACCESS_TOKEN}).json()
    assert told["hubId"] == 24681012
    assert "crm.objects.deals.read" in told["scopes"]
    assert portal.post(path, {"tokenKey": "other"}).status_code == 404
    assert portal.get(f"/oauth/v1/access-tokens/{ACCESS_TOKEN}").status_code == 404


def test_paths_of_one_generation_are_not_those_of_another(portal):
    token = refresh(portal).json()["access_token"]
    assert portal.get(f"/oauth/v1/access-tokens/{token}").json()["token"] == token
    assert portal.get(f"/oauth/2026-09/access-tokens/{token}").status_code == 404
    assert portal.http.post("/oauth/v1/token/introspect", data=CLIENT).status_code == 404
    assert portal.http.post("/oauth/v2/token", data=CLIENT).status_code == 404


def test_a_refresh_token_ends_by_either_call_and_by_hand(portal):
    for end in (
        lambda token: portal.http.delete(f"/oauth/v1/refresh-tokens/{token}"),
        lambda token: portal.http.post(
            "/oauth/2026-09/token/revoke", data={**CLIENT, "token": token}
        ),
        lambda _: portal.post("/_simulator/sign_in", {"revoke": "refresh"}),
    ):
        token = redeem(portal, decide(portal)["code"]).json()["refresh_token"]
        assert portal.get(f"/oauth/v1/refresh-tokens/{token}").json()["client_id"] == CLIENT_ID
        assert end(token).is_success
        assert refresh(portal, token).json()["status"] == "BAD_REFRESH_TOKEN"
        assert portal.get(f"/oauth/v1/refresh-tokens/{token}").status_code == 404


def test_the_control_path_ends_tokens_of_each_kind(portal):
    token = refresh(portal).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    assert portal.get("/_simulator/sign_in").json() == {
        "access_tokens": 1,
        "refresh_tokens": 1,
        "client_id": CLIENT_ID,
    }
    portal.post("/_simulator/sign_in", {"revoke": "access"})
    assert portal.http.get("/crm/v3/owners", headers=headers).status_code == 401
    assert portal.get("/crm/v3/owners").status_code == 200
    portal.post("/_simulator/sign_in", {"revoke": "keys"})
    assert portal.get("/crm/v3/owners").status_code == 401
    refused = portal.post("/_simulator/sign_in", {"revoke": "everybody"})
    assert refused.status_code == 400
    assert "access, refresh, keys, all" in refused.json()["message"]
