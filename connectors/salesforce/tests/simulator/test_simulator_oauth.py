from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from prmsync.connector.simulator.http import Request
from prmsync_salesforce.simulator.settings import OrgSettings

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
REDIRECT = "http://localhost:1717/OauthRedirect"
VERIFIER = "v" * 64
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(key):
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def ask(org, **form):
    path = form.pop("path", "/services/oauth2/token")
    return org.call("POST", path, urlencode(form).encode())


def assertion(org, key, algorithm="RS256", **claims):
    now = org.simulator.chassis.clock.now().timestamp()
    every = {
        "iss": "prmsync-simulator",
        "sub": "integration@crm.example.com",
        "aud": "https://login.salesforce.com",
        "exp": int(now) + 180,
        **claims,
    }
    return jwt.encode(every, key, algorithm=algorithm)


def signed_in(org, key, **claims):
    return ask(org, grant_type=JWT_BEARER, assertion=assertion(org, key, **claims))


def refusal(answer):
    status, body = answer
    assert status == 400
    return body["error"], body["error_description"]


def test_a_signed_assertion_gives_a_token_of_the_named_user(new_org, key):
    org = new_org(OrgSettings(certificate=public_pem(key)))
    status, answer = signed_in(org, key, sub="avery.stone@crm.example.com")
    assert status == 200
    assert "refresh_token" not in answer
    org.token = answer["access_token"]
    made = org.read("Account", org.create("Account", Name="Mine"))
    assert answer["id"].endswith(made["CreatedById"])
    assert org.call("GET", "/services/oauth2/userinfo")[1]["email"] == "avery.stone@example.com"


def test_a_key_may_be_registered_while_the_org_runs(org, key):
    assert refusal(signed_in(org, key)) == ("invalid_grant", "invalid assertion")
    org.call("POST", "/_simulator/sign_in", {"certificate": public_pem(key)})
    assert signed_in(org, key)[0] == 200


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"iss": "someone-else"}, ("invalid_client_id", "client identifier invalid")),
        ({"aud": "https://elsewhere.example"}, ("invalid_grant", "audience is invalid")),
        (
            {"sub": "nobody@crm.example.com"},
            ("invalid_grant", "user hasn't approved this consumer"),
        ),
        ({"sub": "lee.gone@crm.example.com"}, ("inactive_user", "user is inactive")),
        ({"exp": 1}, ("invalid_grant", "expired authorization code")),
    ],
)
def test_an_assertion_is_refused_in_salesforce_s_words(new_org, key, claims, error):
    org = new_org(OrgSettings(certificate=public_pem(key)))
    assert refusal(signed_in(org, key, **claims)) == error


def test_only_the_registered_key_and_rs256_sign_an_assertion(new_org, key):
    org = new_org(OrgSettings(certificate=public_pem(key)))
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    wrong = ("invalid_grant", "invalid assertion")
    assert refusal(signed_in(org, other)) == wrong
    weak = assertion(org, "x" * 32, "HS256")
    assert refusal(ask(org, grant_type=JWT_BEARER, assertion=weak)) == wrong
    assert refusal(ask(org, grant_type=JWT_BEARER, assertion="not.a.jwt")) == wrong


def consent(org, **form):
    values = {
        "response_type": "code",
        "client_id": "prmsync-simulator",
        "redirect_uri": REDIRECT,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "scope": "api refresh_token",
        "state": "s1",
        "username": "dana.admin@crm.example.com",
        "decision": "allow",
        **form,
    }
    body = urlencode({name: value for name, value in values.items() if value}).encode()
    response = raw(org, "POST", "/services/oauth2/authorize", body)
    where = response.headers.get("location", "")
    sent_back = {name: found[0] for name, found in parse_qs(urlsplit(where).query).items()}
    return response, sent_back


def raw(org, method, path, body=b"", headers=None, **query):
    every = {"host": "127.0.0.1:9999", **(headers or {})}
    return org.simulator.handle(
        Request(method, path, {name: [value] for name, value in query.items()}, every, body)
    )


def redeem(org, code, **form):
    return ask(
        org,
        **{
            "grant_type": "authorization_code",
            "client_id": "prmsync-simulator",
            "redirect_uri": REDIRECT,
            "code": code,
            "code_verifier": VERIFIER,
            **form,
        },
    )


