"""The one table of HubSpot paths, for numbered (v3, v4) and date-based API versions.

HubSpot keeps the shape of requests and answers and moves only the place of the version: numbered
paths are `/crm/v3/objects/deals`, date-based ones `/crm/objects/2026-09/deals`. Source: HubSpot's
API reference, "API versioning".
"""

from __future__ import annotations

from difflib import get_close_matches
from urllib.parse import quote

from prmsync.errors import ConfigurationError

DEFAULT_VERSION = "2026-09"
NUMBERED = "v3"
VERSIONS = (DEFAULT_VERSION, "2026-03", NUMBERED)

OBJECTS = "objects"
ASSOCIATIONS = "associations"
PROPERTIES = "properties"
PIPELINES = "pipelines"
SCHEMAS = "schemas"
OWNERS = "owners"
ACCOUNT = "account"
OAUTH = "oauth"
TOKEN_INFO = "token_info"  # noqa: S105 - the name of an API
LIMITS = "limits"
FLOWS = "flows"

_PRIVATE_APPS = "/oauth/v2/private-apps/get/access-token-info"

ROOTS: dict[str, tuple[str, str]] = {
    OBJECTS: ("/crm/v3/objects", "/crm/objects/{version}"),
    ASSOCIATIONS: ("/crm/v4/associations", "/crm/associations/{version}"),
    PROPERTIES: ("/crm/v3/properties", "/crm/properties/{version}"),
    PIPELINES: ("/crm/v3/pipelines", "/crm/pipelines/{version}"),
    SCHEMAS: ("/crm-object-schemas/v3/schemas", "/crm-object-schemas/{version}/schemas"),
    OWNERS: ("/crm/v3/owners", "/crm/owners/{version}"),
    ACCOUNT: ("/account-info/v3/details", "/account-info/{version}/details"),
    OAUTH: ("/oauth/v1/token", "/oauth/{version}/token"),
    # Of legacy private apps, and therefore without a dated path.
    TOKEN_INFO: (_PRIVATE_APPS, _PRIVATE_APPS),
    LIMITS: ("/crm/v3/limits", "/crm/limits/{version}"),
    # Its dated paths are in beta still.
    FLOWS: ("/automation/v4/flows", "/automation/v4/flows"),
}
"""API → (numbered root, date-based root). The numbered ones are what hubspot-api-client sends."""


class Paths:
    """Paths of one API version. Raises ConfigurationError for a version that is not known."""

    def __init__(self, version: str | None = None) -> None:
        self.version = version or DEFAULT_VERSION
        if self.version not in VERSIONS:
            near = get_close_matches(self.version, VERSIONS, 1) or [DEFAULT_VERSION]
            raise ConfigurationError(
                f'api_version = "{self.version}" is not a HubSpot API version that prmsync speaks',
                hint=f'use one of {", ".join(VERSIONS)}; did you mean "{near[0]}"?',
            )

    def root(self, api: str) -> str:
        """The root path of an API of `ROOTS`."""
        numbered, dated = ROOTS[api]
        return numbered if self.version == NUMBERED else dated.format(version=self.version)

    def path(self, api: str, *segments: str) -> str:
        """The root and its segments, each quoted."""
        return "/".join((self.root(api), *(quote(segment, safe="") for segment in segments)))

    def rewrite(self, numbered: str) -> str:
        """A path as hubspot-api-client sends it → the same endpoint in this version.

        Raises ValueError for an endpoint that is not in the table.
        """
        for api, (root, _) in ROOTS.items():
            if numbered == root or numbered.startswith(f"{root}/"):
                return f"{self.root(api)}{numbered[len(root) :]}".rstrip("/")
        raise ValueError(f"{numbered} is not in the table of HubSpot paths")
