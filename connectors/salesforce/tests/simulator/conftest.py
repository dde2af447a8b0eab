"""A simulated org with a fixed clock, and a small client that calls it in process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.http import Request, Response
from prmsync_salesforce.simulator.app import SalesforceSimulator
from prmsync_salesforce.simulator.settings import OrgSettings

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BASE = "/services/data/v68.0"

NS = "{http://soap.sforce.com/2006/04/metadata}"


class Org:
    """Calls a simulator; paths are relative to `/services/data/v68.0` unless they are full."""

    def __init__(self, simulator: SalesforceSimulator) -> None:
        self.simulator = simulator
        self.token = ""
        self.last: Response | None = None

    def sign_in(self) -> dict[str, Any]:
        settings = self.simulator.settings
        form = (
            "grant_type=client_credentials"
            f"&client_id={settings.client_id}&client_secret={settings.client_secret}"
        )
        status, answer = self.call("POST", "/services/oauth2/token", form.encode())
        assert status == 200
        self.token = answer["access_token"]
        return answer

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> tuple[int, Any]:
        full = (
            path
            if path.startswith(("/services", "//services", "/_simulator", "/id/"))
            else BASE + path
        )
        content = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes):
            content = orjson.dumps(body)
        every = {"host": "127.0.0.1:9999", "authorization": f"Bearer {self.token}"}
        request = Request(
            method, full, {k: [v] for k, v in query.items()}, {**every, **(headers or {})}, content
        )
        self.last = self.simulator.handle(request)
        return self.last.status, orjson.loads(self.last.body) if self.last.body else None

    def create(self, object_name: str, **values: Any) -> str:
        status, answer = self.call("POST", f"/sobjects/{object_name}", values)
        assert status == 201, answer
        return str(answer["id"])

    def read(self, object_name: str, record_id: str) -> dict[str, Any]:
        status, answer = self.call("GET", f"/sobjects/{object_name}/{record_id}")
        assert status == 200, answer
        return answer

    def query(self, soql: str, resource: str = "query") -> list[dict[str, Any]]:
        status, answer = self.call("GET", f"/{resource}", q=soql)
        assert status == 200, answer
        return answer["records"]

    def ids(self, soql: str, resource: str = "query") -> list[str]:
        return [record["Id"] for record in self.query(soql, resource)]

    def advance(self, seconds: float) -> None:
        self.simulator.chassis.clock.advance(seconds)

    def opportunity(self, **values: Any) -> str:
        return self.create(
            "Opportunity",
            **{"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-06-30", **values},
        )


class Soap:
    """Calls the Metadata API as a user."""

    def __init__(self, org, username):
        self.org = org
        users = org.simulator.org.database.table("User")
        [user] = [row["Id"] for row in users.live() if row["Username"] == username]
        self.session = org.simulator.sign_in._tokens.issue(user)

    def __call__(self, call, inner):
        body = (
            '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">'
            f"<e:Header><SessionHeader><sessionId>{self.session}</sessionId></SessionHeader>"
            f'</e:Header><e:Body><{call} xmlns="{NS[1:-1]}">{inner}'
            f"</{call}></e:Body></e:Envelope>"
        )
        request = Request(
            "POST", "/services/Soap/m/68.0", {}, {"host": "127.0.0.1:9999"}, body.encode()
        )
        answer = self.org.simulator.handle(request)
        return answer.status, ElementTree.fromstring(answer.body)

    def names(self, kind):
        status, answer = self("listMetadata", f"<queries><type>{kind}</type></queries>")
        assert status == 200
        return {one.findtext(f"{NS}fullName"): one for one in answer.iter(f"{NS}result")}

    def read(self, kind, *names):
        inner = "".join(f"<fullNames>{name}</fullNames>" for name in names)
        status, answer = self("readMetadata", f"<type>{kind}</type>{inner}")
        assert status == 200, ElementTree.tostring(answer)
        return list(answer.iter(f"{NS}records"))


@pytest.fixture
def soap():
    return Soap


@pytest.fixture
def new_org():
    def build(settings=None, data=None, schema=None) -> Org:
        options = SimulatorOptions(now=lambda: START, data=data, schema=schema, seed=3)
        org = Org(SalesforceSimulator(options, settings))
        org.sign_in()
        return org

    return build


@pytest.fixture
def org(new_org) -> Org:
    return new_org()


@pytest.fixture
def tight_org(new_org) -> Org:
    return new_org(OrgSettings(token_lifetime_seconds=600, daily_api_limit=5))
