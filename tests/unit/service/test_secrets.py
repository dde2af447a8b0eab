"""Secrets come from where they are kept; messages name the place, never the value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.errors
import pytest

from prmsync.errors import ConfigurationError
from prmsync.service.secrets import resolve, resolve_all


class MemoryKeyring(keyring.backend.KeyringBackend):
    priority = 0

    def set_password(self, service: str, username: str, password: str) -> None:
        raise keyring.errors.PasswordSetError("read only")

    def get_password(self, service: str, username: str) -> str | None:
        return "kept" if (service, username) == ("prmsync/acme", "token") else None


@pytest.fixture
def keyring_is() -> Iterator[object]:
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


def get(value: str, folder: Path, environ: dict[str, str] | None = None) -> str:
    return resolve(value, where="connections.a.auth.token", environ=environ or {}, folder=folder)


def test_plain_text_is_itself(tmp_path: Path) -> None:
    assert get("3MVG9-client-id", tmp_path) == "3MVG9-client-id"


def test_an_environment_variable_is_read(tmp_path: Path) -> None:
    assert get("env:TOKEN", tmp_path, {"TOKEN": "abc"}) == "abc"


def test_a_file_is_read_without_its_line_end_and_relative_to_the_settings(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n", encoding="utf-8")
    assert get("file:token", tmp_path) == "abc"
    assert get(f"file:{tmp_path / 'token'}", tmp_path) == "abc"


def test_a_keyring_entry_is_read_and_its_service_may_hold_slashes(
    tmp_path: Path, keyring_is: object
) -> None:
    assert callable(keyring_is)
    keyring_is(MemoryKeyring())
    assert get("keyring:prmsync/acme/token", tmp_path) == "kept"
    with pytest.raises(ConfigurationError, match="no entry prmsync/other"):
        get("keyring:prmsync/other", tmp_path)


def test_a_machine_without_a_keyring_gets_a_remedy(tmp_path: Path, keyring_is: object) -> None:
    assert callable(keyring_is)
    keyring_is(keyring.backends.fail.Keyring())
    with pytest.raises(ConfigurationError) as caught:
        get("keyring:prmsync/token", tmp_path)
    assert "env:NAME or file:PATH" in caught.value.hint


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("env:TOKEN", "TOKEN is not set"),
        ("file:none", "cannot be read"),
        ("file:empty", "is empty"),
        ("file:binary", "not UTF-8"),
        ("keyring:token", "no keyring:SERVICE/NAME"),
    ],
)
def test_a_place_that_holds_nothing_is_named(tmp_path: Path, reference: str, message: str) -> None:
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=message):
        get(reference, tmp_path, {"TOKEN": ""})


def test_all_missing_secrets_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve_all(
            {"client_id": "abc", "client_secret": "env:A", "token": "env:B"},
            where="connections.acme-sf.auth",
            environ={},
            folder=tmp_path,
        )
    assert [finding.where for finding in caught.value.findings] == [
        "connections.acme-sf.auth.client_secret",
        "connections.acme-sf.auth.token",
    ]
