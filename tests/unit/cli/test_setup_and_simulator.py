"""`prmsync init`, `simulator`, `import` as a person runs them."""

from __future__ import annotations

import json
import re
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from prmsync.cli import main

PARTNERS = "name,domain\nGlobex,globex.example\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert main.run(["init"]) == 0
    return tmp_path


def test_init_says_what_it_wrote_and_what_is_next(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    shown = capsys.readouterr().out
    assert "written                prmsync.toml" in shown
    assert "prmsync plan" in shown
    assert main.run(["init"]) == 0
    assert "exists, left as it is  prmsync.toml" in capsys.readouterr().out


def test_upgrade_says_that_there_is_nothing_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["db", "upgrade"]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_import_reports_counts_and_a_second_one_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "p.csv").write_text(PARTNERS, encoding="utf-8")
    capsys.readouterr()
    assert main.run(["import", "p.csv", "--as", "partner"]) == 0
    assert capsys.readouterr().out.startswith("1 partner row: 1 created, 0 updated")
    assert main.run(["import", "p.csv", "--as", "partner", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unchanged"] == 1


def test_import_of_bad_rows_ends_with_1_with_and_without_skip_bad(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "p.csv").write_text(f"{PARTNERS},blank.example\n", encoding="utf-8")
    capsys.readouterr()
    assert main.run(["import", "p.csv", "--as", "partner"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "p.csv:3  name: is blank" in shown.err
    assert main.run(["import", "p.csv", "--as", "partner", "--skip-bad"]) == 1
    assert "1 created" in capsys.readouterr().out


def test_import_with_a_wrong_map_ends_with_2(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "p.csv").write_text(PARTNERS, encoding="utf-8")
    (folder / "m.yaml").write_text("columns: {nam: name}\n", encoding="utf-8")
    assert main.run(["import", "p.csv", "--as", "partner", "--map", "m.yaml"]) == 2
    assert "m.yaml:1:16  a partner has no field `nam`" in capsys.readouterr().err


def test_outside_a_prepared_folder_the_remedy_is_init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.run(["import", "p.csv", "--as", "partner"]) == 2
    assert "prmsync init" in capsys.readouterr().err


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_a_simulator_runs_until_it_is_stopped(crm: str) -> None:
    code = "from prmsync.cli import main; main.main()"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code, "simulator", crm, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and process.stderr
        shown: list[str] = []
        for line in process.stdout:
            shown.append(line)
            if "Ctrl-C" in line:
                break
        assert shown, process.stderr.read()
        found = re.search(r"http://127\.0\.0\.1:\d+", shown[0])
        assert found
        stats = httpx.get(f"{found.group()}/_simulator/stats", trust_env=False)
        assert stats.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert any("export" in line for line in shown)


def test_an_unknown_crm_is_named_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["simulator", "salesfroce"]) == 2
    assert "salesforce" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "is not JSON"), (b"[]", "must hold a JSON object"), (b"\xff", "not UTF-8")],
)
def test_simulator_data_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(content)
    assert main.run(["simulator", "salesforce", "--data", str(path)]) == 2
    assert message in capsys.readouterr().err


def test_a_proxy_needs_a_certificate_to_lead_https_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["simulator", "salesforce", "--proxy", "8803"]) == 2
    assert "it needs --tls FOLDER" in capsys.readouterr().err


def test_a_simulators_proxy_leads_the_vendors_own_hosts_to_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = "from prmsync.cli.main import run; import sys; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-u", "-c", code, "simulator", "salesforce", "--port", "0"]
    command += ["--tls", str(tmp_path / "tls"), "--proxy", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            said = iter(process.stdout.readline, "")
            assert next(line for line in said if "HTTPS_PROXY" in line).endswith(f":{port}\n")
            trusted = ssl.create_default_context(cafile=tmp_path / "tls" / "certificate.pem")
            with httpx.Client(
                proxy=f"http://127.0.0.1:{port}", verify=trusted, trust_env=False
            ) as client:
                answer = client.get("https://login.salesforce.com/services/data")
            assert answer.json()[-1]["version"] == "68.0"
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
    assert process.returncode == 0
