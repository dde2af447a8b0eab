"""Connectors are found by entry point; two of one name are an error."""

from __future__ import annotations

import dataclasses
from importlib.metadata import EntryPoint

import pytest

from prmsync.connector.registry import GROUP, load_plugins, plugin, plugins
from prmsync.errors import ConfigurationError


@dataclasses.dataclass(frozen=True)
class Distribution:
    """As much of a distribution as an entry point shows."""

    name: str


def point(name: str, value: str, dist: str) -> EntryPoint:
    found = EntryPoint(name, value, GROUP)
    vars(found)["dist"] = Distribution(dist)
    return found


def test_the_installed_connectors_are_found():
    assert {"salesforce", "hubspot"} <= set(plugins())
    assert plugin("salesforce").title == "Salesforce"


def test_an_unknown_name_gets_a_near_spelling():
    with pytest.raises(ConfigurationError, match="salesfroce") as caught:
        plugin("salesfroce")
    assert "salesforce" in caught.value.hint


def test_a_name_like_no_other_gets_the_list():
    with pytest.raises(ConfigurationError) as caught:
        plugin("zzz")
    assert "hubspot, salesforce" in caught.value.hint


def test_two_distributions_of_one_name_are_refused_and_both_named():
    points = [point("crm", "json:dumps", "first-dist"), point("crm", "json:loads", "second-dist")]
    with pytest.raises(ConfigurationError) as caught:
        load_plugins(points)
    (finding,) = caught.value.findings
    assert "first-dist" in finding.message
    assert "second-dist" in finding.message


def test_every_connector_that_cannot_be_loaded_is_named():
    points = [
        point("one", "no_such_module_at_all:PLUGIN", "one-dist"),
        point("two", "json:NO_SUCH_NAME", "two-dist"),
    ]
    with pytest.raises(ConfigurationError) as caught:
        load_plugins(points)
    assert [finding.where for finding in caught.value.findings] == ["one-dist", "two-dist"]