def test_the_consent_page_lists_the_active_people_and_the_app(org):
    page = raw(
        org,
        "GET",
        "/services/oauth2/authorize",
        response_type="code",
        client_id="prmsync-simulator",
        redirect_uri=REDIRECT,
        code_challenge=CHALLENGE,
    )
    text = page.body.decode()
    assert page.status == 200
    assert "<option>dana.admin@crm.example.com</option><option>" in text
    assert "lee.gone" not in text
    assert 'method="post"' in text


def test_a_code_gives_a_token_and_a_refresh_token_once(org):
    response, back = consent(org)
    assert response.status == 302
    assert response.headers["location"].startswith(REDIRECT + "?")
    assert back["state"] == "s1"
    status, answer = redeem(org, back["code"])
    assert status == 200
    assert answer["refresh_token"].startswith("5Aep861")
    org.token = answer["access_token"]
    info = org.call("GET", "/services/oauth2/userinfo")[1]
    assert info["preferred_username"] == "dana.admin@crm.example.com"
    again = redeem(org, back["code"])
    assert refusal(again) == ("invalid_grant", "expired authorization code")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"code_verifier": "w" * 64}, ("invalid_grant", "invalid code verifier")),
        (
            {"redirect_uri": "http://localhost:1/else"},
            ("redirect_uri_mismatch", "redirect_uri must match configuration"),
        ),
        ({"client_id": "x"}, ("invalid_client_id", "client identifier invalid")),
        ({"client_secret": "x"}, ("invalid_client", "invalid client credentials")),
    ],
)
def test_a_code_is_refused_to_another(org, form, error):
    _, back = consent(org)
    assert refusal(redeem(org, back["code"], **form)) == error


def test_a_code_is_stale_after_fifteen_minutes(org):
    _, back = consent(org)
    org.advance(901)
    assert refusal(redeem(org, back["code"])) == ("invalid_grant", "expired authorization code")


def test_no_and_what_the_app_may_not_ask_go_back_to_it(org):
    assert consent(org, decision="deny")[1] == {
        "error": "access_denied",
        "error_description": "end-user denied authorization",
        "state": "s1",
    }
    assert consent(org, code_challenge="")[1]["error"] == "invalid_request"
    assert consent(org, response_type="token")[1]["error"] == "unsupported_response_type"


def test_a_browser_is_never_sent_to_an_unknown_address(org, new_org):
    response, back = consent(org, redirect_uri="https://evil.example/")
    assert (response.status, back) == (400, {})
    assert b"redirect_uri_mismatch" in response.body
    strict = new_org(OrgSettings(callback_url="http://localhost:1717/other"))
    assert consent(strict)[0].status == 400
    assert consent(org, client_id="x")[0].status == 400
    assert b"check your username" in consent(org, username="nobody@x.example")[0].body


def test_without_a_challenge_the_secret_redeems_a_code(new_org):
    org = new_org(OrgSettings(require_pkce=False))
    _, back = consent(org, code_challenge="")
    assert refusal(redeem(org, back["code"]))[0] == "invalid_client"
    _, back = consent(org, code_challenge="")
    assert redeem(org, back["code"], client_secret="simulator-secret")[0] == 200


def refreshed(org, token):
    return ask(org, grant_type="refresh_token", client_id="prmsync-simulator", refresh_token=token)


def test_a_refresh_token_outlives_access_tokens_until_it_is_revoked(org):
    token = redeem(org, consent(org)[1]["code"])[1]["refresh_token"]
    org.advance(7201)
    status, answer = refreshed(org, token)
    assert status == 200
    assert "refresh_token" not in answer
    org.token = answer["access_token"]
    assert org.call("GET", "/limits")[0] == 200
    assert ask(org, path="/services/oauth2/revoke", token=token)[0] == 200
    assert refusal(refreshed(org, token)) == ("invalid_grant", "expired access/refresh token")
    assert refusal(ask(org, path="/services/oauth2/revoke", token=token))[0] == "invalid_token"


