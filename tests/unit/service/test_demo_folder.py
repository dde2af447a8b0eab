from __future__ import annotations

from pathlib import Path

import pytest

from prmsync.errors import ConfigurationError
from prmsync.service.demo_folder import MARK, set_up, take_folder
from prmsync.service.settings import load_settings


def test_a_new_folder_is_made_and_marked(tmp_path: Path) -> None:
    assert take_folder(tmp_path / "a" / "demo") is False
    assert (tmp_path / "a" / "demo" / MARK).is_file()


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    assert take_folder(tmp_path) is False


def test_a_second_demo_begins_anew_and_leaves_files_of_others(tmp_path: Path) -> None:
    take_folder(tmp_path)
    set_up(tmp_path, {})
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert take_folder(tmp_path) is True
    assert sorted(path.name for path in tmp_path.iterdir()) == [MARK, "notes.txt"]


@pytest.mark.parametrize("name", ["prmsync.toml", "letter.txt", "prmsync.db"])
def test_a_folder_with_anything_in_it_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="Nothing was touched"):
        take_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigurationError):
        take_folder(tmp_path / "demo")


def test_settings_name_the_simulators_where_they_run(tmp_path: Path) -> None:
    take_folder(tmp_path)
    urls = {"salesforce": "http://127.0.0.1:41001", "hubspot": "http://127.0.0.1:41002"}
    settings = load_settings(set_up(tmp_path, urls), {})
    found = {one.connector: one.base_url for one in settings.connections.values()}
    assert found == urls
