"""A simulated org in which nobody has made anything yet, its admin, and a wire that is cut."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from prmsync.connector.protocol import ConnectionSettings, SimulatorOptions
from prmsync.connector.provisioning import AdminSignIn, ObjectNeed, ProvisionPlan
from prmsync.connector.sign_in import Attempt
from prmsync.connector.simulator.http import Handler, Request, Response
from prmsync.connector.simulator.transport import in_process_runtime
from prmsync.connector.testing.bench import FakeClock
from prmsync.mapping.load import read_mappings
from prmsync.sync.needs import needs_of
from prmsync_salesforce import PLUGIN
from prmsync_salesforce.provision.provisioner import SalesforceProvisioner
from prmsync_salesforce.simulator.app import SalesforceSimulator
from prmsync_salesforce.simulator.settings import OrgSettings

ROOT = Path(__file__).resolve().parents[4]
BASE = "http://crm.test"
ADMIN = "dana.admin@crm.example.com"
SERVICE = "integration@crm.example.com"


class Killed(BaseException):
    """The process ends here."""


class Wire:
    """Passes calls on; dies at one of them, before it arrives or after it was answered."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self.calls: list[Request] = []
        self.dies_at: int | None = None
        self.after = False

    def __call__(self, request: Request) -> Response:
        self.calls.append(request)
        dies = self.dies_at is not None and len(self.calls) > self.dies_at
        if dies and not self.after:
            raise Killed
        answer = self._handle(request)
        if dies:
            raise Killed
        return answer


class Ground:
    """One org. `needs()` are those of the shipped mappings unless files are named."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FakeClock()
        org = OrgSettings(**{"prepared": False, **settings})
        self.simulator = SalesforceSimulator(SimulatorOptions(now=self.clock.now), org)
        self.org = self.simulator.org
        self.wire = Wire(self.simulator.handle)
        self.runtime = in_process_runtime({BASE: self.wire}, self.clock.now, self.clock.sleep)
        self.settings = ConnectionSettings(
            name="sf", base_url=BASE, auth=dict(PLUGIN.simulator_auth())
        )

    def needs(self, *files: Path, **edits: str) -> list[ObjectNeed]:
        found = files or sorted((ROOT / "mappings" / "salesforce").glob("*.yaml"))
        mappings, findings = read_mappings(list(found))
        assert findings == []
        return needs_of(mappings)

    def token(self, who: str) -> AdminSignIn:
        """What the browser brings when this person signs in."""
        attempt = Attempt("http://localhost:8791/callback", "a-state", "v" * 64)
        address = PLUGIN.admin_address(self.settings, attempt)
        form = {"username": who, "decision": "allow"}
        answer = self.runtime.http.post(address, data=form)
        back = parse_qs(urlsplit(answer.headers["location"]).query)
        told = {key: values[0] for key, values in back.items()}
        return PLUGIN.admin_redeem(self.settings, self.runtime, attempt, told)

    def provisioner(self, who: str | None = ADMIN) -> SalesforceProvisioner:
        connector = PLUGIN.connect(self.settings, self.runtime)
        admin = None if who is None else self.token(who)
        return PLUGIN.provisioner(self.settings, self.runtime, connector, admin)

    def plan(self, needs: Sequence[ObjectNeed] | None = None) -> ProvisionPlan:
        """What the user that syncs sees."""
        return self.provisioner(None).plan(self.needs() if needs is None else needs)

    def apply(self, needs: Sequence[ObjectNeed] | None = None) -> ProvisionPlan:
        wanted = self.needs() if needs is None else needs
        return self.provisioner().apply(wanted, lambda _: None)

    def field(self, on: str, name: str) -> Any:
        return self.org.database.tables[on].definition.fields.get(name)

    def rows(self, name: str) -> list[dict[str, Any]]:
        return list(self.org.database.tables[name].live())

    def set_up(self, name: str, **values: Any) -> None:
        """A set-up record that the control path puts there."""
        answer = self.runtime.http.post(
            f"{BASE}/_simulator/records", json={"object": name, "values": values}
        )
        assert answer.status_code in (200, 201), answer.text

    def fault(self, **rule: Any) -> None:
        self.runtime.http.post(f"{BASE}/_simulator/faults", json=rule).raise_for_status()

    def defined(self) -> Mapping[str, Any]:
        """All that can be made: fields by object, set-up records without their stamps."""
        tables = self.org.database.tables
        kinds = ("ListView", "PermissionSet", "FieldPermissions", "ObjectPermissions", "Layout")
        more = ("GlobalValueSet", "CustomTab", "RecordType", "PermissionSetAssignment")
        return {
            "fields": {name: dict(one.definition.fields) for name, one in tables.items()},
            **{
                kind: sorted(
                    str(sorted((k, str(v)) for k, v in row.items() if k not in _STAMPS))
                    for row in self.rows(kind)
                )
                for kind in (*kinds, *more)
            },
        }


_STAMPS = ("Id", "CreatedDate", "LastModifiedDate", "SystemModstamp", "ParentId", "PermissionSetId")


def without(needs: Sequence[ObjectNeed], stream: str) -> list[ObjectNeed]:
    return [one for one in needs if one.stream != stream]


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


@pytest.fixture
def leave_out() -> Callable[..., list[ObjectNeed]]:
    return without


@pytest.fixture
def junction() -> Path:
    return ROOT / "docs" / "examples" / "salesforce-relation-without-partners.yaml"
