"""Log lines carry facts, and no secret or personal data."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from prmsync.errors import ConfigurationError
from prmsync.service.logging import REDACTED, configure, redact, redact_text


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Logs go to a JSON file; calling it gives what was written."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    path = tmp_path / "log"
    opened = configure(level="info", form="json", file=path)
    assert opened is not None
    yield lambda: path.read_text(encoding="utf-8")
    opened.close()
    root.handlers[:], root.level = before[0], before[1]
    structlog.reset_defaults()


def test_an_event_is_one_json_object_with_level_and_time(logged: Callable[[], str]) -> None:
    structlog.get_logger().info("run done", connection="acme-sf", run=41, calls={"read": 3})
    event = json.loads(logged())
    assert (event["event"], event["level"]) == ("run done", "info")
    assert (event["connection"], event["run"], event["calls"]) == ("acme-sf", 41, {"read": 3})
    assert event["timestamp"].endswith("Z")


def test_events_below_the_level_are_not_written(logged: Callable[[], str]) -> None:
    structlog.get_logger().debug("detail")
    assert logged() == ""


@pytest.mark.parametrize(
    "key",
    ["client_secret", "access_token", "Authorization", "password", "email", "phone", "owner",
     "customer_contact", "values"],
)  # fmt: skip
def test_values_of_secret_and_personal_keys_are_taken_out(key: str) -> None:
    event = redact(None, "info", {"event": "x", key: "Dana Doe", "deep": {key: ["a", "b"]}})
    assert event[key] == REDACTED
    assert event["deep"] == {key: REDACTED}


@pytest.mark.parametrize(
    "secret",
    [
        "dana@northwind.example",
        "pat-eu1-00000000-aaaa",
        "00D000000000001EAA!AQ4AQFx.y_z",
        "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl",
    ],
)
def test_what_looks_like_a_credential_or_an_address_is_taken_out_of_text(secret: str) -> None:
    assert secret not in redact_text(f"call with {secret} failed")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {REDACTED}"),
        ("POST /token client_secret=abc&x=1", f"POST /token client_secret={REDACTED}&x=1"),
        ("postgresql://me:pw@host/db", f"postgresql://{REDACTED}@host/db"),
        ("https://acme.my.salesforce.com/services", "https://acme.my.salesforce.com/services"),
        ("DR-1042 refused", "DR-1042 refused"),
    ],
)
def test_only_the_secret_part_of_a_line_is_taken_out(text: str, clean: str) -> None:
    assert redact_text(text) == clean


def test_exceptions_are_cleaned_too(logged: Callable[[], str]) -> None:
    try:
        raise ValueError("token=abc for dana@northwind.example")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "abc" not in logged()
    assert "dana@" not in logged()
    assert "ValueError" in logged()


def test_libraries_log_warnings_only_and_cleaned(logged: Callable[[], str]) -> None:
    logging.getLogger("httpx").info("GET https://crm.example/?q=Dana")
    logging.getLogger("httpx").warning("retry for dana@northwind.example")
    assert "GET" not in logged()
    assert "retry" in logged()
    assert "dana@" not in logged()


def test_a_log_file_that_cannot_be_opened_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        configure(file=tmp_path / "none" / "log")
