"""`prmsync mapping check|show`, as typed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from prmsync.cli import main
from prmsync.connector.protocol import ConnectionSettings, SimulatorOptions
from prmsync.connector.registry import plugin
from prmsync.connector.simulator.http import Handler
from prmsync.connector.simulator.serve import serving
from prmsync.connector.simulator.transport import in_process_runtime
from prmsync.service.setup import initialise

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as `prmsync init` makes it, and we are in it."""
    initialise(tmp_path, simulators=True, environ={})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def environment_of(handle: Handler) -> str:
    """Whether the simulated org says that it is a sandbox."""
    known, url = plugin("salesforce"), "https://crm.example"
    with contextlib.ExitStack() as stack:
        runtime = in_process_runtime({url: handle}, lambda: NOW, lambda _: None)
        stack.enter_context(runtime.http)
        stack.enter_context(runtime.requests)
        settings = ConnectionSettings("any", base_url=url, auth=known.simulator_auth())
        return known.connect(settings, runtime).account().environment


@pytest.fixture
def served(home: Path) -> Iterator[Path]:
    """The same with a Salesforce simulator that answers; HubSpot's port stays closed."""
    simulator = plugin("salesforce").simulator(SimulatorOptions(now=lambda: NOW))
    with serving(simulator.handle) as url:
        settings = home / "prmsync.toml"
        text = settings.read_text().replace("http://127.0.0.1:8801", url)
        text = text.replace('"sandbox"', f'"{environment_of(simulator.handle)}"')
        settings.write_text(text.replace("http://127.0.0.1:8802", "http://127.0.0.1:9"))
        yield home


def edit(path: Path, old: str, new: str) -> str:
    """Replace, and tell where the new text first stands, as `line:column`."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    before = text[: text.index(old)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def test_sound_mappings_are_told_by_connection(home: Path, capsys) -> None:
    assert main.run(["mapping", "check", "--offline"]) == 0
    lines = capsys.readouterr().out.splitlines()
    streams = "partner, opportunity, registration, relation"
    assert lines == [
        f"acme-hs: {streams}: no problems, not compared with the CRM",
        f"acme-sf: {streams}: no problems, not compared with the CRM",
    ]


def test_every_problem_of_every_file_is_listed_and_the_code_is_2(home: Path, capsys) -> None:
    edit(home / "mappings/salesforce/partner.yaml", "policy: prm}", "policy: pmr}")
    edit(home / "mappings/hubspot/opportunity.yaml", "stamp_key", "stamp_kee")
    assert main.run(["mapping", "check"]) == 2
    out = capsys.readouterr().out
    assert out.count("unknown policy `pmr`\n    did you mean `prm`?") == 5
    assert "mappings/hubspot/opportunity.yaml:12:1  unknown key `stamp_kee`" in out
    assert out.endswith("6 problems. Nothing was read or written.\n")


def test_a_second_owner_is_told_over_both_connections(home: Path, capsys) -> None:
    edit(home / "mappings/salesforce/registration.yaml", "value: {", "value: {policy: crm, ")
    assert main.run(["mapping", "check", "--offline"]) == 2
    out = capsys.readouterr().out
    assert "policy `hold` of acme-hs, but acme-sf's CRM owns `amount` already" in out
    assert "one owner per field over all connections" in out


def test_files_are_checked_without_any_settings(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.run(["mapping", "check", "salesforce", "hubspot"]) == 0
    (tmp_path / "own.yaml").write_text("version: 1\n")
    assert main.run(["mapping", "check", "own.yaml"]) == 2
    assert "own.yaml:1:1  `stream` is missing" in capsys.readouterr().out


def test_a_misspelt_field_is_found_in_the_live_schema(served: Path, capsys) -> None:
    path = "mappings/salesforce/registration.yaml"
    place = edit(served / path, "Protected_Until__c", "Protectd_Until__c")
    assert main.run(["mapping", "check", "--connection", "acme-sf"]) == 2
    out = capsys.readouterr().out
    assert f"{path}:{place}  unknown field `Protectd_Until__c` on PRM_Registration__c" in out
    assert "    did you mean `Protected_Until__c`? (exists, datetime, writable)" in out
    assert "1 problem. Nothing was read or written." in out


def test_shipped_mappings_fit_and_an_unreachable_crm_is_told(served: Path, capsys) -> None:
    assert main.run(["mapping", "check"]) == 1
    out = capsys.readouterr().out
    assert "acme-hs: the CRM could not be asked: " in out
    assert "acme-sf: partner, opportunity, registration, relation: no problems, fits" in out


def test_a_program_reads_the_same_facts(served: Path, capsys) -> None:
    path = "mappings/salesforce/partner.yaml"
    place = edit(served / path, "Website", "Websit")
    assert main.run(["mapping", "check", "--connection", "acme-sf", "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    (problem,) = told["problems"]
    assert problem["where"] == f"{path}:{place}"
    assert problem["hint"].startswith("did you mean `Website`? (exists, text, writable)")
    live = {one["name"]: one["live"] for one in told["connections"]}
    assert live == {"acme-hs": False, "acme-sf": True}


def test_files_compared_live_need_a_connection(home: Path, capsys) -> None:
    assert main.run(["mapping", "check", "salesforce", "--live"]) == 2
    assert "--connection NAME" in capsys.readouterr().err


def test_show_tells_who_owns_what(home: Path, capsys) -> None:
    assert main.run(["mapping", "show", "opportunity", "--connection", "acme-sf"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["amount", "Amount", "both", "ways", "proposal", "value", "CRM"] in rows
    number = ["number", "PRM_Number__c", "both", "ways", "prm", "partner", "database"]
    assert number in rows


def test_show_gives_programs_every_field(home: Path, capsys) -> None:
    assert main.run(["mapping", "show", "relation", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["connection"] for one in told] == ["acme-hs", "acme-sf"]
    assert [one["crm"] for one in told[1]["fields"]] == ["OpportunityId", "AccountToId", "Role"]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["show", "oportunity"], "did you mean `opportunity`?"),
        (["show", "partner", "--connection", "acme"], "Connections: acme-hs, acme-sf."),
        (["check", "--connection", "acme"], "Connections: acme-hs, acme-sf."),
        (["check", "salesfroce"], "did you mean `salesforce`?"),
    ],
)
def test_what_does_not_exist_is_told(home: Path, capsys, arguments: list[str], hint: str) -> None:
    assert main.run(["mapping", *arguments]) == 2
    assert hint in capsys.readouterr().err
