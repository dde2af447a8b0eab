"""PRMSYNC_… variables lie over prmsync.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from prmsync.errors import ConfigurationError
from prmsync.service.settings import Settings, load_settings

TOML = '[connections.acme-sf]\nconnector = "salesforce"\nshare = 10\n'


def load(folder: Path, environ: dict[str, str], text: str = TOML) -> Settings:
    path = folder / "prmsync.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ)


def test_a_variable_wins_over_the_file_and_a_dash_is_written_as_underscore(tmp_path: Path) -> None:
    settings = load(tmp_path, {"PRMSYNC_CONNECTIONS__ACME_SF__BASE_URL": "https://a.example"})
    assert settings.connection("acme-sf").base_url == "https://a.example"


def test_numbers_and_lists_get_their_types(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        {
            "PRMSYNC_CONNECTIONS__ACME_SF__SHARE": "35",
            "PRMSYNC_CONNECTIONS__ACME_SF__MAPPING": "a.yaml, b.yaml",
        },
    )
    assert settings.connection("acme-sf").share == 35
    assert settings.connection("acme-sf").mapping == ["a.yaml", "b.yaml"]


def test_a_connectors_options_get_their_types(tmp_path: Path) -> None:
    options = {"CURRENCY": "EUR", "PREFETCH": "false", "LOOK_BACK_SECONDS": "90.5", "PAGE": "2"}
    environ = {f"PRMSYNC_CONNECTIONS__ACME_SF__OPTIONS__{k}": v for k, v in options.items()}
    found = load(tmp_path, environ).connection("acme-sf").options
    assert found == {"currency": "EUR", "prefetch": False, "look_back_seconds": 90.5, "page": 2}


def test_a_section_that_the_file_lacks_is_made(tmp_path: Path) -> None:
    assert load(tmp_path, {"PRMSYNC_SERVICE__LOG_FORMAT": "json"}).service.log_format == "json"


def test_a_secret_in_a_variable_becomes_a_reference_to_it(tmp_path: Path) -> None:
    name = "PRMSYNC_CONNECTIONS__ACME_SF__AUTH__CLIENT_SECRET"
    settings = load(tmp_path, {name: "s3cr3t", "PRMSYNC_DATABASE__URL": "postgresql://u:p@h/d"})
    assert settings.connection("acme-sf").auth == {"client_secret": f"env:{name}"}
    assert settings.database.url == "env:PRMSYNC_DATABASE__URL"


def test_a_reference_in_a_variable_stays_a_reference(tmp_path: Path) -> None:
    name = "PRMSYNC_CONNECTIONS__ACME_SF__AUTH__CLIENT_SECRET"
    settings = load(tmp_path, {name: "file:/run/secrets/sf"})
    assert settings.connection("acme-sf").auth == {"client_secret": "file:/run/secrets/sf"}


def test_variables_without_two_underscores_are_not_ours(tmp_path: Path) -> None:
    assert load(tmp_path, {"PRMSYNC_TOKEN": "x", "OTHER__URL": "y"}).connections["acme-sf"]


def test_variables_that_set_nothing_are_named_with_a_near_spelling(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(
            tmp_path,
            {
                "PRMSYNC_CONNECTIONS__ACME_FS__SHARE": "1",
                "PRMSYNC_SERVICE__LOGLEVEL": "info",
                "PRMSYNC_CONNECTIONS__ACME_SF": "x",
                "PRMSYNC_DATABASE__URL__X": "x",
            },
        )
    found = {finding.where: finding for finding in caught.value.findings}
    assert found["PRMSYNC_CONNECTIONS__ACME_FS__SHARE"].hint == "Did you mean ACME_SF?"
    assert found["PRMSYNC_SERVICE__LOGLEVEL"].hint == "Did you mean LOG_LEVEL?"
    assert "is a section" in found["PRMSYNC_CONNECTIONS__ACME_SF"].message
    assert "no keys below" in found["PRMSYNC_DATABASE__URL__X"].message


def test_a_wrong_value_is_placed_at_its_variable_not_at_the_file(tmp_path: Path) -> None:
    name = "PRMSYNC_CONNECTIONS__ACME_SF__SHARE"
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, {name: "many"})
    assert [finding.where for finding in caught.value.findings] == [name]
