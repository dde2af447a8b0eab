"""What both connectors' tests of provisioning stand on: a CRM in which nobody has made anything
yet, and a wire that is cut."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import orjson
import pytest

from prmsync.connector.protocol import Runtime
from prmsync.connector.provisioning import ObjectNeed, Provisioner, ProvisionPlan
from prmsync.connector.simulator.http import Handler, Request, Response
from prmsync.connector.simulator.transport import in_process_runtime
from prmsync.connector.testing.bench import FakeClock
from prmsync.mapping.load import read_mappings
from prmsync.sync.needs import needs_of

ROOT = Path(__file__).resolve().parents[1]
BASE = "http://crm.test"


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
        """Status and JSON of what is answered where a path ends so."""

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


class Simulator(Protocol):
    @property
    def handle(self) -> Handler: ...


class EmptyCrm(ABC):
    """A simulated CRM, its clock and the wire to it."""

    connector_name: str
    """Whose mappings: "salesforce" or "hubspot"."""

    def __init__(self, clock: FakeClock, simulator: Simulator) -> None:
        self.clock = clock
        self.wire = Wire(simulator.handle)
        self.runtime: Runtime = in_process_runtime({BASE: self.wire}, clock.now, clock.sleep)

    @abstractmethod
    def provisioner(self, who: str | None = "") -> Provisioner:
        """For an admin, unless another is named; for the user that syncs with None."""

    @abstractmethod
    def changing_calls(self) -> list[Request]:
        """Those of the wire's calls that may have changed what the CRM defines."""

    @property
    def complete(self) -> int:
        """How many fields a plan finds once nothing is missing."""
        return sum(len(one.fields) for one in self.needs())

    def needs(self, *files: Path) -> list[ObjectNeed]:
        """Those of the shipped mappings, or of these files."""
        found = files or sorted((ROOT / "mappings" / self.connector_name).glob("*.yaml"))
        mappings, findings = read_mappings(list(found))
        assert findings == []
        return needs_of(mappings)

    def plan(self, needs: Sequence[ObjectNeed] | None = None) -> ProvisionPlan:
        """What the user that syncs sees."""
        return self.provisioner(None).plan(self.needs() if needs is None else needs)

    def apply(self, needs: Sequence[ObjectNeed] | None = None) -> ProvisionPlan:
        wanted = self.needs() if needs is None else needs
        return self.provisioner().apply(wanted, lambda _: None)

    def fault(self, **rule: Any) -> None:
        self.runtime.http.post(f"{BASE}/_simulator/faults", json=rule).raise_for_status()

    def close(self) -> None:
        self.runtime.http.close()
        self.runtime.requests.close()


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


def closing(kind: Callable[..., EmptyCrm]) -> Iterator[Callable[..., Any]]:
    """Builds CRMs of a kind, and closes all of them in the end."""
    made: list[EmptyCrm] = []

    def build(**settings: Any) -> EmptyCrm:
        made.append(kind(**settings))
        return made[-1]

    yield build
    for one in made:
        one.close()


@pytest.fixture
def killed() -> type[BaseException]:
    return Killed


@pytest.fixture
def add_field() -> Callable[..., list[ObjectNeed]]:
    return with_field
