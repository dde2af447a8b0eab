"""What the entry point names."""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.connector.protocol import ConnectionSettings, Runtime
from prmsync_salesforce.connector import SalesforceConnector
from prmsync_salesforce.options import AUTH_KEYS


class SalesforcePlugin:
    """`connector = "salesforce"`."""

    @property
    def name(self) -> str:
        return "salesforce"

    @property
    def title(self) -> str:
        return "Salesforce"

    @property
    def auth_keys(self) -> Mapping[str, str]:
        return AUTH_KEYS

    def connect(self, settings: ConnectionSettings, runtime: Runtime) -> SalesforceConnector:
        return SalesforceConnector(settings, runtime)
