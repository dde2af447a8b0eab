"""What a simulated portal lets an admin or a test set: limits, lag, tokens, scopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

ACCESS_TOKEN = "pat-na1-51bbe3a1-5f1e-4d3c-8f1a-7d0000000001"  # noqa: S105  # opens nothing real
CLIENT_ID = "7d000000-0000-4000-8000-0000000c11e1"
CLIENT_SECRET = "7d000000-0000-4000-8000-00005ec4e700"  # noqa: S105  # opens nothing real
REFRESH_TOKEN = "na1-7d00-0000-4000-8000-refresh00001"  # noqa: S105  # opens nothing real
ALL_SCOPES = "*"


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits count by the wall, not by the simulator's clock; 0 switches a limit off.

    `index_lag_seconds` and token lifetimes go by the simulator's clock. `tokens` maps service keys
    to their scopes (`("*",)` for all). `merge_new_id` gives the winner of a merge a new id.
    `app_scopes` are those of the one app, and of the refresh token that it starts with;
    `redirect_uri` is where its sign-in may return to ("": any address on this machine).
    Without `custom_objects` the account's plan has none, and no token the scopes for them.
    `opaque_cursors` makes the `after` of a listing text without a meaning; else it is the id from
    which the next page goes on, as in the accounts known.
    `shuffle_batches` answers batches in another order than they were sent, as HubSpot may.
    """

    burst_limit: int = 190
    burst_seconds: float = 10.0
    daily_limit: int = 650_000
    search_per_second: int = 5
    index_lag_seconds: float = 0.0
    token_seconds: int = 1800
    merge_new_id: bool = False
    shuffle_batches: bool = True
    opaque_cursors: bool = False
    redirect_uri: str = ""
    custom_objects: bool = True
    app_scopes: tuple[str, ...] = (ALL_SCOPES,)
    tokens: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {ACCESS_TOKEN: (ALL_SCOPES,)}
    )


_NUMBERS = {"burst_seconds", "index_lag_seconds"}
_WHOLE = {"burst_limit", "daily_limit", "search_per_second", "token_seconds"}


def parse_settings(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Keyword arguments for `Settings` from JSON, and every problem found."""
    known = {item.name for item in fields(Settings)}
    values: dict[str, Any] = {}
    problems = [f"unknown setting {key!r}" for key in raw if key not in known]
    for key in known & set(raw):
        problem = _problem(key, raw[key])
        if problem:
            problems.append(f"{key} {problem}")
        else:
            values[key] = raw[key]
    if "tokens" in values:
        values["tokens"] = {token: tuple(scopes) for token, scopes in values["tokens"].items()}
    if "app_scopes" in values:
        values["app_scopes"] = tuple(values["app_scopes"])
    return values, problems


def _problem(key: str, value: object) -> str:
    if key == "tokens":
        right = isinstance(value, dict) and all(isinstance(item, list) for item in value.values())
        return "" if right else "must map tokens to lists of scopes"
    if key == "app_scopes":
        right = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return "" if right else "must be a list of scopes"
    if key == "redirect_uri":
        return "" if isinstance(value, str) else "must be an address"
    if key in _WHOLE:
        right = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return "" if right else "must be a whole number, 0 or more"
    if key in _NUMBERS:
        right = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        return "" if right else "must be a number, 0 or more"
    return "" if isinstance(value, bool) else "must be true or false"
