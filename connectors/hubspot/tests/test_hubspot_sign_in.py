from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from prmsync.connector.protocol import ConnectionSettings, RightsChecker
from prmsync.connector.sign_in import Attempt, BrowserSignIn
from prmsync.errors import AuthError, ConfigurationError
from prmsync_hubspot import PLUGIN
from prmsync_hubspot.auth import RefreshedToken
from prmsync_hubspot.scopes import OPTIONAL, REQUIRED

TOKEN = "/oauth/2026-09/token"
TOKEN_INFO = "/oauth/v2/private-apps/get/access-token-info"
APP = {"client_id": "c-1", "client_secret": "s-1"}
OAUTH = {"refresh_token": "r-1", **APP}
ATTEMPT = Attempt("http://localhost:8791/callback", "the-state", "the-verifier")
ISSUED = {"access_token": "t-1", "refresh_token": "r-1", "expires_in": 1800}
DEALS = ["crm.objects.deals.read", "crm.objects.deals.write", "crm.schemas.deals.read"]
OWNERS = "crm.objects.owners.read"


def settings(**more: Any) -> ConnectionSettings:
    return ConnectionSettings("main", auth=APP, **more)


def test_people_can_sign_in_with_the_browser() -> None:
    assert isinstance(PLUGIN, BrowserSignIn)
    assert PLUGIN.kept_key == "refresh_token"
    assert PLUGIN.kept_key in PLUGIN.auth_keys


def test_the_page_asks_for_what_a_sync_needs_and_for_custom_objects_where_there_are_any() -> None:
    address = urlsplit(PLUGIN.sign_in_address(settings(), ATTEMPT))
    query = parse_qs(address.query)
    assert (address.scheme, address.netloc) == ("https", "app.hubspot.com")
    assert address.path == "/oauth/authorize"
    assert query["redirect_uri"] == [ATTEMPT.redirect_uri]
    assert query["state"] == ["the-state"]
    assert query["scope"][0].split() == list(REQUIRED)
    assert query["optional_scope"][0].split() == list(OPTIONAL)
    assert "the-verifier" not in address.query
    assert "s-1" not in address.query


def test_the_page_asks_for_the_other_objects_that_the_mappings_name() -> None:
    named = settings(objects=("deals", "Contact", "0-1", "prm_registration", "tickets"))
    asked = parse_qs(urlsplit(PLUGIN.sign_in_address(named, ATTEMPT)).query)
    of_contacts = [f"crm.objects.contacts.{one}" for one in ("read", "write")]
    more = [*of_contacts, "crm.schemas.contacts.read", "tickets"]
    assert asked["scope"][0].split() == [*REQUIRED, *more]
    assert asked["optional_scope"][0].split() == list(OPTIONAL)
    admin = parse_qs(urlsplit(PLUGIN.admin_address(named, ATTEMPT)).query)
    assert admin["scope"] == asked["scope"]
    assert "crm.schemas.contacts.write" in admin["optional_scope"][0].split()


def test_a_pinned_account_has_its_own_page() -> None:
    address = PLUGIN.sign_in_address(settings(org="4242"), ATTEMPT)
    assert urlsplit(address).path == "/oauth/4242/authorize"


def test_a_simulated_account_has_its_page_at_its_own_address() -> None:
    address = PLUGIN.sign_in_address(settings(base_url="http://127.0.0.1:8080/"), ATTEMPT)
    assert address.startswith("http://127.0.0.1:8080/oauth/authorize?")


def test_an_app_without_a_secret_is_refused_before_anybody_signs_in() -> None:
    lacking = ConnectionSettings("main", auth={"client_id": "c-1"})
    with pytest.raises(ConfigurationError, match="client_secret"):
        PLUGIN.sign_in_address(lacking, ATTEMPT)


def test_the_browsers_code_is_redeemed_for_a_refresh_token(api: Any, runtime: Any) -> None:
    api.on("POST", TOKEN, ISSUED)
    answer = {"code": "the-code", "state": "the-state"}
    assert PLUGIN.redeem(settings(), runtime, ATTEMPT, answer) == "r-1"
    (request,) = api.requests
    assert {name: one[0] for name, one in parse_qs(request.content.decode()).items()} == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "redirect_uri": ATTEMPT.redirect_uri,
        **APP,
    }


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"error": "access_denied", "state": "the-state"}, "refused"),
        ({"error": "something_new"}, "no code"),
        ({}, "no code"),
    ],
)
def test_a_person_who_refuses_is_told_so_and_nothing_is_asked(
    api: Any, runtime: Any, answer: dict[str, str], says: str
) -> None:
    with pytest.raises(AuthError, match=says):
        PLUGIN.redeem(settings(), runtime, ATTEMPT, answer)
    assert not api.requests


@pytest.mark.parametrize(
    ("code", "hint"),
    [("BAD_AUTH_CODE", "once more"), ("MISMATCH_REDIRECT_URI_AUTH_CODE", "redirect URLs")],
)
def test_a_code_that_hubspot_refuses_says_what_to_do(
    api: Any, runtime: Any, code: str, hint: str
) -> None:
    api.on("POST", TOKEN, {"status": code, "message": "no"}, status=400)
    with pytest.raises(AuthError) as caught:
        PLUGIN.redeem(settings(), runtime, ATTEMPT, {"code": "the-code"})
    assert hint in caught.value.hint


def test_an_answer_without_a_refresh_token_is_no_sign_in(api: Any, runtime: Any) -> None:
    api.on("POST", TOKEN, {"access_token": "t-1", "expires_in": 1800})
    with pytest.raises(AuthError, match="no refresh token"):
        PLUGIN.redeem(settings(), runtime, ATTEMPT, {"code": "the-code"})


