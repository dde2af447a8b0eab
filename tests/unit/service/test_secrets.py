"""Secrets come from where they are kept; messages name the place, never the value."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.errors
import pytest

from prmsync.errors import ConfigurationError
from prmsync.service.secrets import keep, resolve, resolve_all


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


def kept_mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_kept_secret_reads_back_and_is_its_owners_alone(tmp_path):
    keep("file:deep/er/token", "one", where="x", folder=tmp_path)
    keep("file:deep/er/token", "two", where="x", folder=tmp_path)
    assert resolve("file:deep/er/token", where="x", environ={}, folder=tmp_path) == "two"
    assert kept_mode(tmp_path / "deep/er/token") == 0o600
    assert kept_mode(tmp_path / "deep/er") == 0o700
    assert [path.name for path in (tmp_path / "deep/er").iterdir()] == ["token"]


def test_what_a_killed_writer_left_does_not_open_the_secret(tmp_path):
    left = tmp_path / "token.new"
    left.write_text("half")
    left.chmod(0o666)
    keep("file:token", "whole", where="x", folder=tmp_path)
    assert kept_mode(tmp_path / "token") == 0o600
    assert (tmp_path / "token").read_text() == "whole\n"


def test_a_writer_that_dies_before_the_end_leaves_the_old_secret(tmp_path, monkeypatch):
    keep("file:token", "old", where="x", folder=tmp_path)

    def die(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", die)
    with pytest.raises(ConfigurationError, match="No space left") as caught:
        keep("file:token", "new", where="x", folder=tmp_path)
    assert "new" not in caught.value.message.replace("token.new", "")
    assert resolve("file:token", where="x", environ={}, folder=tmp_path) == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


@pytest.mark.parametrize("place", ["env:NAME", "plain"])
def test_a_place_that_is_not_ours_to_write_is_refused(place, tmp_path):
    with pytest.raises(ConfigurationError, match="names no place") as caught:
        keep(place, "s3cret", where="auth.token", folder=tmp_path)
    assert "s3cret" not in f"{caught.value.message}{caught.value.hint}"


def test_a_keyring_keeps_and_gives_back(tmp_path, monkeypatch):
    held = {}
    monkeypatch.setattr("keyring.set_password", lambda *said: held.update({said[:2]: said[2]}))
    monkeypatch.setattr("keyring.get_password", lambda *said: held.get(said))
    keep("keyring:prmsync/acme/token", "one", where="x", folder=tmp_path)
    assert held == {("prmsync/acme", "token"): "one"}
    found = resolve("keyring:prmsync/acme/token", where="x", environ={}, folder=tmp_path)
    assert found == "one"


def test_a_machine_without_a_keyring_is_told_when_keeping(tmp_path, monkeypatch):
    def none(*_):
        raise keyring.errors.NoKeyringError

    monkeypatch.setattr("keyring.set_password", none)
    with pytest.raises(ConfigurationError, match="no keyring"):
        keep("keyring:a/b", "one", where="x", folder=tmp_path)
