"""Mappings are found as a setting says, or among those that come with prmsync."""

from __future__ import annotations

from pathlib import Path

import pytest

from prmsync.errors import ConfigurationError
from prmsync.mapping.locate import shipped_mappings, where_mappings


def test_a_connector_name_gives_the_shipped_files(tmp_path: Path) -> None:
    found = where_mappings("salesforce", tmp_path)
    names = ["opportunity.yaml", "partner.yaml", "registration.yaml", "relation.yaml"]
    assert [path.name for path in found] == names
    assert found[0].parent == shipped_mappings()["salesforce"]


def test_a_folder_or_file_beside_the_settings_comes_first(tmp_path: Path) -> None:
    own = tmp_path / "salesforce"
    own.mkdir()
    for name in ("b.yaml", "a.yml", "notes.txt"):
        (own / name).write_text("")
    assert [path.name for path in where_mappings("salesforce", tmp_path)] == ["a.yml", "b.yaml"]
    assert where_mappings("salesforce/b.yaml", tmp_path) == [own / "b.yaml"]
    assert where_mappings(own) == [own / "a.yml", own / "b.yaml"]


def test_an_unknown_name_is_told_with_a_near_spelling(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        where_mappings("salesfroce", tmp_path)
    assert caught.value.hint == "did you mean `salesforce`?"


def test_a_folder_without_mappings_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no \.yaml files"):
        where_mappings(tmp_path)
