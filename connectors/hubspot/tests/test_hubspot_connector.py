from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from prmsync.connector.schema import FieldType, Person
from prmsync.errors import AuthError, ConfigurationError, QuotaError, RetryableError, SchemaError
from prmsync_hubspot import PLUGIN

ACCOUNT = "/account-info/2026-09/details"
TOKEN = "/oauth/2026-09/token"
OAUTH = {"refresh_token": "r-1", "client_id": "c-1", "client_secret": "s-1"}
TOLD = {
    "portalId": 4242,
    "accountType": "STANDARD",
    "timeZone": "Europe/Berlin",
    "companyCurrency": "EUR",
    "uiDomain": "app-eu1.hubspot.com",
}


def test_the_account_is_told(api: Any, connect: Any) -> None:
    api.on("GET", ACCOUNT, TOLD)
    hubspot = connect(org="4242", environment="production")
    found = hubspot.account()
    assert (found.org_id, found.environment, found.currency) == ("4242", "production", "EUR")
    assert (found.time_zone, found.api_version) == ("Europe/Berlin", "2026-09")
    assert hubspot.account() is found
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("kind", "environment"),
    [("STANDARD", "production"), ("SANDBOX", "sandbox"), ("DEVELOPER_TEST", "sandbox")],
)
def test_the_environment_follows_from_the_account_type(
    api: Any, connect: Any, kind: str, environment: str
) -> None:
    api.on("GET", ACCOUNT, {**TOLD, "accountType": kind})
    assert connect().account().environment == environment


@pytest.mark.parametrize("name", ["portalId", "timeZone", "companyCurrency"])
def test_what_must_not_be_guessed_of_the_account_is_required(
    api: Any, connect: Any, name: str
) -> None:
    api.on("GET", ACCOUNT, {**TOLD, name: None})
    with pytest.raises(SchemaError, match=name):
        connect().account()


def test_another_account_than_the_pinned_one_is_refused_naming_both(api: Any, connect: Any) -> None:
    api.on("GET", ACCOUNT, TOLD)
    with pytest.raises(AuthError, match=r"4242.*1111"):
        connect(org="1111").account()
    with pytest.raises(AuthError, match=r"production.*sandbox"):
        connect(environment="sandbox").account()


def test_missing_scopes_are_named(api: Any, connect: Any) -> None:
    body = {
        "status": "error",
        "category": "MISSING_SCOPES",
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": ["crm.schemas.deals.read"]},
    }
    api.on("GET", "/properties/2026-09/deals", body, status=403)
    with pytest.raises(AuthError, match=r"crm\.schemas\.deals\.read"):
        connect().describe("deals")


def test_a_token_is_taken_by_refresh_token_and_renewed_before_it_expires(
    api: Any, connect: Any
) -> None:
    api.on(
        "POST",
        TOKEN,
        {"access_token": "t-1", "expires_in": 1800},
        {"access_token": "t-2", "expires_in": 1800},
    )
    api.on("GET", "/owners/2026-09", {"results": []})
    hubspot = connect(auth=OAUTH)
    hubspot.people()
    api.now += timedelta(seconds=1741)
    hubspot.people()
    used = [one.headers["authorization"] for one in api.requests if "owners" in one.url.path]
    assert used == ["Bearer t-1"] * 2 + ["Bearer t-2"] * 2
    assert api.requests[0].content == (
        b"grant_type=refresh_token&client_id=c-1&client_secret=s-1&refresh_token=r-1"
    )
    assert hubspot.usage().calls["sign_in"] == 2


def test_a_token_that_is_refused_is_renewed_once(api: Any, connect: Any) -> None:
    api.on("POST", TOKEN, {"access_token": "t-1"}, {"access_token": "t-2"})
    expired = httpx.Response(401, json={"category": "EXPIRED_AUTHENTICATION"})
    api.on("GET", ACCOUNT, expired, TOLD)
    assert connect(auth=OAUTH).account().org_id == "4242"
    api.on("GET", ACCOUNT, expired)
    with pytest.raises(AuthError):
        connect(auth=OAUTH).account()
    assert len(api.asked(ACCOUNT)) == 4


def test_a_refused_service_key_is_not_tried_again(api: Any, connect: Any) -> None:
    api.on("GET", ACCOUNT, {"category": "INVALID_AUTHENTICATION"}, status=401)
    with pytest.raises(AuthError, match="token"):
        connect().account()
    assert len(api.requests) == 1


def test_a_refused_sign_in_says_so_without_the_secret(api: Any, connect: Any) -> None:
    api.on("POST", TOKEN, {"status": "BAD_REFRESH_TOKEN", "message": "bad r-1"}, status=400)
    with pytest.raises(AuthError) as caught:
        connect(auth=OAUTH).account()
    assert "refresh token" in caught.value.message
    assert "s-1" not in repr(caught.value)


