"""A simulated org in which nobody has made anything yet, and its admin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from empty_crm import BASE, ROOT, EmptyCrm, add_field, closing, killed
from prmsync.connector.protocol import ConnectionSettings, SimulatorOptions
from prmsync.connector.provisioning import AdminSignIn, ObjectNeed
from prmsync.connector.sign_in import Attempt
from prmsync.connector.simulator.http import Request
from prmsync.connector.testing.bench import FakeClock
from prmsync_salesforce import PLUGIN
from prmsync_salesforce.provision.provisioner import SalesforceProvisioner
from prmsync_salesforce.simulator.app import SalesforceSimulator
from prmsync_salesforce.simulator.settings import OrgSettings

__all__ = ["add_field", "killed"]

ADMIN = "dana.admin@crm.example.com"
SERVICE = "integration@crm.example.com"


class Ground(EmptyCrm):
    """One org."""

    connector_name = "salesforce"

    def __init__(self, **settings: Any) -> None:
        clock = FakeClock()
        org = OrgSettings(**{"prepared": False, **settings})
        self.simulator = SalesforceSimulator(SimulatorOptions(now=clock.now), org)
        self.org = self.simulator.org
        super().__init__(clock, self.simulator)
        self.settings = ConnectionSettings(
            name="sf", base_url=BASE, auth=dict(PLUGIN.simulator_auth())
        )

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

    def changing_calls(self) -> list[Request]:
        return [one for one in self.wire.calls if "deployRequest" in one.path]

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


@pytest.fixture
def new_ground() -> Iterator[Callable[..., Ground]]:
    yield from closing(Ground)


@pytest.fixture
def ground(new_ground: Callable[..., Ground]) -> Ground:
    return new_ground()


@pytest.fixture
def leave_out() -> Callable[..., list[ObjectNeed]]:
    return without


@pytest.fixture
def junction() -> Path:
    return ROOT / "docs" / "examples" / "salesforce-relation-without-partners.yaml"
