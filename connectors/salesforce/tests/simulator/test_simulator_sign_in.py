from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.errors import ConfigurationError
from prmsync_salesforce.simulator.app import SalesforceSimulator
from prmsync_salesforce.simulator.settings import OrgSettings

START = datetime(2026, 3, 1, tzinfo=UTC)
EXPIRED = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


def test_client_credentials_give_a_token_and_the_address_that_was_called(org):
    answer = org.sign_in()
    assert answer["instance_url"] == "http://127.0.0.1:9999"
    assert answer["token_type"] == "Bearer"
    assert answer["id"].startswith("http://127.0.0.1:9999/id/00D")
    assert answer["issued_at"] == "1772366400000"


def test_credentials_may_come_as_basic_authentication(org):
    basic = base64.b64encode(b"prmsync-simulator:simulator-secret").decode()
    headers = {"authorization": f"Basic {basic}"}
    body = b"grant_type=client_credentials"
    assert org.call("POST", "/services/oauth2/token", body, headers)[0] == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        (b"grant_type=password&username=a&password=b", "unsupported_grant_type"),
        (b"grant_type=client_credentials&client_id=x&client_secret=y", "invalid_client_id"),
        (
            b"grant_type=client_credentials&client_id=prmsync-simulator&client_secret=y",
            "invalid_client",
        ),
    ],
)
def test_wrong_credentials_are_refused_in_oauth_words(org, form, error):
    status, answer = org.call("POST", "/services/oauth2/token", form)
    assert status == 400
    assert answer["error"] == error
    assert set(answer) == {"error", "error_description"}


def test_calls_need_a_token_that_is_still_good(tight_org):
    assert tight_org.call("GET", "/limits")[0] == 200
    tight_org.advance(601)
    assert tight_org.call("GET", "/limits") == (401, EXPIRED)
    tight_org.sign_in()
    assert tight_org.call("GET", "/limits")[0] == 200
    tight_org.token = "00D!wrong"
    assert tight_org.call("GET", "/limits") == (401, EXPIRED)


def test_the_daily_limit_ends_in_403_and_moves_with_the_clock(tight_org):
    for used in range(1, 6):
        assert tight_org.call("GET", "/limits")[0] == 200
        assert tight_org.last.headers["Sforce-Limit-Info"] == f"api-usage={used}/5"
    status, answer = tight_org.call("GET", "/limits")
    assert status == 403
    assert answer == [
        {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
    ]
    tight_org.advance(24 * 3600)
    tight_org.sign_in()
    assert tight_org.call("GET", "/limits")[1]["DailyApiRequests"] == {"Max": 5, "Remaining": 4}


def test_userinfo_names_the_integration_user_and_the_org(org):
    status, info = org.call("GET", "/services/oauth2/userinfo")
    assert status == 200
    users = org.query(f"SELECT Name, Email FROM User WHERE Id = '{info['user_id']}'")
    assert users[0]["Email"] == info["email"]
    organization = org.query("SELECT Id, Name, IsSandbox, TimeZoneSidKey FROM Organization")
    assert organization[0]["Id"] == info["organization_id"]
    assert organization[0]["IsSandbox"] is False


def test_versions_and_resources_are_listed(org):
    versions = org.call("GET", "/services/data")[1]
    assert versions[-1] == {
        "label": "Winter '27",
        "url": "/services/data/v68.0",
        "version": "68.0",
    }
    assert versions[-2]["label"] == "Summer '26"
    resources = org.call("GET", "/services/data/v61.0/")[1]
    assert resources["sobjects"] == "/services/data/v61.0/sobjects"
    assert org.call("GET", "/nowhere") == (
        404,
        [{"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"}],
    )


def test_an_org_with_one_currency_tells_it_in_the_connect_api(new_org):
    org = new_org(OrgSettings(multi_currency=False, currency="EUR"))
    answer = org.call("GET", "/connect/organization")[1]
    assert answer["features"] == {"defaultCurrencyIsoCode": "EUR", "multiCurrency": False}
    assert answer["orgId"] == org.ids("SELECT Id FROM Organization")[0]


def test_an_org_that_cannot_be_set_up_says_why():
    for schema, word in (
        ({"settings": {"sandbocks": True}}, "sandbocks"),
        ({"objects": [{"label": "no name"}]}, "object 1 is no describe answer"),
        ({"compositeResponse": []}, "holds 'compositeResponse'; a describe answer"),
        ({"name": "Account", "labels": []}, "'name', 'labels'"),
        ({"validation_rules": [{"object": "Nope"}]}, "validation rule"),
    ):
        with pytest.raises(ConfigurationError, match=word):
            SalesforceSimulator(SimulatorOptions(now=lambda: START, schema=schema))
    data = {"Account": [{"Naem": "x"}, {"Name": "ok"}], "Thing": []}
    with pytest.raises(ConfigurationError, match=r"Account record 1.*Naem.*unknown object Thing"):
        SalesforceSimulator(SimulatorOptions(now=lambda: START, data=data))
