"""Every way out of a run leads through here: calls to a CRM and commits to the database.

A history plans what happens at the n-th read call, write call or commit of a run: the process dies
before or after it, the call meets a fault, or people go on working. Nothing here is random.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from prmsync.connector.simulator.faults import parse_rule
from prmsync.connector.simulator.http import Request, Response
from prmsync.store.database import Database
from simulation.faults import FAULTS

Hook = Mapping[str, Any]
_READING = ("/batch/read", "/search", "/oauth", "/query")


class PowerCut(BaseException):
    """The process is gone: nothing after it has any effect."""


def reads(request: Request) -> bool:
    """Whether a call leaves the CRM as it was."""
    if request.method == "GET" or any(part in request.path for part in _READING):
        return True
    # Salesforce: composites of GETs, and retrieves, which name fields instead of records.
    return request.method == "POST" and (
        request.path.endswith("/composite") or b'"fields":[' in request.body
    )


def looks(request: Request) -> bool:
    """Whether a read names the records that it wants, as a guard before a write does."""
    return request.path.endswith("/batch/read") or (
        request.method == "POST" and b'"fields":[' in request.body
    )


@dataclass
class Wire:
    """The plan of one run. `people` carries out what people do meanwhile; `showed` is told what a
    CRM has answered to a read, `wrote` of each write call that a CRM has carried out."""

    people: Callable[[Sequence[Hook]], None]
    showed: Callable[[str, bytes], None]
    wrote: Callable[[str], None]
    plan: dict[tuple[str, int], list[Hook]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    met: list[str] = field(default_factory=list)
    """The faults and crashes that happened in this run."""
    calls: Counter[str] = field(default_factory=Counter)
    """Connection → calls that reached its CRM."""
    dead: bool = False
    elsewhere: bool = False
    """Whether the process that died ran on a machine that nobody here can look into."""

    def arm(self, hooks: Sequence[Hook]) -> None:
        self.plan, self.counts, self.met = {}, Counter(), []
        self.dead = self.elsewhere = False
        for hook in hooks:
            self.plan.setdefault((hook["at"], hook["n"]), []).append(hook)

    def alive(self) -> None:
        if self.dead:
            raise PowerCut

    def next(self, kind: str) -> list[Hook]:
        """What is planned for this moment, which is counted."""
        number = self.counts[kind]
        self.counts[kind] += 1
        return self.plan.get((kind, number), [])

    def cut(self, hooks: Sequence[Hook], when: str, kind: str) -> None:
        for hook in hooks:
            if hook["hook"] == "crash" and hook["when"] == when:
                self.dead, self.elsewhere = True, bool(hook.get("elsewhere"))
                self.met.append(f"crash {when} {kind}")
                raise PowerCut

    def work(self, hooks: Sequence[Hook], when: str) -> None:
        for hook in hooks:
            if hook["hook"] == "people" and hook["when"] == when:
                self.people(hook["events"])


@dataclass
class WiredCrm:
    """A simulated CRM behind the wire."""

    name: str
    connector: str
    simulator: Any
    wire: Wire

    def handle(self, request: Request) -> Response:
        wire = self.wire
        wire.alive()
        kind = "read" if reads(request) else "write"
        wire.calls[self.name] += 1
        wire.counts["call"] += 1
        hooks = wire.next(kind)
        if looks(request):
            hooks = [*hooks, *wire.next("look")]
        if not hooks:
            response: Response = self.simulator.handle(request)
        else:
            wire.work(hooks, "before")
            wire.cut(hooks, "before", kind)
            response = self._met(hooks, request, kind)
        if kind == "write":
            wire.wrote(self.name)
        elif response.status < 300:
            wire.showed(self.name, response.body)
        wire.work(hooks, "after")
        wire.cut(hooks, "after", kind)
        return response

    def _met(self, hooks: Sequence[Hook], request: Request, kind: str) -> Response:
        faults = self.simulator.chassis.faults
        for hook in hooks:
            if hook["hook"] != "fault":
                continue
            rule = FAULTS[hook["fault"]].rule(self.connector, kind)
            if rule is not None:
                faults.add(parse_rule({"times": 1, **rule}))
                wire_name = f"{hook['fault']}"
                self.wire.met.append(wire_name)
        response: Response = self.simulator.handle(request)
        faults.clear()
        return response


class WiredDatabase(Database):
    """A database whose commits go through the wire."""

    def __init__(self, engine: sa.Engine, wire: Wire) -> None:
        super().__init__(engine)
        self.wire = wire

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        self.wire.alive()
        hooks: Sequence[Hook] = ()
        with super().begin() as connection:
            rows: Any = connection.connection.dbapi_connection
            before = rows.total_changes
            yield connection
            self.wire.alive()
            if rows.total_changes - before > 1:  # else only the lease was renewed
                hooks = self.wire.next("commit")
                if self.wire.counts["look"] or self.wire.counts["write"]:
                    hooks = [*hooks, *self.wire.next("settle")]
                self.wire.cut(hooks, "before", "commit")
        if hooks:
            self.wire.cut(hooks, "after", "commit")
            self.wire.work(hooks, "after")

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        self.wire.alive()
        with super().read() as connection:
            yield connection
