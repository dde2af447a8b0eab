"""Saved views that help people, in words: HubSpot has no API that makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prmsync.connector.provisioning import ObjectNeed
from prmsync.errors import Finding
from prmsync_hubspot.provision.words import OBJECTS, option, property_words, whose

_WHERE = {"companies": "Companies", "deals": "Deals", "contacts": "Contacts"}
_HOW = "Open the list, All filters, then Save view; share it with everyone."


def views_of(needs: Sequence[ObjectNeed]) -> Iterator[Finding]:
    """Each view: the list it belongs to and its name, the filter, how to make it."""
    for need in needs:
        uses = {one.use: one.name for one in need.fields}
        place = _WHERE.get(need.object.lower(), OBJECTS.get(need.stream, ("", need.object))[1])
        for name, use, condition in _VIEWS:
            if use in uses:
                label = property_words(uses[use], use).label
                title = f"{place}: “{name}{whose(uses[use])}”"
                yield Finding(title, f"{label} {condition}{_and_state(use, uses)}", _HOW)


def _and_state(use: str, uses: Mapping[str, str]) -> str:
    if use != "sync decision" or "sync state" not in uses:
        return ""
    return f", and {property_words(uses['sync state'], 'sync state').label} is Needs decision"


def _is_any_of(use: str, *wanted: str) -> str:
    return f"is any of {', '.join(option(use, one)[1] for one in wanted)}"


_VIEWS = (
    ("Needs my decision", "sync decision", "is unknown"),
    (
        "Not in step",
        "sync state",
        _is_any_of("sync state", "Needs decision", "Refused", "Waiting", "Paused"),
    ),
    ("To review", "review_state", _is_any_of("review_state", "submitted", "under_review")),
    ("In conflict", "conflict", "is Yes"),
    ("Registered deals", "registered", "is Yes"),
    ("Partners", "status", _is_any_of("status", "active")),
)
"""Name, what the view filters on, and how."""
