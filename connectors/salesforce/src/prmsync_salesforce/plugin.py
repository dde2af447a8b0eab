"""What the entry point names."""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.connector.protocol import (
    ConnectionSettings,
    Connector,
    Runtime,
    SimulatorOptions,
)
from prmsync.connector.provisioning import AdminSignIn
from prmsync.connector.sign_in import Attempt
from prmsync_salesforce import browser
from prmsync_salesforce.connector import SalesforceConnector
from prmsync_salesforce.grants import AUTH_KEYS, REFRESH_TOKEN
from prmsync_salesforce.provision.admin import admin_client
from prmsync_salesforce.provision.provisioner import SalesforceProvisioner
from prmsync_salesforce.simulator.app import SalesforceSimulator
from prmsync_salesforce.simulator.settings import OrgSettings


class SalesforcePlugin:
    """`connector = "salesforce"`."""

    @property
    def name(self) -> str:
        return "salesforce"

    @property
    def title(self) -> str:
        return "Salesforce"

    @property
    def hosts(self) -> tuple[str, ...]:
        return ("login.salesforce.com", "test.salesforce.com")

    @property
    def auth_keys(self) -> Mapping[str, str]:
        return AUTH_KEYS

    def connect(self, settings: ConnectionSettings, runtime: Runtime) -> SalesforceConnector:
        return SalesforceConnector(settings, runtime)

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
        return browser.admin_address(settings, attempt)

    def admin_redeem(
        self,
        settings: ConnectionSettings,
        runtime: Runtime,
        attempt: Attempt,
        answer: Mapping[str, str],
    ) -> AdminSignIn:
        return AdminSignIn(browser.admin_redeem(settings, runtime, attempt, answer))

    def provisioner(
        self,
        settings: ConnectionSettings,
        runtime: Runtime,
        connector: Connector,
        admin: AdminSignIn | None,
    ) -> SalesforceProvisioner:
        if not isinstance(connector, SalesforceConnector):
            raise TypeError(f"{settings.name} is no Salesforce connection")
        version, org_id = connector.api_version, connector.account().org_id
        client = None
        if admin is not None:
            instance = connector.client.instance_url
            client = admin_client(admin.token, instance, org_id, runtime, version)
        return SalesforceProvisioner(connector, connector.client, client, runtime.sleep, version)

    def simulator(self, options: SimulatorOptions) -> SalesforceSimulator:
        return SalesforceSimulator(options)

    def simulator_auth(self) -> Mapping[str, str]:
        org = OrgSettings()
        return {"client_id": org.client_id, "client_secret": org.client_secret}
