"""Who is signed in, the pins, and how few calls it takes."""

from __future__ import annotations

import httpx
import pytest

from prmsync.connector.protocol import ObjectSpec
from prmsync.connector.testing import Bench
from prmsync.errors import AuthError, QuotaError, SchemaError
from prmsync_salesforce import PLUGIN

OBJECTS = ("Account", "Opportunity", "PRM_Registration__c", "OpportunityPartner")


def test_the_account_is_told_whole(bench):
    account = bench.connector().account()
    assert account.name == "Simulated Salesforce Org"
    assert (account.environment, account.currency) == ("production", "USD")
    assert account.time_zone == "America/Los_Angeles"
    assert account.user == "Integration User"
    assert account.api_version == "68.0"


@pytest.mark.parametrize("length", [15, 18])
def test_both_forms_of_an_org_id_are_one_org(bench, length):
    org_id = bench.connector().account().org_id
    assert bench.connector(org=org_id[:length]).account().org_id == org_id


def test_both_orgs_and_environments_are_named(bench):
    with pytest.raises(AuthError, match=r"production.*sandbox"):
        bench.connector(environment="sandbox").account()
    with pytest.raises(AuthError, match="00Dother0000000"):
        bench.connector(org="00Dother0000000").account()


def test_a_sandbox_is_told_by_its_organization():
    with Bench.in_process(PLUGIN, {"settings": {"sandbox": True}}) as bench:
        assert bench.connector(environment="sandbox").account().environment == "sandbox"


def test_the_option_currency_goes_first(bench):
    assert bench.connector(options={"currency": "EUR"}).account().currency == "EUR"


ORGANIZATION = {"Id": "00D000000000001EAA", "Name": "A", "IsSandbox": False, "TimeZoneSidKey": None}
NO_CURRENCY_TYPE = [{"errorCode": "INVALID_TYPE", "message": "not supported"}]


def single_currency_org(settings_answer):
    """An org whose composite shows no CurrencyType, and whose settings are the answer given."""

    def answer(request):
        if request.url.path.endswith("/connect/organization"):
            return settings_answer
        bodies = {
            "organization": (200, {"records": [ORGANIZATION]}),
            "currency": (400, NO_CURRENCY_TYPE),
            "people": (200, {"records": []}),
            "stages": (200, {"records": []}),
        }
        parts = [
            {"referenceId": name, "httpStatusCode": status, "body": body}
            for name, (status, body) in bodies.items()
        ]
        return httpx.Response(200, json={"compositeResponse": parts})

    return answer


def test_a_single_currency_org_tells_it_in_its_organization_settings(scripted):
    told = httpx.Response(200, json={"features": {"defaultCurrencyIsoCode": "SEK"}})
    org = scripted(single_currency_org(told))
    account = PLUGIN.connect(org.settings, org.runtime).account()
    assert (account.currency, account.time_zone) == ("SEK", "UTC")
    assert account.user == "005000000000001AAA"


@pytest.mark.parametrize(
    "untold",
    [
        httpx.Response(200, json={"features": {}}),
        httpx.Response(404, json=[{"errorCode": "NOT_FOUND", "message": "no"}]),
        httpx.Response(403, json=[{"errorCode": "FUNCTIONALITY_NOT_ENABLED", "message": "no"}]),
    ],
)
def test_a_currency_that_nobody_tells_is_asked_for(scripted, untold):
    org = scripted(single_currency_org(untold))
    with pytest.raises(SchemaError, match="currency") as caught:
        PLUGIN.connect(org.settings, org.runtime).account()
    assert "options.currency" in caught.value.hint


def test_people_come_with_the_first_call(bench):
    connector = bench.connector()
    connector.account()
    calls = bench.calls()
    people = {person.email: person for person in connector.people()}
    assert bench.calls() == calls
    assert people["dana.admin@example.com"].active
    assert not people["lee.gone@example.com"].active


def test_stages_are_opportunitys_alone(bench):
    connector = bench.connector()
    (pipeline,) = connector.describe("Opportunity").pipelines
    assert pipeline.id == "default"
    assert [stage.label for stage in pipeline.stages if stage.won] == ["Closed Won"]
    assert connector.describe("Account").pipelines == ()


def test_the_objects_of_every_shipped_mapping_are_described_by_the_first_call(bench):
    connector = bench.connector()
    connector.account()
    calls = bench.calls()
    assert [connector.describe(name).name for name in OBJECTS] == list(OBJECTS)
    assert bench.calls() == calls
    connector.forget_schema()
    assert [connector.describe(name).name for name in OBJECTS] == list(OBJECTS)
    assert bench.calls() - calls == 1


def test_an_object_is_found_whatever_its_case(bench):
    assert bench.connector().describe("account").name == "Account"


def test_an_object_that_is_missing_does_not_hide_the_others(bench):
    connector = bench.connector()
    with pytest.raises(SchemaError, match="Nothing__c"):
        connector.describe("Nothing__c")
    assert connector.describe("Account").name == "Account"


def test_a_session_outlives_its_token(bench):
    connector = bench.connector()
    connector.account()
    bench.clock.advance(3 * 3600)
    list(connector.changes(ObjectSpec("partner", "Account", ("Name",)), None))
    assert connector.usage().calls["sign_in"] == 2


def test_our_share_of_the_orgs_calls_is_kept():
    with Bench.in_process(PLUGIN, {"settings": {"daily_api_limit": 20}}) as bench:
        connector = bench.connector(options={"call_share": 0.5})
        spec = ObjectSpec("partner", "Account", ("Name",))
        with pytest.raises(QuotaError, match="made 10 calls in the CRM's present window"):
            for _ in range(20):
                list(connector.changes(spec, None))
        assert bench.connector(options={"call_share": 0.5}).account()


def test_the_last_calls_of_the_day_are_left_to_people():
    with Bench.in_process(PLUGIN, {"settings": {"daily_api_limit": 20}}) as bench:
        spec = ObjectSpec("partner", "Account", ("Name",))
        list(bench.connector().changes(spec, None))
        connector = bench.connector()
        with pytest.raises(QuotaError, match="19 of the account's 20"):
            for _ in range(20):
                list(connector.changes(spec, None))
        usage = connector.usage()
        assert (usage.used, usage.limit) == (19, 20)


def test_the_orgs_own_limit_is_a_quota_error():
    with (
        Bench.in_process(PLUGIN, {"settings": {"daily_api_limit": 3}}) as bench,
        pytest.raises(QuotaError, match="TotalRequests"),
    ):
        for _ in range(5):
            bench.connector().account()


def test_a_run_with_nothing_to_do_takes_six_calls(bench):
    fields = {"OpportunityPartner": "Role"}
    specs = [ObjectSpec(name, name, (fields.get(name, "Name"),)) for name in OBJECTS]
    cursors = [list(bench.connector().changes(spec, None))[-1].cursor for spec in specs]
    bench.clock.advance(3600)
    calls = bench.calls()
    connector = bench.connector()
    connector.account()
    connector.people()
    for spec in specs:
        connector.describe(spec.object)
    for spec, cursor in zip(specs, cursors, strict=True):
        assert [page.records for page in connector.changes(spec, cursor)] == [[]]
    assert bench.calls() - calls == 6
