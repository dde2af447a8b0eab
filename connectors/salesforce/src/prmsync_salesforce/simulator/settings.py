"""What kind of org is simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class OrgSettings:
    """`daily_api_limit` counts calls in any 24 hours; tokens live by the simulator's clock.

    The client app: `certificate` (PEM) verifies assertions of the JWT bearer grant,
    `callback_url` is where a browser is sent back to (empty: any loopback address),
    `require_pkce` refuses an authorization without a code challenge, `rotate_refresh_tokens`
    makes each refresh token good for one use.

    `bulk_looks`: how often a finished bulk job still says that it is in progress.

    `prepared`: the objects and fields that the shipped mappings need are there; without, they are
    yet to be deployed. `partner_objects`: OpportunityPartner and PartnerRole are there, which an
    org without partner features does not have. `tracked_fields`: fields of opportunities whose
    history is tracked.
    """

    prepared: bool = True
    partner_objects: bool = True
    name: str = "Simulated Salesforce Org"
    sandbox: bool = False
    multi_currency: bool = True
    currency: str = "USD"
    time_zone: str = "America/Los_Angeles"
    client_id: str = "prmsync-simulator"
    client_secret: str = "simulator-secret"  # noqa: S105 - opens nothing but a simulator
    certificate: str = ""
    callback_url: str = ""
    require_pkce: bool = True
    rotate_refresh_tokens: bool = False
    token_lifetime_seconds: float = 7200
    daily_api_limit: int = 1_000_000
    bulk_looks: int = 1
    locator_lifetime_seconds: float = 2 * 24 * 3600
    tracked_fields: tuple[str, ...] = ()


def parse_settings(raw: Mapping[str, Any]) -> OrgSettings:
    """Settings from `--schema`'s "settings". Raises ValueError that names every problem."""
    known = {item.name: item for item in fields(OrgSettings)}
    raw = {key: tuple(one) if isinstance(one, list) else one for key, one in raw.items()}
    problems = [f"unknown setting {key!r}" for key in raw if key not in known]
    for key, value in raw.items():
        default = known[key].default if key in known else None
        wanted = (int, float) if isinstance(default, float) else type(default)
        if key in known and not isinstance(value, wanted):
            problems.append(f"setting {key} must be like {default!r}")
    if problems:
        raise ValueError("; ".join(problems))
    return OrgSettings(**raw)
