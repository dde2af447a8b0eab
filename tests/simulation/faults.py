"""What a CRM can do to one call: the rules of the simulators' own fault control."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Rule = dict[str, Any]
EVERYTHING = "."
"""A row rule's pattern that any row meets."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`rule` gives the fault rule for a connector and a kind of call, or None where it cannot
    happen there."""

    name: str
    rule: Callable[[str, str], Rule | None]


def _any(rule: Rule) -> Callable[[str, str], Rule | None]:
    return lambda connector, kind: rule


def _writes(by_connector: Mapping[str, Rule]) -> Callable[[str, str], Rule | None]:
    return lambda connector, kind: by_connector.get(connector) if kind == "write" else None


def _limit(connector: str, kind: str) -> Rule:
    if connector == "hubspot":
        return {"status": 429, "code": "TEN_SECONDLY_ROLLING"}
    return {
        "status": 403,
        "code": "REQUEST_LIMIT_EXCEEDED",
        "message": "ConcurrentRequests Limit exceeded.",
    }


def _daily(connector: str, kind: str) -> Rule:
    if connector == "hubspot":
        return {"status": 429, "code": "DAILY"}
    return {
        "status": 403,
        "code": "REQUEST_LIMIT_EXCEEDED",
        "message": "TotalRequests Limit exceeded.",
    }


_LOCKED_ROW = {
    "salesforce": {
        "record": EVERYTHING,
        "status": 400,
        "code": "UNABLE_TO_LOCK_ROW",
        "message": "unable to obtain exclusive access to this record",
    },
    "hubspot": {"record": EVERYTHING, "status": 500, "code": "INTERNAL_ERROR"},
}
_REFUSED_ROW = {
    "salesforce": {
        "record": EVERYTHING,
        "status": 400,
        "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "message": "the office in charge says no",
    },
    "hubspot": {"record": EVERYTHING, "status": 400, "code": "VALIDATION_ERROR"},
}

FAULTS = {
    one.name: one
    for one in (
        Fault("lost reply", _any({"drop": True})),
        Fault("lost request", _any({"drop": True, "commit": False})),
        Fault("503", _any({"status": 503})),
        Fault("503 after commit", _any({"status": 503, "commit": True})),
        Fault("short limit", _limit),
        Fault("daily limit", _daily),
        Fault("token expired", _any({"status": 401})),
        Fault("row lock", _writes(_LOCKED_ROW)),
        Fault("refused row", _writes(_REFUSED_ROW)),
    )
}
"""By the name under which they are told and counted."""