def test_rotation_makes_a_refresh_token_good_for_one_use(new_org):
    org = new_org(OrgSettings(rotate_refresh_tokens=True))
    first = redeem(org, consent(org)[1]["code"])[1]["refresh_token"]
    second = refreshed(org, first)[1]["refresh_token"]
    assert second != first
    assert refreshed(org, first)[0] == 400
    assert refreshed(org, second)[0] == 200


def test_an_admin_revokes_tokens_and_makes_users_inactive(org):
    token = redeem(org, consent(org)[1]["code"])[1]["refresh_token"]
    status, told = org.call("POST", "/_simulator/sign_in", {"revoke": "access"})
    assert (status, told["access_tokens"], told["refresh_tokens"]) == (200, 0, 1)
    assert org.call("GET", "/limits")[0] == 401
    org.call("POST", "/_simulator/sign_in", {"revoke": "all"})
    assert refreshed(org, token)[0] == 400
    org.sign_in()
    (user,) = org.ids("SELECT Id FROM User WHERE Alias = 'integrat'")
    change = {"object": "User", "id": user, "values": {"IsActive": False}}
    assert org.call("PATCH", "/_simulator/records", change)[0] == 200
    assert org.call("GET", "/limits")[1][0]["errorCode"] == "INVALID_SESSION_ID"
    refused = ask(
        org,
        grant_type="client_credentials",
        client_id="prmsync-simulator",
        client_secret="simulator-secret",
    )
    assert refusal(refused) == ("inactive_user", "user is inactive")


def test_a_control_request_that_makes_no_sense_is_told_so(org):
    status, answer = org.call("POST", "/_simulator/sign_in", {"revoke": "some", "pem": 1})
    assert status == 400
    assert "unknown key 'pem'" in answer["message"]
    assert "revoke must be" in answer["message"]
    assert org.call("GET", "/_simulator/sign_in")[1]["client_id"] == "prmsync-simulator"


def test_the_identity_url_tells_who_signed_in(org):
    answer = org.sign_in()
    path = urlsplit(answer["id"]).path
    status, told = org.call("GET", path)
    assert status == 200
    assert told["username"] == "integration@crm.example.com"
    assert told["organization_id"] == path.split("/")[2]
    assert told["urls"]["rest"].endswith("/services/data/v{version}/")
    assert told["utcOffset"] == -28800000


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/id/00D000000000001/005000000000001", 403, b"Wrong_Org"),
        ("/services/oauth2/userinfo", 403, b"Bad_OAuth_Token"),
    ],
)
def test_identity_is_refused_in_plain_words(org, path, status, text):
    token = org.token if text == b"Wrong_Org" else "stale"
    response = raw(org, "GET", path, headers={"authorization": f"Bearer {token}"})
    assert (response.status, response.body) == (status, text)
    assert raw(org, "GET", path).body == b"Missing_OAuth_Token"


def test_unknown_and_inactive_people_have_no_identity(org):
    organization = org.ids("SELECT Id FROM Organization")[0]
    (gone,) = org.ids("SELECT Id FROM User WHERE Alias = 'lee.gone'")
    bearer = {"authorization": f"Bearer {org.token}"}
    assert raw(org, "GET", f"/id/{organization}/{gone}", headers=bearer).body == b"Inactive"
    nobody = gone[:10] + "99999"
    assert raw(org, "GET", f"/id/{organization}/{nobody}", headers=bearer).body == b"Bad_Id"


def test_a_token_request_is_posted(org):
    status, answer = org.call("GET", "/services/oauth2/token", grant_type="client_credentials")
    assert (status, answer["error"]) == (400, "invalid_request")


def test_a_users_token_is_given_to_who_runs_the_simulator(org):
    control = "/_simulator/sign_in"
    told = org.call("POST", control, {"token_for": "dana.admin@crm.example.com"})[1]
    org.token = told["access_token"]
    assert org.call("GET", "/services/oauth2/userinfo")[1]["email"] == "dana.admin@example.com"
    form = {"grant_type": "refresh_token", "client_id": "prmsync-simulator"}
    assert ask(org, **form, refresh_token=told["refresh_token"])[0] == 200
    assert "access_token" not in org.call("GET", control)[1]
    status, answer = org.call("POST", control, {"token_for": "nobody@crm.example.com"})
    assert status == 400 and "nobody@crm.example.com" in str(answer)
