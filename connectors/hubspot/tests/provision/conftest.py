"""A simulated account in which nobody has made anything yet, its admin, and a wire that is cut."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from prmsync.connector.protocol import ConnectionSettings, SimulatorOptions
from prmsync.connector.provisioning import AdminSignIn, ObjectNeed, ProvisionPlan
from prmsync.connector.simulator.http import Handler, Request, Response
from prmsync.connector.simulator.transport import in_process_runtime
from prmsync.connector.testing.bench import FakeClock
from prmsync.mapping.load import read_mappings
from prmsync.sync.needs import needs_of
from prmsync_hubspot import PLUGIN
from prmsync_hubspot.connector import HubSpotConnector
from prmsync_hubspot.provision.provisioner import HubSpotProvisioner
from prmsync_hubspot.simulator import HubSpotSimulator

ROOT = Path(__file__).resolve().parents[4]
BASE = "http://crm.test"
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


class Killed(BaseException):
    """The process ends here."""


class Wire:
    """Passes calls on; dies at one of them, before it arrives or after it was answered."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self.calls: list[Request] = []
        self.dies_at: int | None = None
        self.after = False
        self.instead: dict[str, tuple[int, Any]] = {}
        """What is answered where a path ends so."""

    def __call__(self, request: Request) -> Response:
        self.calls.append(request)
        dies = self.dies_at is not None and len(self.calls) > self.dies_at
        if dies and not self.after:
            raise Killed
        for ending, (status, body) in self.instead.items():
            if request.path.endswith(ending):
                return Response(status, orjson.dumps(body), {"content-type": "application/json"})
        answer = self._handle(request)
        if dies:
            raise Killed
        return answer


class Ground:
    """One account. `needs()` are those of the shipped mappings unless files are named."""

    def __init__(
        self, *, prepared: bool = False, api_version: str | None = None, **settings: Any
    ) -> None:
        self.clock = FakeClock()
        tokens = {SERVICE: list(SERVICE_SCOPES), ADMIN: ["*"]}
        schema = {"replace": not prepared, "settings": {"tokens": tokens, **settings}}
        self.simulator = HubSpotSimulator(SimulatorOptions(now=self.clock.now, schema=schema))
        self.portal = self.simulator.portal
        self.wire = Wire(self.simulator.handle)
        self.runtime = in_process_runtime({BASE: self.wire}, self.clock.now, self.clock.sleep)
        self.settings = ConnectionSettings(
            name="hs", base_url=BASE, api_version=api_version, auth={"token": SERVICE}
        )

    def needs(self, *files: Path) -> list[ObjectNeed]:
        found = files or sorted((ROOT / "mappings" / "hubspot").glob("*.yaml"))
        mappings, findings = read_mappings(list(found))
        assert findings == []
        return needs_of(mappings)

    def connector(self) -> HubSpotConnector:
        return HubSpotConnector(self.settings, self.runtime)

    def provisioner(self, token: str | None = ADMIN) -> HubSpotProvisioner:
        admin = None if token is None else AdminSignIn(token)
        return PLUGIN.provisioner(self.settings, self.runtime, self.connector(), admin)

    def plan(self, needs: Sequence[ObjectNeed] | None = None) -> ProvisionPlan:
        """What the service key sees."""
        return self.provisioner(None).plan(self.needs() if needs is None else needs)

    def apply(self, needs: Sequence[ObjectNeed] | None = None) -> ProvisionPlan:
        wanted = self.needs() if needs is None else needs
        return self.provisioner().apply(wanted, lambda _: None)

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

    def fault(self, **rule: Any) -> None:
        self.runtime.http.post(f"{BASE}/_simulator/faults", json=rule).raise_for_status()

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


def with_field(needs: Sequence[ObjectNeed], stream: str, **changed: Any) -> list[ObjectNeed]:
    """The needs with one more field of a stream, made from its key's need."""
    return [
        dataclasses.replace(
            one, fields=(*one.fields, dataclasses.replace(one.fields[0], **changed))
        )
        if one.stream == stream
        else one
        for one in needs
    ]


@pytest.fixture
def new_ground() -> Iterator[Callable[..., Ground]]:
    made: list[Ground] = []

    def build(**settings: Any) -> Ground:
        made.append(Ground(**settings))
        return made[-1]

    yield build
    for one in made:
        one.runtime.http.close()
        one.runtime.requests.close()


@pytest.fixture
def ground(new_ground: Callable[..., Ground]) -> Ground:
    return new_ground()


@pytest.fixture
def killed() -> type[BaseException]:
    return Killed


@pytest.fixture
def add_field() -> Callable[..., list[ObjectNeed]]:
    return with_field
