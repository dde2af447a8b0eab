"""A simulated account in which nobody has made anything yet, and its admin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from empty_crm import BASE, EmptyCrm, add_field, closing, killed
from prmsync.connector.protocol import ConnectionSettings, SimulatorOptions
from prmsync.connector.provisioning import AdminSignIn
from prmsync.connector.simulator.http import Request
from prmsync.connector.testing.bench import FakeClock
from prmsync_hubspot import PLUGIN
from prmsync_hubspot.connector import HubSpotConnector
from prmsync_hubspot.provision.provisioner import HubSpotProvisioner
from prmsync_hubspot.simulator import HubSpotSimulator

__all__ = ["add_field", "killed"]

SERVICE, ADMIN = "pat-of-the-service", "pat-of-the-admin"
SERVICE_SCOPES = (
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.custom.read",
    "crm.objects.custom.write",
    "crm.objects.owners.read",
    "crm.schemas.companies.read",
    "crm.schemas.deals.read",
    "crm.schemas.custom.read",
)
"""What the connector's README asks a service key for: no right to change a schema."""


class Ground(EmptyCrm):
    """One account."""

    connector_name = "hubspot"

    def __init__(
        self, *, prepared: bool = False, api_version: str | None = None, **settings: Any
    ) -> None:
        clock = FakeClock()
        tokens = {SERVICE: list(SERVICE_SCOPES), ADMIN: ["*"]}
        schema = {"replace": not prepared, "settings": {"tokens": tokens, **settings}}
        self.simulator = HubSpotSimulator(SimulatorOptions(now=clock.now, schema=schema))
        self.portal = self.simulator.portal
        super().__init__(clock, self.simulator)
        self.settings = ConnectionSettings(
            name="hs", base_url=BASE, api_version=api_version, auth={"token": SERVICE}
        )

    def connector(self) -> HubSpotConnector:
        return HubSpotConnector(self.settings, self.runtime)

    def provisioner(self, token: str | None = ADMIN) -> HubSpotProvisioner:
        admin = None if token is None else AdminSignIn(token)
        return PLUGIN.provisioner(self.settings, self.runtime, self.connector(), admin)

    def changing_calls(self) -> list[Request]:
        return [one for one in self.wire.calls if one.method != "GET"]

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What an admin does by the API or by hand."""
        headers = {"authorization": f"Bearer {ADMIN}"}
        answer = self.runtime.http.request(method, f"{BASE}{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def property(self, on: str, name: str) -> Any:
        found = {
            one["name"]: one for one in self.call("GET", f"/crm/v3/properties/{on}")["results"]
        }
        return found.get(name)

    def defined(self) -> Mapping[str, Any]:
        """All that can be made, without what HubSpot numbers and stamps."""
        portal = self.portal
        return {
            "properties": {
                kind.name: {
                    name: (one.label, one.type, one.field_type, one.group, one.unique, one.options)
                    for name, one in kind.properties.items()
                }
                for kind in portal.types.values()
            },
            "groups": {kind.name: dict(kind.groups) for kind in portal.types.values()},
            "pipelines": {
                kind.name: [
                    (one.label, [(stage.label, stage.metadata) for stage in one.stages.values()])
                    for one in kind.pipelines.values()
                ]
                for kind in portal.types.values()
            },
            "labels": sorted(
                (portal.types[pair[0]].name, portal.types[pair[1]].name, str(one.label))
                for pair, types in portal.links.types.items()
                for one in types.values()
            ),
        }


@pytest.fixture
def new_ground() -> Iterator[Callable[..., Ground]]:
    yield from closing(Ground)


@pytest.fixture
def ground(new_ground: Callable[..., Ground]) -> Ground:
    return new_ground()
