"""The settings of a Salesforce connection, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from prmsync.connector.protocol import ConnectionSettings
from prmsync.errors import ConfigurationError, Finding
from prmsync_salesforce.grants import Grant, grant_of

API_VERSION = "68.0"
RESERVE = 0.95
"""The part of the org's daily calls that may be in use by anyone; the rest is for people."""
_CALL_SHARE = 1.0
BULK_ROWS = 100_000
"""From 50 pages on a Bulk job takes a third of the calls, its own ones included."""
BULK_WRITES = 5_000
"""From 25 calls on a Bulk job takes a third of them."""
_KNOWN = ("bulk_rows", "bulk_writes", "call_share", "currency", "prefetch")


@dataclass(frozen=True, slots=True)
class Options:
    """`call_share` (0..1): the part of the org's daily calls that one session may use.
    `currency`: the company currency, for an org that does not tell it.
    `prefetch`: ask for pages, and for the first ones of all streams, before they are needed.
    `bulk_rows`: a first read of more records than these goes by a Bulk job; 0 is never.
    `bulk_writes`: more new records than these are written by a Bulk job; 0 is never."""

    base_url: str
    grant: Grant
    api_version: str
    call_share: float
    prefetch: bool
    bulk_rows: int = BULK_ROWS
    bulk_writes: int = BULK_WRITES

    @classmethod
    def of(cls, settings: ConnectionSettings) -> Options:
        """Raises ConfigurationError with every problem."""
        grant = grant_of(settings.auth, settings.environment)
        findings = [*_address(settings), *_options(settings.options)]
        version = (settings.api_version or API_VERSION).lstrip("v")
        if not re.fullmatch(r"\d{2,3}\.0", version):
            findings.append(Finding("api_version", "must be like 68.0"))
        if isinstance(grant, list) or findings:
            findings = [*(grant if isinstance(grant, list) else ()), *findings]
            raise ConfigurationError(
                f"the settings of connection {settings.name} cannot be used", findings=findings
            )
        return cls(
            base_url=(settings.base_url or "").rstrip("/"),
            grant=grant,
            api_version=version,
            call_share=float(settings.options.get("call_share", _CALL_SHARE)),
            prefetch=bool(settings.options.get("prefetch", True)),
            bulk_rows=int(settings.options.get("bulk_rows", BULK_ROWS)),
            bulk_writes=int(settings.options.get("bulk_writes", BULK_WRITES)),
        )


def _address(settings: ConnectionSettings) -> list[Finding]:
    remedy = "Set the org's My Domain address, https://….my.salesforce.com."
    if not settings.base_url:
        return [Finding("base_url", "is missing", remedy)]
    parts = urlsplit(settings.base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return [Finding("base_url", f"is not a web address: {settings.base_url}", remedy)]
    if parts.hostname in ("login.salesforce.com", "test.salesforce.com"):
        return [Finding("base_url", "is not the org's own address", remedy)]
    if parts.scheme == "http" and parts.hostname.endswith(".salesforce.com"):
        return [Finding("base_url", "would send the secret unencrypted", "Write https://.")]
    return []


def _options(options: Mapping[str, Any]) -> list[Finding]:
    findings = [
        Finding(f"options.{key}", "is not known", _near(key))
        for key in options
        if key not in _KNOWN
    ]
    currency = options.get("currency", "USD")
    if not (isinstance(currency, str) and re.fullmatch("[A-Z]{3}", currency)):
        findings.append(Finding("options.currency", 'must be an ISO 4217 code such as "EUR"'))
    if not isinstance(options.get("prefetch", True), bool):
        findings.append(Finding("options.prefetch", "must be true or false"))
    for key in ("bulk_rows", "bulk_writes"):
        rows = options.get(key, 0)
        if isinstance(rows, bool) or not isinstance(rows, int) or rows < 0:
            findings.append(Finding(f"options.{key}", "must be a whole number, 0 for never"))
    share = options.get("call_share", _CALL_SHARE)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        findings.append(Finding("options.call_share", "must be a number above 0, at most 1"))
    return findings


def _near(key: str) -> str:
    settable = [name for name in _KNOWN if name != "call_share"]
    found = get_close_matches(key, settable, 1)
    return f"did you mean `{found[0]}`?" if found else f"Known: {', '.join(settable)}."
