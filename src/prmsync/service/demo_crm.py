"""A simulated CRM of the demo and the people who work in it.

They edit through the simulator's control path, as CRM users would: past the API, under their own
names. What they enter is translated by the connection's mapping and live schema.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.http import Handler
from prmsync.connector.simulator.serve import serving
from prmsync.domain.values import Values
from prmsync.errors import ConfigurationError, StateError
from prmsync.service.runtime import utc_now
from prmsync.service.sample_types import CrmRecord, Row
from prmsync.service.setup import SIMULATOR_PORTS, connection_name
from prmsync.store import links
from prmsync.sync.session import Session, Stream

_SECONDS = 30.0


@dataclass(slots=True)
class DemoCrm:
    """`name` is the connection's. `known` is what its users would know: CRM id → the id of our
    record that it is, for records they had before the first sync. `ids` is the sample's name of a
    record → its CRM id."""

    name: str
    connector: str
    title: str
    url: str
    http: httpx.Client
    known: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def control(self, method: str, what: str, body: object = None) -> Any:
        """A call to a control path. Raises StateError with the simulator's own words."""
        answer = self.http.request(method, f"{self.url}/_simulator/{what}", json=body)
        if answer.status_code >= 300:
            raise StateError(f"{self.title}, simulated: {answer.json().get('message')}")
        return answer.json()

    def calls(self) -> int:
        """Calls to the CRM's API so far; control paths do not count."""
        return int(self.control("GET", "stats")["total"])

    def hire(self, people: Sequence[Row]) -> None:
        """Make the vendor's people users of this CRM."""
        for person in people:
            first, _, last = person["name"].partition(" ")
            kind, values = _USERS[self.connector](first, last, person["email"])
            self._write("POST", {"object": kind, "values": values})

    def enter(
        self, session: Session, records: Sequence[CrmRecord], advance: Callable[[int], None]
    ) -> None:
        """Enter records as their owners did before anybody thought of a sync."""
        for record in records:
            values = record.values | {name: self.ids[ref] for name, ref in record.refs.items()}
            stream = session.streams[record.stream]
            entered: Values = {name: value for name, value in values.items() if value is not None}
            crm_id = self._write(
                "POST",
                {
                    "object": stream.spec.object,
                    "values": _in_crm_words(stream, entered),
                    "user": values.get("owner"),
                    "stamp": values.get("last_activity_at"),
                },
            )
            self.ids[record.ref] = crm_id
            kind, _, ours = record.ref.partition("-")
            if kind in ("partner", "deal"):
                self.known[crm_id] = ours
            advance(1)

    def edit(self, session: Session, kind: str, prm_id: str, values: Values, user: str) -> None:
        """An edit of a linked record by a CRM user (e-mail)."""
        stream = session.streams[kind]
        body = {
            "object": stream.spec.object,
            "id": crm_id_of(session, kind, prm_id),
            "values": _in_crm_words(stream, values),
            "user": user,
        }
        self._write("PATCH", body)

    def save_state(self, path: Path) -> None:
        """Everything this CRM holds, as a file for `prmsync simulator --data`."""
        path.write_text(json.dumps(self.control("GET", "state")), encoding="utf-8")

    def _write(self, method: str, body: Mapping[str, Any]) -> str:
        return str(self.control(method, "records", body)["id"])


def crm_id_of(session: Session, kind: str, prm_id: str) -> str:
    """The CRM id of one of our records. Raises StateError when it is not linked."""
    with session.database.read() as connection:
        found = links.by_prm_ids(connection, session.streams[kind].id, [prm_id]).get(prm_id)
    if found is None or found.crm_id is None:
        raise StateError(f"{kind} {prm_id} is not linked on {session.name}")
    return str(found.crm_id)


def prm_id_of(session: Session, kind: str, crm_id: str) -> str:
    """The id of our record that a CRM record is. Raises StateError when it is not linked."""
    with session.database.read() as connection:
        found = links.crm_to_prm(connection, session.streams[kind].id, [crm_id]).get(crm_id)
    if found is None:
        raise StateError(f"{kind} {crm_id} of {session.name} is not linked")
    return found


def shown_in_crm(session: Session, kind: str, prm_ids: Sequence[str]) -> dict[str, Values]:
    """What the CRM holds of our records now, asked through its API, in our fields and words."""
    stream = session.streams[kind]
    by_crm = {crm_id_of(session, kind, prm_id): prm_id for prm_id in prm_ids}
    found = session.connector.fetch(stream.spec, list(by_crm))
    return {
        by_crm[crm_id]: stream.translator.read(one.values).values for crm_id, one in found.items()
    }


def _in_crm_words(stream: Stream, values: Values) -> Values:
    translated = stream.translator.write(values)
    if translated.problems:
        problem = translated.problems[0]
        raise StateError(f"{stream.name}: {problem.field} {problem.message}", hint=problem.hint)
    return translated.values


def _salesforce_user(first: str, last: str, email: str) -> tuple[str, dict[str, Any]]:
    alias = f"{first[:1]}{last}"[:8].lower()
    names = {"FirstName": first, "LastName": last, "Alias": alias}
    return "User", names | {"Email": email, "Username": email, "IsActive": True}


def _hubspot_owner(first: str, last: str, email: str) -> tuple[str, dict[str, Any]]:
    return "owners", {"email": email, "firstName": first, "lastName": last}


_USERS = {"salesforce": _salesforce_user, "hubspot": _hubspot_owner}


@contextmanager
def simulated(connector: str) -> Iterator[DemoCrm]:
    """A CRM served on loopback while the block runs: on its usual port if that is free."""
    known = plugin(connector)
    handler = known.simulator(SimulatorOptions(now=utc_now)).handle
    client = httpx.Client(timeout=_SECONDS, trust_env=False)
    with client, _on_a_free_port(handler, SIMULATOR_PORTS[connector]) as url:
        yield DemoCrm(connection_name(connector), connector, known.title, url, client)


@contextmanager
def _on_a_free_port(handler: Handler, usual: int) -> Iterator[str]:
    with ExitStack() as served:
        try:
            url = served.enter_context(serving(handler, usual))
        except ConfigurationError:
            url = served.enter_context(serving(handler, 0))
        yield url
