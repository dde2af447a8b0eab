"""`prmsync connect` against the simulated Salesforce, with a browser that is a thread."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from prmsync.cli.main import run
from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.serve import serving
from prmsync.errors import StateError
from prmsync.service import loop_back


@pytest.fixture
def crm() -> Iterator[str]:
    simulator = plugin("salesforce").simulator(SimulatorOptions(now=lambda: datetime.now(UTC)))
    with serving(simulator.handle) as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_settings(folder: Path, crm: str, *auth: str, org: str = "") -> None:
    lines = [
        "[connections.sf]",
        'connector = "salesforce"',
        f'base_url = "{crm}"',
        'auth.client_id = "prmsync-simulator"',
        *auth,
        *([f'org = "{org}"'] if org else []),
    ]
    (folder / "prmsync.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


KEPT = 'auth.refresh_token = "file:private/sf.token"'


def test_a_browsers_sign_in_is_kept_for_its_owner_alone(folder, crm, port, person, capsys):
    write_settings(folder, crm, KEPT)
    assert run(["connect", "sf", "--port", port]) == 0
    shown = capsys.readouterr().out
    assert "00DgK0000000001UAA" in shown
    assert "production" in shown
    assert 'org = "00DgK0000000001UAA"' in shown
    kept = folder / "private" / "sf.token"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.read_text().strip() not in shown
    assert kept.read_text().strip() not in (folder / "prmsync.toml").read_text()
    assert "does not belong" in person.shown[0]
    assert "close this page" in person.shown[1]


def test_a_browser_that_ends_only_when_it_is_closed_is_answered(folder, crm, port, person, capsys):
    person.stays = True
    write_settings(folder, crm, KEPT)
    assert run(["connect", "sf", "--port", port]) == 0
    assert "close this page" in person.shown[1]
    assert person.opened[0] in capsys.readouterr().err.splitlines()[1]


def test_a_kept_sign_in_is_checked_and_no_page_is_opened(folder, crm, port, person, capsys):
    write_settings(folder, crm, KEPT)
    run(["connect", "sf", "--port", port])
    before = (folder / "private" / "sf.token").read_bytes()
    assert run(["connect", "sf", "--port", port]) == 0
    assert len(person.opened) == 1
    assert (folder / "private" / "sf.token").read_bytes() == before
    assert run(["connect", "sf", "--port", port, "--again"]) == 0
    assert len(person.opened) == 2


def test_a_revoked_sign_in_opens_the_page_again(folder, crm, port, person, capsys):
    write_settings(folder, crm, KEPT)
    run(["connect", "sf", "--port", port])
    httpx.post(f"{crm}/_simulator/sign_in", json={"revoke": "all"}, trust_env=False)
    assert run(["connect", "sf", "--port", port]) == 0
    assert len(person.opened) == 2
    assert "It takes a new sign-in." in capsys.readouterr().err


def test_the_address_shows_a_challenge_and_never_the_verifier(folder, crm, port, person):
    write_settings(folder, crm, KEPT)
    run(["connect", "sf", "--port", port])
    query = parse_qs(urlsplit(person.opened[0]).query)
    assert query["code_challenge_method"] == ["S256"]
    assert len(query["code_challenge"][0]) == 43
    assert len(query["state"][0]) == 43
    assert query["redirect_uri"] == [f"http://localhost:{port}/callback"]


def test_another_org_than_pinned_is_refused_and_nothing_is_kept(folder, crm, port, person, capsys):
    write_settings(folder, crm, KEPT, org="00Dother0000000")
    assert run(["connect", "sf", "--port", port]) == 2
    assert "00Dother0000000" in capsys.readouterr().err
    assert not (folder / "private" / "sf.token").exists()


def test_a_person_who_refuses_is_told_what_to_do(folder, crm, port, person, capsys):
    person.decision["decision"] = "deny"
    write_settings(folder, crm, KEPT)
    assert run(["connect", "sf", "--port", port]) == 2
    assert "choose “Allow”" in capsys.readouterr().err


def test_without_a_browser_the_address_is_pasted(folder, crm, person, monkeypatch, capsys):
    write_settings(folder, crm, KEPT)

    def paste(_text: str, **_: object) -> str:
        page = next(
            line for line in capsys.readouterr().err.split() if line.startswith("http://127")
        )
        return person.back(page)

    monkeypatch.setattr("typer.prompt", paste)
    assert run(["connect", "sf", "--no-browser"]) == 0
    assert (folder / "private" / "sf.token").exists()


def test_a_pasted_address_of_something_else_is_refused(folder, crm, monkeypatch, capsys):
    write_settings(folder, crm, KEPT)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "https://example.com/")
    assert run(["connect", "sf", "--no-browser"]) == 1
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "http://localhost/?state=x&code=y")
    assert run(["connect", "sf", "--no-browser"]) == 2
    assert not (folder / "private").exists()


def test_client_credentials_are_checked(folder, crm, monkeypatch, capsys):
    monkeypatch.setenv("SF_SECRET", "simulator-secret")
    write_settings(folder, crm, 'auth.client_secret = "env:SF_SECRET"')
    assert run(["connect", "sf"]) == 0
    assert "Integration User" in capsys.readouterr().out
    assert run(["connect", "sf", "--again"]) == 2
    assert "auth.refresh_token" in capsys.readouterr().err


def test_a_signed_assertion_signs_in_as_the_user_named(folder, crm, capsys):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    httpx.post(f"{crm}/_simulator/sign_in", json={"certificate": public.decode()}, trust_env=False)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.key").write_bytes(text)
    write_settings(
        folder,
        crm,
        'auth.username = "integration@crm.example.com"',
        'auth.private_key = "file:server.key"',
    )
    assert run(["connect", "sf"]) == 0
    assert "Integration User" in capsys.readouterr().out


def test_a_place_that_cannot_be_written_is_told_before_anybody_signs_in(
    folder, crm, person, monkeypatch, capsys
):
    write_settings(folder, crm, 'auth.refresh_token = "env:SF_TOKEN"')
    assert run(["connect", "sf"]) == 2
    assert "file:PATH or keyring:SERVICE/NAME" in capsys.readouterr().err
    assert person.opened == []


def test_an_org_that_rotates_its_refresh_tokens_is_followed(
    folder, port, person, capsys, monkeypatch
):
    simulator = plugin("salesforce").simulator(
        SimulatorOptions(
            now=lambda: datetime.now(UTC), schema={"settings": {"rotate_refresh_tokens": True}}
        )
    )
    with serving(simulator.handle) as crm:
        write_settings(folder, crm, KEPT)
        assert run(["connect", "sf", "--port", port]) == 0
        first = (folder / "private" / "sf.token").read_text()
        for _ in range(2):
            assert run(["connect", "sf", "--port", port]) == 0
        assert len(person.opened) == 1
        assert (folder / "private" / "sf.token").read_text() != first


def test_a_port_that_is_taken_is_told(folder, crm, capsys, person):
    write_settings(folder, crm, KEPT)
    with loop_back.listening(0) as taken:
        assert run(["connect", "sf", "--port", str(taken.port)]) == 2
    assert "--port" in capsys.readouterr().err
    assert person.opened == []


def test_waiting_ends(folder):
    with loop_back.listening(0) as listener, pytest.raises(StateError, match="nobody signed in"):
        listener.wait(lambda _: True, 0.05)
