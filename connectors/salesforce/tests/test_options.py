"""Settings are checked before anything is sent, every problem at once."""

from __future__ import annotations

import dataclasses

import pytest

from prmsync.connector.protocol import ConnectionSettings
from prmsync.errors import ConfigurationError
from prmsync_salesforce.grants import ClientCredentials
from prmsync_salesforce.options import Options

GOOD = ConnectionSettings(
    name="sf",
    base_url="https://acme.my.salesforce.com/",
    auth={"client_id": "x", "client_secret": "y"},
)


def test_good_settings_get_their_defaults():
    options = Options.of(GOOD)
    assert options == Options(
        "https://acme.my.salesforce.com", ClientCredentials("x", "y"), "68.0", 1.0, True
    )


@pytest.mark.parametrize("version", ["v67.0", "67.0"])
def test_the_api_version_may_have_its_letter(version):
    assert Options.of(dataclasses.replace(GOOD, api_version=version)).api_version == "67.0"


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"base_url": None}, "base_url"),
        ({"base_url": "acme"}, "base_url"),
        ({"base_url": "ftp://acme.my.salesforce.com"}, "base_url"),
        ({"base_url": "https://login.salesforce.com"}, "base_url"),
        ({"base_url": "http://acme.my.salesforce.com"}, "base_url"),
        ({"auth": {"client_id": "x"}}, "auth.client_secret"),
        ({"auth": {"client_id": "x", "client_secret": "y", "password": "z"}}, "auth.password"),
        ({"api_version": "sixty"}, "api_version"),
        ({"options": {"call_share": 2}}, "options.call_share"),
        ({"options": {"call_share": "half"}}, "options.call_share"),
        ({"options": {"prefech": True}}, "options.prefech"),
        ({"options": {"prefetch": "no"}}, "options.prefetch"),
        ({"options": {"currency": "euro"}}, "options.currency"),
    ],
)
def test_each_problem_is_named_where_it_is(changed, where):
    with pytest.raises(ConfigurationError) as caught:
        Options.of(dataclasses.replace(GOOD, **changed))
    assert [finding.where for finding in caught.value.findings] == [where]


def test_all_problems_come_at_once():
    with pytest.raises(ConfigurationError) as caught:
        Options.of(ConnectionSettings(name="sf", api_version="x", options={"y": 1}))
    assert len(caught.value.findings) == 5
