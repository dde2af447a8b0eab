"""Settings become a database, mappings and connectors, or one clear error."""

from __future__ import annotations

from pathlib import Path

import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.serve import serving
from prmsync.errors import ConfigurationError, MappingError, StoreError
from prmsync.service.runtime import TimeoutAdapter, runtime, utc_now
from prmsync.service.settings import Settings, load_settings
from prmsync.service.setup import initialise
from prmsync.service.wiring import (
    connect,
    database_url,
    is_on_this_machine,
    load_all_mappings,
    load_connection_mappings,
    mapping_files,
    open_application,
    open_store,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    initialise(tmp_path, simulators=True, environ={})
    return tmp_path


def load(folder: Path, environ: dict[str, str] | None = None) -> Settings:
    return load_settings(folder / "prmsync.toml", environ or {})


@pytest.mark.parametrize("name", ["acme-sf", "acme-hs"])
def test_a_connection_of_init_signs_in_to_its_simulator(folder: Path, name: str) -> None:
    known = plugin(load(folder).connection(name).connector)
    with serving(known.simulator(SimulatorOptions(now=utc_now)).handle) as url:
        variable = f"PRMSYNC_CONNECTIONS__{name.upper().replace('-', '_')}__BASE_URL"
        settings = load(folder, {variable: url})
        with open_application(settings, environ={}) as app, app.connected(name) as connector:
            assert connector.account().environment == "production"
            assert connector.batch_size >= 100


def test_sqlite_files_are_relative_to_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "prmsync.toml").write_text("", encoding="utf-8")
    assert database_url(load(tmp_path), {}) == f"sqlite:///{tmp_path / 'prmsync.db'}"


def test_the_database_address_may_be_a_secret(folder: Path) -> None:
    environ = {"PRMSYNC_DATABASE__URL": "postgresql://me:pw@nowhere/d"}
    assert database_url(load(folder, environ), environ) == environ["PRMSYNC_DATABASE__URL"]


def test_a_missing_database_is_a_store_error(folder: Path) -> None:
    (folder / "prmsync.db").unlink()
    with pytest.raises(StoreError):
        open_store(load(folder), {})


def test_without_a_setting_the_shipped_mappings_are_used(tmp_path: Path) -> None:
    text = '[connections.a]\nconnector = "salesforce"\n'
    (tmp_path / "prmsync.toml").write_text(text, encoding="utf-8")
    settings = load(tmp_path)
    assert mapping_files(settings, "a")
    assert load_connection_mappings(settings, "a")[0].stream == "partner"


def test_problems_of_all_mapping_files_are_named_at_once(folder: Path) -> None:
    for crm in ("salesforce", "hubspot"):
        path = folder / "mappings" / crm / "partner.yaml"
        path.write_text(path.read_text(encoding="utf-8") + "\nbogus: 1\n", encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        load_all_mappings(load(folder))
    assert len([one for one in caught.value.findings if "bogus" in one.message]) == 2


def test_a_mapping_of_another_connector_is_refused(folder: Path) -> None:
    settings = load(folder, {"PRMSYNC_CONNECTIONS__ACME_SF__MAPPING": "mappings/hubspot"})
    with pytest.raises(MappingError) as caught:
        load_all_mappings(settings)
    assert "is for hubspot" in caught.value.findings[0].message


def test_an_unknown_connection_and_an_unknown_connector_are_named(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="no connection `acme`"):
        load_connection_mappings(load(folder), "acme")
    settings = load(folder, {"PRMSYNC_CONNECTIONS__ACME_SF__CONNECTOR": "salesfroce"})
    with runtime() as outside, pytest.raises(ConfigurationError) as caught:
        connect(settings, "acme-sf", outside, {})
    assert "salesforce" in caught.value.hint


def test_unknown_credentials_are_named_with_a_near_spelling(folder: Path) -> None:
    settings = load(folder, {"PRMSYNC_CONNECTIONS__ACME_SF__AUTH__CLIENT_SECRT": "x"})
    with runtime() as outside, pytest.raises(ConfigurationError) as caught:
        connect(settings, "acme-sf", outside, {})
    [finding] = caught.value.findings
    assert finding.where == "connections.acme-sf.auth.client_secrt"
    assert finding.hint == "did you mean `client_secret`?"


@pytest.mark.parametrize("connection", ["ACME_SF", "ACME_HS"])
def test_the_connector_refuses_an_unknown_option_with_a_near_spelling(
    folder: Path, connection: str
) -> None:
    settings = load(folder, {f"PRMSYNC_CONNECTIONS__{connection}__OPTIONS__PREFECH": "false"})
    name = connection.lower().replace("_", "-")
    with runtime() as outside, pytest.raises(ConfigurationError) as caught:
        connect(settings, name, outside, {})
    [finding] = caught.value.findings
    assert "options.prefech" in finding.where
    assert "prefetch" in finding.hint


def test_the_share_is_no_option(folder: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, {"PRMSYNC_CONNECTIONS__ACME_SF__OPTIONS__CALL_SHARE": "0.5"})
    assert "share = 20" in caught.value.findings[0].hint


def test_missing_credentials_are_named_by_their_place(folder: Path) -> None:
    (folder / "simulator-credentials" / "salesforce-client_secret").unlink()
    with runtime() as outside, pytest.raises(ConfigurationError) as caught:
        connect(load(folder), "acme-sf", outside, {})
    assert caught.value.findings[0].where == "connections.acme-sf.auth.client_secret"


@pytest.mark.parametrize(
    ("url", "here"),
    [("http://127.0.0.1:1", True), ("http://localhost", True), ("https://a.example", False)],
)
def test_loopback_is_recognised(url: str, here: bool) -> None:
    assert is_on_this_machine(url) is here
    assert is_on_this_machine(None) is False


def test_every_client_has_a_time_limit_and_is_closed_at_the_end() -> None:
    with runtime(direct=True) as outside:
        assert outside.http.timeout.read and outside.http.timeout.connect
        assert isinstance(outside.requests.get_adapter("https://a.example"), TimeoutAdapter)
        assert outside.requests.trust_env is False
    assert outside.http.is_closed
