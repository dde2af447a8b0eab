"""init writes what is missing, overwrites nothing, and what it writes can be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from prmsync.connector.registry import plugins
from prmsync.errors import ConfigurationError, StoreError
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.service.secrets import is_reference
from prmsync.service.settings import load_settings
from prmsync.service.setup import initialise, settings_text, upgrade_database
from prmsync.service.wiring import load_all_mappings, open_store
from prmsync.store.database import open_database
from prmsync.store.tiers import tiers


def test_a_new_folder_gets_settings_mappings_and_a_database(tmp_path: Path) -> None:
    made = initialise(tmp_path / "a" / "b", simulators=False, environ={})
    assert not any(item.existed for item in made)
    settings = load_settings(tmp_path / "a" / "b" / "prmsync.toml", {})
    open_store(settings, {}).close()
    assert (tmp_path / "a/b/mappings/salesforce/registration.yaml").is_file()
    assert (tmp_path / "a/b/mappings/mapping.schema.json").is_file()


def test_nothing_is_overwritten_and_what_exists_is_named(tmp_path: Path) -> None:
    (tmp_path / "prmsync.toml").write_text("# mine\n", encoding="utf-8")
    first = initialise(tmp_path, simulators=True, environ={})
    assert [item.what for item in first if item.existed] == ["prmsync.toml"]
    assert (tmp_path / "prmsync.toml").read_text(encoding="utf-8") == "# mine\n"
    assert not (tmp_path / "simulator-credentials").exists()
    again = initialise(tmp_path, simulators=False, environ={})
    assert all(item.existed for item in again)


def test_the_simulators_connections_are_complete(tmp_path: Path) -> None:
    initialise(tmp_path, simulators=True, environ={})
    settings = load_settings(tmp_path / "prmsync.toml", {})
    assert set(settings.connections) == {"acme-sf", "acme-hs"}
    assert {stream.stream for stream in load_all_mappings(settings)["acme-sf"]} >= {"registration"}
    for name, section in settings.connections.items():
        known = plugins()[section.connector]
        assert set(section.auth) == set(known.simulator_auth()), name
        for key, value in section.auth.items():
            if is_reference(value):
                kept = (tmp_path / value.removeprefix("file:")).read_text(encoding="utf-8")
                assert kept.strip() == known.simulator_auth()[key]


def test_the_commented_connections_are_valid_once_uncommented(tmp_path: Path) -> None:
    text = settings_text(plugins(), simulators=False)
    lines = [
        line.removeprefix("# ")
        for line in text.splitlines()
        if not line.startswith("# ") or line.startswith("# [") or " = " in line
    ]
    path = tmp_path / "prmsync.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    settings = load_settings(path, {})
    assert {section.connector for section in settings.connections.values()} == set(plugins())
    assert all(section.writes == "none" for section in settings.connections.values())


def test_the_database_may_be_named_by_the_environment(tmp_path: Path, postgres_url: str) -> None:
    made = initialise(tmp_path, simulators=False, environ={"PRMSYNC_DATABASE__URL": postgres_url})
    assert any(item.what.startswith("database ") for item in made)
    assert not (tmp_path / "prmsync.db").exists()
    open_database(postgres_url).close()


def test_partners_can_name_the_programs_tiers_at_once(tmp_path: Path) -> None:
    initialise(tmp_path, simulators=False, environ={})
    database = open_store(load_settings(tmp_path / "prmsync.toml", {}), {})
    with database.read() as connection:
        assert "Gold" in {one.name for one in tiers(connection)}
    database.close()


def test_another_init_adds_the_tiers_that_the_program_has_gained(tmp_path: Path) -> None:
    initialise(tmp_path, simulators=False, environ={})
    database = open_store(load_settings(tmp_path / "prmsync.toml", {}), {})
    with database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM tier WHERE name = 'Gold'")
    made = initialise(tmp_path, simulators=False, environ={})
    assert [item.what.split()[0] for item in made if not item.existed] == ["tiers"]
    with database.read() as connection:
        assert tiers(connection) == sorted(REFERENCE_PROGRAM.tiers, key=lambda one: one.rank)
    database.close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        initialise(tmp_path / "file" / "below", simulators=False, environ={})


def test_an_upgrade_of_the_present_schema_does_nothing(tmp_path: Path) -> None:
    initialise(tmp_path, simulators=False, environ={})
    settings = load_settings(tmp_path / "prmsync.toml", {})
    before = (tmp_path / "prmsync.db").read_bytes()
    assert upgrade_database(settings, {}) is not None
    assert (tmp_path / "prmsync.db").read_bytes() == before


def test_an_upgrade_without_a_database_makes_none(tmp_path: Path) -> None:
    (tmp_path / "prmsync.toml").write_text("", encoding="utf-8")
    with pytest.raises(StoreError):
        upgrade_database(load_settings(tmp_path / "prmsync.toml", {}), {})
    assert not (tmp_path / "prmsync.db").exists()
