"""Both CRMs simulated over real HTTP, a prepared folder, and commands as a person runs them."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from prmsync.cli import main
from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.serve import serving
from prmsync.service.runtime import utc_now

VARIABLE = {"salesforce": "ACME_SF", "hubspot": "ACME_HS"}


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: its exit code, and what it said on both streams."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass(frozen=True, slots=True)
class Acme:
    """A folder of `prmsync init --simulators`, whose simulators listen at `urls`."""

    folder: Path
    urls: Mapping[str, str]

    @property
    def environ(self) -> dict[str, str]:
        """Commands find this Python's prmsync, and the simulators at their own ports."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PRMSYNC_")}
        path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", "")])
        ports = {
            f"PRMSYNC_CONNECTIONS__{VARIABLE[crm]}__BASE_URL": url for crm, url in self.urls.items()
        }
        return {**inherited, "PATH": path, **ports}

    def run(self, *arguments: str, **environ: str) -> Done:
        """One prmsync command; a traceback or an apology fails the test."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in set(os.environ) - set(self.environ):
                patch.delenv(name)
            for name, value in {**self.environ, **environ}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.StringIO())
            with redirect_stdout(out), redirect_stderr(err):
                code = main.run(list(arguments))
        done = Done(code, out.getvalue(), err.getvalue())
        assert "Traceback" not in done.said and "mistake of its own" not in done.said, done.said
        return done

    def refused(self, code: int, *arguments: str, **environ: str) -> str:
        """A command that must end with `code`; what it said."""
        done = self.run(*arguments, **environ)
        assert done.code == code, done.said
        return done.said

    def records(self, crm: str, name: str) -> list[dict[str, Any]]:
        """A CRM's records of one object, as its users see them."""
        answer = httpx.get(
            f"{self.urls[crm]}/_simulator/records", params={"object": name}, trust_env=False
        )
        found: list[dict[str, Any]] = answer.raise_for_status().json()["records"]
        return found

    def fault(self, crm: str, rule: Mapping[str, Any]) -> None:
        """Make a CRM misbehave; see `prmsync.connector.simulator.faults.FaultRule`."""
        answer = httpx.post(f"{self.urls[crm]}/_simulator/faults", json=rule, trust_env=False)
        answer.raise_for_status()

    def no_faults(self, crm: str) -> None:
        httpx.delete(f"{self.urls[crm]}/_simulator/faults", trust_env=False).raise_for_status()

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that stands in a file of the folder."""
        text = (self.folder / path).read_text(encoding="utf-8")
        assert old in text
        (self.folder / path).write_text(text.replace(old, new), encoding="utf-8")

    def write(self, path: str, text: str) -> str:
        (self.folder / path).write_text(text, encoding="utf-8")
        return path


@contextmanager
def simulators() -> Iterator[dict[str, str]]:
    """Fresh simulators of both CRMs, at free ports."""
    with ExitStack() as stack:
        yield {
            crm: stack.enter_context(
                serving(plugin(crm).simulator(SimulatorOptions(now=utc_now)).handle)
            )
            for crm in VARIABLE
        }


@pytest.fixture
def urls() -> Iterator[dict[str, str]]:
    with simulators() as found:
        yield found


@pytest.fixture
def acme(urls: dict[str, str], tmp_path: Path) -> Acme:
    """The quick start's folder, before anything is imported."""
    home = Acme(tmp_path, urls)
    assert home.run("init", "acme", "--simulators").code == 0
    return Acme(tmp_path / "acme", urls)


PARTNERS = "name,domain,tier\nGlobex,globex.example,Gold\nInitech,initech.example,Silver\n"
FILED = (
    "number,partner,customer_name,customer_domain,product_lines,amount,currency,expected_close\n"
)
DEALS = (
    "number,name,customer_name,customer_domain,product_lines,stage,amount,currency,close_date\n"
    "OP-1,Direct deal,Northwind,c1.example,firewall,qualified,9,EUR,2026-12-30\n"
)


def _filed(number: int, customer: str) -> str:
    return f"DR-{number},Globex,{customer},c{number}.example,firewall,{number}00,EUR,2026-12-30\n"


@dataclass(frozen=True, slots=True)
class Worked:
    """A folder in which everything waits that can: see `worked`."""

    acme: Acme
    held: str
    refused: str
    done: str
    waiting: str

    def filled(self, *arguments: str) -> list[str]:
        """Arguments with HELD, REFUSED, DONE and WAITING put in."""
        ids = {
            "HELD": self.held,
            "REFUSED": self.refused,
            "DONE": self.done,
            "WAITING": self.waiting,
        }
        return [ids.get(one, one) for one in arguments]


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worked]:
    """Salesforce in step but for a held field and a refused record; HubSpot's first run waits."""
    folder = tmp_path_factory.mktemp("worked")
    with simulators() as urls:
        assert Acme(folder, urls).run("init", "acme", "--simulators").code == 0
        acme = Acme(folder / "acme", urls)
        acme.write("partners.csv", PARTNERS)
        acme.write("filed.csv", FILED + _filed(1, "Northwind") + _filed(2, "Hooli"))
        acme.write("deals.csv", DEALS)
        for file, kind in (
            ("partners.csv", "partner"),
            ("filed.csv", "registration"),
            ("deals.csv", "opportunity"),
        ):
            assert acme.run("import", file, "--as", kind).code == 0
        for move in ("submit", "review", "approve"):
            assert acme.run("registrations", move, "DR-1").code == 0
        done = acme.run("sync", "acme-sf", "--yes", "--json")
        assert done.code == 0, done.said
        disagree(acme)
        assert acme.run("sync", "acme-sf").code == 1
        assert acme.run("conflicts", "check").code == 0
        waits = acme.run("sync", "acme-hs", "--json")
        assert waits.code == 3, waits.said
        yield Worked(
            acme,
            str(listed(acme, "held")[0]["id"]),
            str(listed(acme, "parked")[0]["link"]),
            str(json.loads(done.out)[0]["run_id"]),
            str(json.loads(waits.out)[0]["waiting_run"]),
        )


def disagree(acme: Acme) -> None:
    """DR-1 is edited on both sides; DR-2 gets a name that does not fit."""
    found = {one["Name"]: one["Id"] for one in acme.records("salesforce", "PRM_Registration__c")}
    httpx.patch(
        f"{acme.urls['salesforce']}/_simulator/records",
        json={
            "object": "PRM_Registration__c",
            "id": found["DR-1"],
            "values": {"Amount__c": 999},
        },
        trust_env=False,
    ).raise_for_status()
    edited = _filed(1, "Northwind").replace("100,EUR", "150,EUR")
    acme.write("filed.csv", FILED + edited + _filed(2, "N" * 300))
    assert acme.run("import", "filed.csv", "--as", "registration").code == 0


def listed(acme: Acme, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(acme.run(what, "list", "--json").out)
    assert found
    return found
