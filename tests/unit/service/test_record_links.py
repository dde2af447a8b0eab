"""Addresses of CRM records, from what is known without asking a CRM."""

from __future__ import annotations

from pathlib import Path

import pytest

from prmsync.service.record_links import record_urls
from prmsync.service.settings import load_settings
from prmsync.service.setup import initialise
from prmsync.service.wiring import open_application
from prmsync.store import streams

COMPANY = ("acme-hs", "partner", "701")


def urls(folder: Path, *, bound_to: str | None = None) -> dict[tuple[str, str, str], str]:
    """Nothing answers at the connection's address."""
    settings = load_settings(folder / "prmsync.toml", {})
    with open_application(settings, environ={}) as app:
        if bound_to is not None:
            with app.database.begin() as connection:
                streams.ensure_connection(connection, "acme-hs", "hubspot")
                streams.pin_connection(connection, "acme-hs", bound_to, "production")
        return record_urls(app, [COMPANY])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    initialise(tmp_path, simulators=True, environ={})
    return tmp_path


def pinned(folder: Path, portal: str) -> None:
    path = folder / "prmsync.toml"
    head = "[connections.acme-hs]\n"
    text = path.read_text()
    assert head in text
    path.write_text(text.replace(head, f'{head}org = "{portal}"\n'))


def test_before_its_first_run_a_hubspot_connection_has_no_addresses(folder: Path) -> None:
    assert urls(folder) == {}


def test_the_account_that_was_synced_is_enough_for_an_address(folder: Path) -> None:
    found = urls(folder, bound_to="4711")
    assert found == {COMPANY: "https://app.hubspot.com/contacts/4711/record/0-2/701"}


def test_the_account_of_the_settings_comes_first(folder: Path) -> None:
    pinned(folder, "4712")
    assert "/contacts/4712/" in urls(folder, bound_to="4711")[COMPANY]
