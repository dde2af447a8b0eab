"""An admin's one-time sign-in: by reference or by browser, and only for this command."""

from __future__ import annotations

from pathlib import Path

import pytest

from prmsync.errors import AuthError, ConfigurationError
from prmsync.service import admin_sign_in
from prmsync.service.settings import Settings, load_settings

TOML = """
[database]
url = "sqlite:///prmsync.db"

[connections.sf]
connector = "salesforce"
environment = "production"
base_url = "https://acme.my.salesforce.com"
auth.client_id = "an-id"
auth.client_secret = "env:SECRET"

[connections.hs]
connector = "hubspot"
environment = "production"
auth.token = "env:SECRET"
"""
ENVIRON = {"SECRET": "s", "ADMIN": "00D!token"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "prmsync.toml"
    file.write_text(TOML, encoding="utf-8")
    return load_settings(file, ENVIRON)


def test_a_reference_is_resolved_and_never_shown(settings: Settings) -> None:
    admin = admin_sign_in.given(settings, "env:ADMIN", ENVIRON)
    assert admin.token == "00D!token"
    assert "00D!token" not in repr(admin)


def test_a_token_written_out_is_refused_without_repeating_it(settings: Settings) -> None:
    with pytest.raises(ConfigurationError) as refused:
        admin_sign_in.given(settings, "00D!token", ENVIRON)
    assert "00D!token" not in str(refused.value)


def test_a_missing_variable_is_named(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="NOBODY is not set"):
        admin_sign_in.given(settings, "env:NOBODY", ENVIRON)


def test_the_page_asks_who_signs_in_and_asks_for_no_lasting_access(settings: Settings) -> None:
    begun = admin_sign_in.begin(settings, "sf", "http://localhost:8791/callback", ENVIRON)
    assert begun.address.startswith("https://acme.my.salesforce.com/services/oauth2/authorize?")
    assert "prompt=login" in begun.address
    assert "scope=api&" in f"{begun.address}&"
    assert begun.attempt.verifier not in begun.address


def test_an_answer_to_another_sign_in_is_refused(settings: Settings) -> None:
    begun = admin_sign_in.begin(settings, "sf", "http://localhost:8791/callback", ENVIRON)
    with pytest.raises(AuthError, match="does not belong"):
        admin_sign_in.finish(begun, {"state": "another", "code": "x"})


def test_a_crm_without_such_a_page_wants_a_token(settings: Settings) -> None:
    with pytest.raises(ConfigurationError) as refused:
        admin_sign_in.begin(settings, "hs", "http://localhost:8791/callback", ENVIRON)
    assert "--admin-token" in refused.value.hint
