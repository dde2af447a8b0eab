"""`prmsync pause|resume` as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prmsync.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert main.run(["init", "--simulators"]) == 0
    return tmp_path


def test_a_pause_says_who_and_why_and_how_to_go_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["pause", "acme-sf", "--why", "org maintenance"]) == 0
    shown = capsys.readouterr().out
    assert "acme-sf is paused: org maintenance (" in shown
    assert "Go on: prmsync resume acme-sf" in shown
    assert main.run(["status"]) == 0
    assert "paused: org maintenance (" in capsys.readouterr().out
    assert main.run(["resume", "acme-sf"]) == 0
    assert capsys.readouterr().out == "acme-sf goes on\n"
    assert main.run(["resume", "acme-sf"]) == 0
    assert capsys.readouterr().out == "acme-sf was not paused\n"


def test_all_connections_can_be_paused_and_syncing_all_then_does_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["pause", "--all"]) == 0
    capsys.readouterr()
    assert main.run(["sync"]) == 0
    told = capsys.readouterr().err
    assert "acme-sf is paused: by hand (" in told
    assert "acme-hs is paused: by hand (" in told
    assert main.run(["sync", "acme-sf"]) == 2
    assert "prmsync resume acme-sf" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["pause", "resume"])
@pytest.mark.parametrize("arguments", [[], ["acme-sf", "--all"]])
def test_one_or_all_must_be_named(
    command: str, arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([command, *arguments]) == 2
    assert "one of: acme-hs, acme-sf; or --all" in capsys.readouterr().err


def test_an_unknown_connection_is_named_with_those_there_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["pause", "acme"]) == 2
    assert "Connections: acme-hs, acme-sf." in capsys.readouterr().err


def test_health_that_is_off_cannot_be_asked(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRMSYNC_SERVICE__HEALTH", "off")
    assert main.run(["serve", "--check"]) == 2
    assert "[service] health is off" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["8790", "127.0.0.1", "127.0.0.1:99999", ":80", "host:port"])
def test_a_health_address_that_is_none_is_refused(
    wrong: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRMSYNC_SERVICE__HEALTH", wrong)
    assert main.run(["serve"]) == 2
    told = capsys.readouterr().err
    assert "PRMSYNC_SERVICE__HEALTH" in told
    assert "is no HOST:PORT" in told


def test_one_stream_is_paused_and_status_tells_how_to_go_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["pause", "acme-sf", "--stream", "opportunity", "--why", "new layout"]) == 0
    shown = capsys.readouterr().out
    assert "opportunity of acme-sf is paused: new layout (" in shown
    assert "Go on: prmsync resume acme-sf --stream opportunity" in shown
    assert main.run(["status"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "opportunity is paused: new layout (" in told
    assert "go on with: prmsync resume acme-sf --stream opportunity" in told
    assert main.run(["sync", "acme-sf", "--stream", "opportunity"]) == 2
    assert "opportunity of acme-sf is paused" in capsys.readouterr().err
    assert main.run(["resume", "acme-sf"]) == 0
    assert "opportunity stays paused: new layout (" in capsys.readouterr().out
    assert main.run(["resume", "acme-sf", "--stream", "opportunity"]) == 0
    assert capsys.readouterr().out == "opportunity of acme-sf goes on\n"


def test_a_stream_of_all_connections_is_left_out_where_it_is_paused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["pause", "--all", "--stream", "partner", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(one["connection"], one["stream"], one["paused"]) for one in told] == [
        ("acme-hs", "partner", True),
        ("acme-sf", "partner", True),
    ]
    assert main.run(["plan", "--stream", "partner"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("partner of acme-") == 2
    assert main.run(["resume", "--all", "--stream", "partner", "--json"]) == 0
    assert [one["was_paused"] for one in json.loads(capsys.readouterr().out)] == [True, True]


@pytest.mark.parametrize("command", ["pause", "resume", "plan", "sync"])
def test_a_stream_that_no_mapping_has_is_refused_with_those_there_are(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([command, "acme-sf", "--stream", "lead"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "no stream `lead` in the mapping of acme-sf" in said
    assert "one of: partner, opportunity, registration, relation" in said


def test_a_resume_tells_programs_what_is_paused_still(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main.run(["pause", "acme-sf"])
    main.run(["pause", "acme-sf", "--stream", "relation", "--why", "later"])
    capsys.readouterr()
    assert main.run(["resume", "acme-sf", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["was_paused"], told["connection_paused"]) == (True, None)
    assert told["paused_streams"]["relation"].startswith("later (")
