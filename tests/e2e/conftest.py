"""Both CRMs simulated over real HTTP, a prepared folder, and commands as a person runs them."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, redirect_stderr, redirect_stdout
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


@pytest.fixture
def urls() -> Iterator[dict[str, str]]:
    """Fresh simulators of both CRMs, at free ports."""
    with ExitStack() as stack:
        yield {
            crm: stack.enter_context(
                serving(plugin(crm).simulator(SimulatorOptions(now=utc_now)).handle)
            )
            for crm in VARIABLE
        }


@pytest.fixture
def acme(urls: dict[str, str], tmp_path: Path) -> Acme:
    """The quick start's folder, before anything is imported."""
    home = Acme(tmp_path, urls)
    assert home.run("init", "acme", "--simulators").code == 0
    return Acme(tmp_path / "acme", urls)
