"""What the entry point names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from prmsync.connector.hints import Delivery, Hint
from prmsync.connector.protocol import (
    ConnectionSettings,
    Connector,
    Runtime,
    SimulatorOptions,
)
from prmsync.connector.provisioning import AdminSignIn
from prmsync.connector.sign_in import Attempt
from prmsync_hubspot import browser, webhooks
from prmsync_hubspot.auth import AUTH_KEYS, REFRESH_TOKEN
from prmsync_hubspot.connector import HubSpotConnector
from prmsync_hubspot.paths import Paths
from prmsync_hubspot.provision import admin as one_time
from prmsync_hubspot.provision.provisioner import HubSpotProvisioner
from prmsync_hubspot.simulator import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    HubSpotSimulator,
)


class HubSpotPlugin:
    """`connector = "hubspot"`."""

    @property
    def name(self) -> str:
        return "hubspot"

    @property
    def title(self) -> str:
        return "HubSpot"

    @property
    def hosts(self) -> tuple[str, ...]:
        return ("api.hubapi.com",)

    @property
    def auth_keys(self) -> Mapping[str, str]:
        return AUTH_KEYS

    def connect(self, settings: ConnectionSettings, runtime: Runtime) -> HubSpotConnector:
        return HubSpotConnector(settings, runtime)

    @property
    def kept_key(self) -> str:
        return REFRESH_TOKEN

    def sign_in_address(self, settings: ConnectionSettings, attempt: Attempt) -> str:
        return browser.sign_in_address(settings, attempt)

    def redeem(
        self,
        settings: ConnectionSettings,
        runtime: Runtime,
        attempt: Attempt,
        answer: Mapping[str, str],
    ) -> str:
        return browser.redeem(settings, runtime, attempt, answer)

    def admin_address(self, settings: ConnectionSettings, attempt: Attempt) -> str:
        return one_time.admin_address(settings, attempt)

    def admin_redeem(
        self,
        settings: ConnectionSettings,
        runtime: Runtime,
        attempt: Attempt,
        answer: Mapping[str, str],
    ) -> AdminSignIn:
        return one_time.admin_redeem(settings, runtime, attempt, answer)

    def webhook_secret(self, settings: ConnectionSettings) -> str:
        return webhooks.secret_of(settings)

    def hints(
        self, settings: ConnectionSettings, secret: str, delivery: Delivery, now: datetime
    ) -> Sequence[Hint]:
        return webhooks.read_hints(settings, secret, delivery, now)

    def provisioner(
        self,
        settings: ConnectionSettings,
        runtime: Runtime,
        connector: Connector,
        admin: AdminSignIn | None,
    ) -> HubSpotProvisioner:
        if not isinstance(connector, HubSpotConnector):
            raise TypeError(f"{settings.name} is no HubSpot connection")
        portal, paths = connector.account().org_id, Paths(settings.api_version)
        if admin is None:
            return HubSpotProvisioner(connector.client, paths, admin=False)
        client = one_time.admin_client(admin.token, portal, settings, runtime)
        return HubSpotProvisioner(client, paths, admin=True)

    def simulator(self, options: SimulatorOptions) -> HubSpotSimulator:
        return HubSpotSimulator(options)

    def simulator_auth(self) -> Mapping[str, str]:
        """A service key, which is what an admin makes; the simulator takes OAuth as well."""
        return {"token": ACCESS_TOKEN}

    def simulator_app(self) -> Mapping[str, str]:
        return {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