@pytest.mark.parametrize(
    ("auth", "missing"),
    [
        ({}, ["token"]),
        ({"client_id": "x"}, ["refresh_token", "client_secret"]),
        ({"refresh_token": "x", "client_id": "x"}, ["client_secret"]),
    ],
)
def test_missing_credentials_are_named_before_any_call(
    connect: Any, api: Any, auth: dict[str, str], missing: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connect(auth=auth)
    assert [one.where.split()[-1] for one in caught.value.findings] == missing
    assert not api.requests


def test_wrong_options_are_all_named(connect: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connect(options={"prefech": True, "prefetch": "yes", "look_back_seconds": -1})
    assert [one.where for one in caught.value.findings] == [
        "[connections.main] options.prefech",
        "[connections.main] options.prefetch",
        "[connections.main] options.look_back_seconds",
    ]
    assert "prefetch" in caught.value.findings[0].hint


def test_an_unknown_api_version_is_refused(connect: Any) -> None:
    with pytest.raises(ConfigurationError, match="2025-01"):
        connect(api_version="2025-01")


def test_the_daily_limit_stops_the_run_with_a_quota_error(api: Any, connect: Any) -> None:
    body = {"errorType": "RATE_LIMIT", "policyName": "DAILY", "message": "daily"}
    api.on("GET", ACCOUNT, body, status=429)
    with pytest.raises(QuotaError):
        connect().account()
    assert len(api.requests) == 1


def _meter(limit: int, left: int) -> dict[str, str]:
    return {
        "X-HubSpot-RateLimit-Daily": str(limit),
        "X-HubSpot-RateLimit-Daily-Remaining": str(left),
    }


def test_one_run_keeps_to_the_connections_share_of_the_daily_limit(api: Any, connect: Any) -> None:
    api.on("GET", ACCOUNT, httpx.Response(200, json=TOLD, headers=_meter(5, 4)))
    api.on("GET", "/owners/2026-09", {"results": []})
    hubspot = connect(options={"call_share": 0.2})
    hubspot.account()
    with pytest.raises(QuotaError, match="made 1 call in the CRM's present window"):
        hubspot.people()


def test_what_others_use_is_not_counted_as_ours(api: Any, connect: Any) -> None:
    api.on("GET", ACCOUNT, httpx.Response(200, json=TOLD, headers=_meter(1000, 400)))
    api.on("GET", "/owners/2026-09", {"results": []})
    hubspot = connect(options={"call_share": 0.2})
    hubspot.account()
    assert hubspot.people() == []


def test_the_last_calls_of_the_day_are_left_to_people(api: Any, connect: Any) -> None:
    api.on("GET", ACCOUNT, httpx.Response(200, json=TOLD, headers=_meter(1000, 50)))
    hubspot = connect()
    hubspot.account()
    with pytest.raises(QuotaError, match="950 of the account"):
        hubspot.people()


def test_the_vendors_client_meets_the_same_limits_and_repeats(api: Any, connect: Any) -> None:
    slow = httpx.Response(429, json={"category": "RATE_LIMITS"})
    api.on("GET", "/owners/2026-09", slow, {"results": []})
    assert connect().people() == []
    assert api.slept == [1.0]
    api.on("GET", "/owners/2026-09", httpx.ConnectError("refused"))
    with pytest.raises(RetryableError):
        connect().people()


def test_owners_are_people_and_archived_ones_are_inactive(api: Any, connect: Any) -> None:
    jo = {"id": "1", "email": "jo@v.example", "firstName": "Jo", "lastName": "Doe"}
    gone = {"id": "2", "email": "al@v.example", "archived": True}
    api.on(
        "GET",
        "/owners/2026-09",
        {"results": [jo], "paging": {"next": {"after": "9"}}},
        {"results": []},
        {"results": [gone]},
    )
    assert connect().people() == [
        Person("1", "jo@v.example", "Jo Doe"),
        Person("2", "al@v.example", "al@v.example", active=False),
    ]
    assert [one.get("after") for one in api.asked("/owners/2026-09")] == [None, "9", None]


def stage(key: str, order: int, closed: str, probability: str, **more: Any) -> dict[str, Any]:
    metadata = {"isClosed": closed, "probability": probability}
    return {"id": key, "label": key.title(), "displayOrder": order, "metadata": metadata, **more}


def test_deals_are_described_with_types_pipelines_and_what_may_be_written(
    api: Any, connect: Any
) -> None:
    def prop(name: str, kind: str, shown: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "label": name, "type": kind, "fieldType": shown, **more}

    options = [{"label": "Gold", "value": "gold"}, {"label": "Silver", "value": "silver"}]
    api.on(
        "GET",
        "/properties/2026-09/deals",
        {
            "results": [
                prop("prm_id", "string", "text", hasUniqueValue=True),
                prop("tier", "enumeration", "radio", options=options),
                prop("lines", "enumeration", "checkbox", options=options),
                prop("flag", "enumeration", "booleancheckbox", options=[]),
                prop("flag2", "bool", "booleancheckbox"),
                prop("day", "date", "date"),
                prop("closedate", "datetime", "date"),
                prop("sum", "number", "calculation_rollup"),
                prop("amount", "number", "number", modificationMetadata={"readOnlyValue": True}),
                prop("hubspot_owner_id", "enumeration", "select", referencedObjectType="OWNER"),
                prop("dealstage", "enumeration", "radio", externalOptions=True),
                prop("old", "string", "text", archived=True),
            ]
        },
    )
    stages = [
        stage("won", 2, "true", "1.0"),
        stage("lost", 3, "true", "0.0"),
        stage("new", 0, "false", "0.2"),
        stage("gone", 1, "false", "0.1", archived=True),
    ]
    pipeline = {"id": "default", "label": "Sales", "displayOrder": 0, "stages": stages}
    api.on("GET", "/pipelines/2026-09/deals", {"results": [pipeline]})
    hubspot = connect()
    found = hubspot.describe("Deal")
    assert hubspot.describe("0-3") is found
    assert len(api.requests) == 2
    assert {name: one.type for name, one in found.fields.items()} == {
        "prm_id": FieldType.TEXT,
        "tier": FieldType.PICKLIST,
        "lines": FieldType.MULTI_PICKLIST,
        "flag": FieldType.BOOLEAN,
        "flag2": FieldType.BOOLEAN,
        "day": FieldType.DATE,
        "closedate": FieldType.DATETIME,
        "sum": FieldType.NUMBER,
        "amount": FieldType.NUMBER,
        "hubspot_owner_id": FieldType.REFERENCE,
        "dealstage": FieldType.PICKLIST,
    }
    assert found.fields["prm_id"].unique
    assert found.fields["tier"].picklist == {"gold": "Gold", "silver": "Silver"}
    assert found.fields["tier"].restricted
    assert found.fields["hubspot_owner_id"].references == ("owners",)
    assert not found.fields["sum"].updateable
    assert not found.fields["amount"].createable
    assert found.fields["dealstage"].picklist == {"new": "New", "won": "Won", "lost": "Lost"}
    (sales,) = found.pipelines
    assert [(one.id, one.closed, one.won, one.probability) for one in sales.stages] == [
        ("new", False, False, 0.2),
        ("won", True, True, 1.0),
        ("lost", True, False, 0.0),
    ]


NAMES = ["registration", "REGISTRATION", "p_registration", "p4242_registration", "2-7"]


@pytest.mark.parametrize("name", [*NAMES, "Registrations", "deal registration"])
def test_a_custom_object_is_found_by_any_of_its_names(api: Any, connect: Any, name: str) -> None:
    schema = {
        "name": "registration",
        "fullyQualifiedName": "p4242_registration",
        "objectTypeId": "2-7",
        "labels": {"singular": "Deal registration", "plural": "Registrations"},
        "requiredProperties": ["number"],
    }
    api.on("GET", "/crm-object-schemas/2026-09/schemas", {"results": [schema]})
    api.on(
        "GET",
        "/properties/2026-09/2-7",
        {"results": [{"name": "number", "type": "string", "fieldType": "text"}]},
    )
    api.on("GET", ACCOUNT, {**TOLD, "uiDomain": "app.hubspot.com"})
    hubspot = connect(org="4242")
    assert hubspot.describe(name).fields["number"].required
    assert hubspot.record_url(name, "5") == "https://app.hubspot.com/contacts/4242/record/2-7/5"


def test_an_object_that_does_not_exist_is_named_with_a_near_spelling(
    api: Any, connect: Any
) -> None:
    api.on("GET", "/crm-object-schemas/2026-09/schemas", {"results": []})
    with pytest.raises(SchemaError) as caught:
        connect().describe("compannies")
    assert "compannies" in caught.value.message
    assert "companies" in caught.value.hint


def test_records_open_in_the_accounts_own_domain(api: Any, connect: Any) -> None:
    api.on("GET", ACCOUNT, TOLD)
    hubspot = connect()
    assert hubspot.record_url("deals", "5") is None
    hubspot.account()
    assert hubspot.record_url("deals", "5") == (
        "https://app-eu1.hubspot.com/contacts/4242/record/0-3/5"
    )
    assert hubspot.record_url("deals", "1:2:3") is None
    assert hubspot.record_url("nothing", "5") is None


def test_the_plugin_explains_its_keys() -> None:
    assert PLUGIN.name == "hubspot"
    assert PLUGIN.title == "HubSpot"
    app = {"refresh_token", "client_id", "client_secret"}
    assert set(PLUGIN.auth_keys) == {"token", *app, "webhook_secret"}
    assert all(PLUGIN.auth_keys.values())
