"""The other two ways in: a signed assertion, and a refresh token that may be replaced."""

from __future__ import annotations

from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from prmsync.connector.budget import CallBudget
from prmsync.errors import AuthError
from prmsync_salesforce.auth import Tokens
from prmsync_salesforce.grants import (
    JWT_BEARER,
    ClientCredentials,
    JwtBearer,
    RefreshToken,
    grant_of,
)


def pem(key, encryption=None):
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()
    ).decode()


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def org(scripted):
    return scripted(lambda request: pytest.fail(f"no record traffic was expected: {request.url}"))


def form_of(org, at=-1):
    return {name: value for name, (value,) in parse_qs(org.sign_in.sent[at].body).items()}


def tokens_of(org, grant, keep=None):
    return Tokens(org.settings.base_url, grant, org.runtime, CallBudget(), keep)


def test_credentials_say_which_grant_is_meant(key):
    assert isinstance(grant_of({"client_id": "a", "client_secret": "b"}, None), ClientCredentials)
    assert isinstance(grant_of({"client_id": "a", "refresh_token": "b"}, None), RefreshToken)
    jwt_auth = {"client_id": "a", "username": "u@example.com", "private_key": pem(key)}
    assert isinstance(grant_of(jwt_auth, None), JwtBearer)


@pytest.mark.parametrize(
    ("environment", "audience"),
    [
        ("production", "https://login.salesforce.com"),
        ("sandbox", "https://test.salesforce.com"),
        (None, "https://login.salesforce.com"),
    ],
)
def test_an_assertion_is_signed_for_the_environment_and_lives_three_minutes(
    org, key, environment, audience
):
    auth = {"client_id": "an-id", "username": "sync@example.com", "private_key": pem(key)}
    tokens_of(org, grant_of(auth, environment)).current()
    form = form_of(org)
    assert form["grant_type"] == JWT_BEARER
    claims = jwt.decode(
        form["assertion"],
        key.public_key(),
        algorithms=["RS256"],
        audience=audience,
        options={"verify_exp": False},
    )
    assert (claims["iss"], claims["sub"]) == ("an-id", "sync@example.com")
    assert claims["exp"] == int(org.runtime.now().timestamp()) + 180
    assert "Authorization" not in org.sign_in.sent[-1].headers


def test_an_answer_without_a_time_takes_its_date_header(org, key, token):
    status, body = token()
    del body["issued_at"]
    org.sign_in.answers = [(status, body)]
    auth = {"client_id": "an-id", "username": "sync@example.com", "private_key": pem(key)}
    found = tokens_of(org, grant_of(auth, None)).current()
    assert found.issued_at == org.runtime.now()
    assert found.dated


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ({"client_id": "a", "private_key": "PEM"}, ["auth.username"]),
        ({"client_id": "a", "username": "u"}, ["auth.private_key"]),
        ({"client_id": "a"}, ["auth.client_secret"]),
        ({}, ["auth.client_id", "auth.client_secret"]),
        ({"client_id": "a", "refresh_token": ""}, ["auth.refresh_token"]),
        ({"client_id": "a", "client_secret": "b", "pass": "c"}, ["auth.pass"]),
    ],
)
def test_what_is_missing_is_named(auth, said, key):
    auth = {name: pem(key) if value == "PEM" else value for name, value in auth.items()}
    findings = grant_of(auth, None)
    assert isinstance(findings, list)
    assert [finding.where for finding in findings] == said


def test_a_key_and_a_refresh_token_together_are_refused(key):
    auth = {"client_id": "a", "username": "u", "private_key": pem(key), "refresh_token": "r"}
    (finding,) = grant_of(auth, None)
    assert "private_key and a refresh_token" in finding.message


def test_a_key_that_cannot_sign_is_told_and_not_shown(key):
    locked = pem(key, BestAvailableEncryption(b"phrase"))
    other = pem(ec.generate_private_key(ec.SECP256R1()))
    for text, said in ((locked, "pass phrase"), (other, "not an RSA key"), ("junk", "PEM form")):
        (finding,) = grant_of({"client_id": "a", "username": "u", "private_key": text}, None)
        assert said in finding.message
        assert text not in f"{finding.message}{finding.hint}"


def test_a_refresh_token_is_sent_with_the_apps_id(org):
    tokens_of(org, RefreshToken("an-id", "the-refresh")).current()
    assert form_of(org) == {
        "grant_type": "refresh_token",
        "refresh_token": "the-refresh",
        "client_id": "an-id",
    }
    tokens_of(org, RefreshToken("an-id", "the-refresh", "a-secret")).current()
    assert form_of(org)["client_secret"] == "a-secret"


def test_a_replaced_refresh_token_is_kept_and_used_from_then_on(org, token):
    status, body = token("one")
    org.sign_in.answers = [(status, {**body, "refresh_token": "newer"}), token("two")]
    kept = []
    tokens = tokens_of(
        org, RefreshToken("an-id", "older", "s"), lambda *said: kept.append((*said,))
    )
    tokens.renewed(tokens.current())
    assert kept == [("refresh_token", "newer")]
    assert [form_of(org, at)["refresh_token"] for at in (0, 1)] == ["older", "newer"]


def test_a_replaced_refresh_token_that_cannot_be_kept_is_told(org, token):
    status, body = token()
    org.sign_in.answers = [(status, {**body, "refresh_token": "newer"})]
    with pytest.raises(AuthError, match="rotates") as caught:
        tokens_of(org, RefreshToken("an-id", "older")).current()
    assert "newer" not in f"{caught.value!r}{caught.value.hint}"


def test_a_revoked_sign_in_says_how_to_sign_in_again(org):
    refused = {"error": "invalid_grant", "error_description": "expired access/refresh token"}
    org.sign_in.answers = [(400, refused)]
    with pytest.raises(AuthError) as caught:
        tokens_of(org, RefreshToken("an-id", "older")).current()
    assert "prmsync connect" in caught.value.hint


def test_a_user_who_is_not_authorised_says_where_to_do_it(org, key):
    refused = {
        "error": "invalid_grant",
        "error_description": "user hasn't approved this consumer",
    }
    org.sign_in.answers = [(400, refused)]
    auth = {"client_id": "an-id", "username": "sync@example.com", "private_key": pem(key)}
    with pytest.raises(AuthError, match="user hasn't approved") as caught:
        tokens_of(org, grant_of(auth, None)).current()
    assert "pre-authorised" in caught.value.hint


def test_no_grant_shows_its_secret(key):
    auth = {"client_id": "a", "username": "u", "private_key": pem(key)}
    grants = (
        ClientCredentials("a", "the-secret"),
        RefreshToken("a", "the-refresh", "the-secret"),
        grant_of(auth, None),
    )
    shown = repr(grants)
    assert "the-secret" not in shown
    assert "the-refresh" not in shown
    assert "PRIVATE" not in shown
    assert "RSAPrivateKey" not in shown