def test_a_sign_in_that_has_ended_asks_for_a_new_one(api: Any, connect: Any) -> None:
    api.on("POST", TOKEN, {"status": "BAD_REFRESH_TOKEN", "message": "bad"}, status=400)
    with pytest.raises(AuthError) as caught:
        connect(auth=OAUTH).account()
    assert caught.value.code == "invalid_grant"
    assert "prmsync connect" in caught.value.hint


def test_each_expiry_is_one_sign_in_for_all_threads(api: Any) -> None:
    asked: list[str] = []
    together = Barrier(8)

    def ask(refresh_token: str) -> dict[str, Any]:
        asked.append(refresh_token)
        return {**ISSUED, "access_token": f"t-{len(asked)}"}

    tokens = RefreshedToken("r-1", ask, lambda: api.now)

    def used(_: int) -> str:
        together.wait()
        first = tokens.current()
        together.wait()
        tokens.renew(first)
        return f"{first} {tokens.current()}"

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(used, range(8))) == {"t-1 t-2"}
    assert asked == ["r-1", "r-1"]
    api.now += timedelta(seconds=1741)
    assert tokens.current() == "t-3"


def test_a_replaced_refresh_token_is_kept_and_used_from_then_on(api: Any, connect: Any) -> None:
    kept: list[tuple[str, str]] = []
    api.on("POST", TOKEN, {**ISSUED, "refresh_token": "r-2"}, {**ISSUED, "refresh_token": "r-2"})
    api.on("GET", "/owners/2026-09", {"results": []})
    hubspot = connect(auth=OAUTH, keep=lambda *said: kept.append(said))
    hubspot.people()
    api.now += timedelta(seconds=1741)
    hubspot.people()
    assert kept == [("refresh_token", "r-2")]
    sent = [parse_qs(one.content.decode()) for one in api.requests if one.url.path == TOKEN]
    assert [one["refresh_token"] for one in sent] == [["r-1"], ["r-2"]]


def test_a_replaced_refresh_token_that_cannot_be_kept_is_told(api: Any, connect: Any) -> None:
    api.on("POST", TOKEN, {**ISSUED, "refresh_token": "r-2"})
    with pytest.raises(AuthError, match="cannot be kept") as caught:
        connect(auth=OAUTH).people()
    assert "r-2" not in f"{caught.value!r}{caught.value.hint}"


def test_scopes_that_a_token_lacks_are_all_named_with_what_needs_them(
    api: Any, connect: Any
) -> None:
    api.on("POST", TOKEN_INFO, {"hubId": 4242, "scopes": DEALS})
    hubspot = connect()
    assert isinstance(hubspot, RightsChecker)
    with pytest.raises(AuthError) as caught:
        hubspot.check_rights({"deals": True, "companies": True, "p_registration": True})
    assert caught.value.code == "MISSING_SCOPES"
    assert caught.value.message == "the token lacks 7 scopes that the mappings need"
    assert [one.where for one in caught.value.findings if "Enterprise" in one.hint] == [
        "crm.objects.custom.read"
    ]
    assert {one.where: one.message for one in caught.value.findings} == {
        "crm.objects.companies.read": "is needed to read companies",
        "crm.objects.companies.write": "is needed to write companies",
        "crm.schemas.companies.read": "is needed to read the properties and pipelines of companies",
        "crm.objects.custom.read": "is needed to read p_registration",
        "crm.objects.custom.write": "is needed to write p_registration",
        "crm.schemas.custom.read": "is needed to read the properties and pipelines of "
        "p_registration",
        OWNERS: "is needed to match owners by e-mail",
    }
    assert len(api.requests) == 1


def test_a_connection_that_writes_nothing_needs_no_scope_to_write(api: Any, connect: Any) -> None:
    granted = [scope for scope in (*DEALS, OWNERS) if not scope.endswith(".write")]
    api.on("POST", TOKEN_INFO, {"scopes": granted})
    connect().check_rights({"deals": False})
    with pytest.raises(AuthError, match=r"crm\.objects\.deals\.write"):
        connect().check_rights({"deals": True})


def test_an_oauth_tokens_scopes_come_with_the_token(api: Any, connect: Any) -> None:
    api.on("POST", TOKEN, {**ISSUED, "scopes": [*DEALS, OWNERS]})
    hubspot = connect(auth=OAUTH)
    hubspot.check_rights({"deals": True})
    with pytest.raises(AuthError, match="lacks 2 scopes"):
        hubspot.check_rights({"companies": False})
    assert [one.url.path for one in api.requests] == [TOKEN]


def test_a_token_of_which_hubspot_tells_no_scopes_is_tried(api: Any, connect: Any) -> None:
    connect().check_rights({"deals": True})  # the scripted API knows no such path: 404
    api.on("POST", TOKEN_INFO, {"hubId": 4242})
    connect().check_rights({"deals": True})
    api.on("POST", TOKEN, ISSUED)
    connect(auth=OAUTH).check_rights({"deals": True})
    assert len(api.requests) == 3


def test_a_token_that_has_ended_is_no_matter_of_scopes(api: Any, connect: Any) -> None:
    ended = httpx.Response(401, json={"category": "EXPIRED_AUTHENTICATION"})
    api.on("POST", TOKEN_INFO, ended)
    with pytest.raises(AuthError, match="expired"):
        connect().check_rights({"deals": True})


def test_an_object_that_is_not_there_is_left_to_its_description(api: Any, connect: Any) -> None:
    api.on("POST", TOKEN_INFO, {"scopes": ["crm.schemas.custom.read", OWNERS, *DEALS]})
    api.on("GET", "/crm-object-schemas/2026-09/schemas", {"results": []})
    connect().check_rights({"deals": True, "p_registration": True})
