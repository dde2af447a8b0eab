"""`prmsync connect` and an admin's sign-in against the simulated HubSpot, with a browser that is
a thread."""

from __future__ import annotations

import socket
import stat
import struct
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from prmsync.cli.main import run
from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.serve import serving
from prmsync_hubspot.simulator.settings import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET

PORTAL = "24681012"
MAY_READ = (
    "oauth",
    "crm.objects.companies.read",
    "crm.objects.deals.read",
    "crm.objects.owners.read",
    "crm.schemas.companies.read",
    "crm.schemas.deals.read",
)


@pytest.fixture
def portal() -> Iterator[Callable[..., str]]:
    """Starts an account, whose settings may be given; its address."""
    with ExitStack() as stack:

        def start(**settings: object) -> str:
            schema = {"settings": settings, "replace": "bare" in settings and settings.pop("bare")}
            options = SimulatorOptions(now=lambda: datetime.now(UTC), schema=schema)
            return stack.enter_context(serving(plugin("hubspot").simulator(options).handle))

        yield start


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run(["init", "."]) == 0
    (tmp_path / "app.secret").write_text(CLIENT_SECRET, encoding="utf-8")
    (tmp_path / "key").write_text(ACCESS_TOKEN, encoding="utf-8")
    return tmp_path


APP = (
    f'auth.client_id = "{CLIENT_ID}"',
    'auth.client_secret = "file:app.secret"',
    'auth.refresh_token = "file:private/hs.token"',
)
KEY = ('auth.token = "file:key"',)


def write_settings(folder: Path, url: str, auth: Sequence[str] = APP, org: str = "") -> None:
    lines = [
        "[connections.hs]",
        'connector = "hubspot"',
        f'base_url = "{url}"',
        'mapping = "mappings/hubspot"',
        *auth,
        *([f'org = "{org}"'] if org else []),
    ]
    (folder / "prmsync.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_browsers_sign_in_is_kept_and_names_the_account(folder, portal, port, person, capsys):
    write_settings(folder, portal())
    assert run(["connect", "hs", "--port", port]) == 0
    shown = capsys.readouterr().out
    assert f"{PORTAL}  HubSpot account {PORTAL}" in shown
    assert f'org = "{PORTAL}"' in shown
    assert "all that the mappings need" in shown
    kept = folder / "private" / "hs.token"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.read_text().strip() not in shown
    query = parse_qs(urlsplit(person.opened[0]).query)
    assert len(query["state"][0]) == 43
    assert "write" not in " ".join(query["optional_scope"]).replace("objects.custom.write", "")


def test_a_kept_sign_in_is_checked_and_no_page_is_opened(folder, portal, port, person, capsys):
    write_settings(folder, portal())
    assert run(["connect", "hs", "--port", port]) == 0
    assert run(["connect", "hs", "--port", port]) == 0
    assert len(person.opened) == 1
    assert run(["connect", "hs", "--port", port, "--again"]) == 0
    assert len(person.opened) == 2


def test_an_app_that_was_uninstalled_opens_the_page_again(folder, portal, port, person, capsys):
    url = portal()
    write_settings(folder, url)
    run(["connect", "hs", "--port", port])
    httpx.post(f"{url}/_simulator/sign_in", json={"revoke": "all"}, trust_env=False)
    assert run(["connect", "hs", "--port", port]) == 0
    assert len(person.opened) == 2
    assert "It takes a new sign-in." in capsys.readouterr().err


def test_another_account_than_pinned_is_refused_and_nothing_is_kept(
    folder, portal, port, person, capsys
):
    write_settings(folder, portal(), org="77")
    assert run(["connect", "hs", "--port", port]) == 2
    told = capsys.readouterr().err
    assert PORTAL in told and "77" in told
    assert not (folder / "private" / "hs.token").exists()


def test_a_page_that_is_closed_before_it_is_answered_is_no_traceback(
    folder, portal, port, monkeypatch, capsys
):
    """The browser is gone when prmsync answers it."""
    monkeypatch.setattr("prmsync.cli.connecting._WAIT_SECONDS", 2.0)

    def open_and_close(address: str) -> bool:
        answer = httpx.post(address, data={"decision": "allow"}, trust_env=False)
        path = answer.headers["location"].partition(f":{port}")[2]
        with socket.create_connection(("127.0.0.1", int(port))) as page:
            page.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            page.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return True

    monkeypatch.setattr(webbrowser, "open", open_and_close)
    write_settings(folder, portal())
    run(["connect", "hs", "--port", port])
    assert "Traceback" not in capsys.readouterr().err


def test_who_has_not_signed_in_yet_is_told_how(folder, portal, capsys):
    write_settings(folder, portal())
    assert run(["doctor", "hs"]) == 2
    shown = capsys.readouterr().out
    assert "nobody has signed in yet" in shown
    assert "prmsync connect hs" in shown


def test_a_person_who_refuses_is_told_what_to_do(folder, portal, port, person, capsys):
    person.decision["decision"] = "deny"
    write_settings(folder, portal())
    assert run(["connect", "hs", "--port", port]) == 2
    assert "Connect app" in capsys.readouterr().err


def test_scopes_that_a_key_lacks_are_named_with_what_needs_them(folder, portal, capsys):
    write_settings(folder, portal(tokens={ACCESS_TOKEN: list(MAY_READ)}), KEY)
    assert run(["connect", "hs"]) == 1
    shown = capsys.readouterr().out
    assert "crm.objects.deals.write" in shown
    assert "write deals" in shown
    assert "Service keys" in shown


def test_a_key_that_only_reads_is_enough_where_nothing_is_written(folder, portal, capsys):
    scopes = [*MAY_READ, "crm.objects.custom.read", "crm.schemas.custom.read"]
    write_settings(folder, portal(tokens={ACCESS_TOKEN: scopes}), (*KEY, 'writes = "none"'))
    assert run(["connect", "hs"]) == 0
    assert "all that the mappings need" in capsys.readouterr().out


def test_doctor_names_missing_scopes_too(folder, portal, capsys):
    write_settings(folder, portal(tokens={ACCESS_TOKEN: list(MAY_READ)}), KEY)
    assert run(["doctor", "hs"]) == 2
    shown = capsys.readouterr().out
    assert "rights" in shown
    assert "crm.objects.deals.write" in shown


def test_an_admin_provisions_with_the_browser_and_asks_for_more_only_then(
    folder, portal, port, person, capsys
):
    write_settings(folder, portal(bare=True))
    assert run(["connect", "hs", "--port", port]) == 0
    kept = (folder / "private" / "hs.token").read_text()
    person.stays = True
    assert run(["provision", "apply", "hs", "--yes", "--port", port]) == 0
    everyday, once = (parse_qs(urlsplit(one).query) for one in person.opened)
    assert "crm.schemas.deals.write" not in everyday["optional_scope"][0]
    assert "crm.schemas.deals.write" in once["optional_scope"][0]
    assert (folder / "private" / "hs.token").read_text() == kept
    assert "Made: 75" in capsys.readouterr().out


def test_where_a_key_signs_in_an_admin_gives_a_token_instead(folder, portal, person, capsys):
    write_settings(folder, portal(bare=True), KEY)
    assert run(["provision", "apply", "hs", "--yes"]) == 2
    told = capsys.readouterr().err
    assert "--admin-token" in told
    assert "service key" in told
    assert person.opened == []
