"""Programs that read `--json` find the keys that docs/json.md promises, and nothing beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "json.md"
SAID = (
    "status",
    "sync acme-sf",
    "verify acme-sf",
    "verify acme-sf --repair",
    "plan acme-sf --out plan.json",
    "held list",
    "held list --out held.csv",
    "held show HELD",
    "parked list",
    "parked show REFUSED",
    "runs list",
    "runs show DONE",
    "history registration DR-1",
    "history --run DONE",
    "history --export history.csv",
    "match acme-sf",
    "conflicts list --all",
    "conflicts show 1",
    "conflicts check",
    "registrations list",
    "registrations show DR-1",
    "registrations expire --as-of 2040-01-01",
    "partners list",
    "partners show Globex",
    "margins compute",
    "margins list",
    "margins explain DR-1",
    "report pipeline",
    "forecast",
    "forecast deals",
    "forecast explain",
    "forecast backtest",
    "forecast bridge",
    "forecast publish",
    "forecast backfill acme-sf",
    "doctor acme-sf",
    "mapping check",
    "mapping show registration",
    "erase registration DR-1 --plan",
    "import filed.csv --as registration --dry-run",
    "pause acme-sf --stream partner",
    "resume acme-sf --stream partner",
    "parked replay REFUSED",
    "held decide HELD --take prm",
    "sync acme-sf",
    "parked drop --all",
    "runs undo DONE --plan",
    "match acme-sf --out pairs.csv",
    "match acme-sf --apply pairs.csv",
    "runs drop WAITING",
)
"""In this order: later ones change what earlier ones list."""
PARTLY = ("doctor", "forecast")
"""The page names some of their keys only."""
MAY_FAIL = "sync acme-sf"
"""It says that a record is refused."""


def promised() -> dict[str, set[str]]:
    """Command → the keys of docs/json.md."""
    found: dict[str, set[str]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| `"):
            continue
        keys = set(re.findall(r"`([a-z_]+)`", cells[2]))
        if "as `runs list`" in cells[2]:
            keys |= found["runs list"]
        for command in re.findall(r"`([^`]+)`", cells[0]):
            found[command] = set(keys)
            if "`show` one, with `history`" in cells[1] and command.endswith("show"):
                found[command].add("history")
    return found


def objects(data: Any, command: str) -> Iterator[dict[str, Any]]:
    """What the promise is about: the objects of a list, or the one there is."""
    if command in ("verify", "forecast backfill"):
        (data,) = data.values()
    yield from data if isinstance(data, list) else [data]


def test_every_command_prints_the_keys_that_are_promised(worked: Any) -> None:
    known = promised()
    seen = set()
    for line in SAID:
        done = worked.acme.run(*worked.filled(*line.split()), "--json")
        assert done.code == 0 or (line == MAY_FAIL and done.code == 1), (line, done.said)
        data = json.loads(done.out)
        command = max((one for one in known if is_of(one, line)), key=len, default="")
        assert command, f"docs/json.md has no `{line}`"
        for one in objects(data, command):
            assert known[command] <= set(one), line
            assert set(one) <= known[command] or command in PARTLY, line
            seen.add(command)
    untried = {"apply", "match", "runs revert", "provision plan", "provision apply"}
    untried |= {"forecast backtest", "forecast changes"}
    assert known.keys() - seen <= untried, "to list nothing shows no keys"


def is_of(command: str, line: str) -> bool:
    words = line.split()
    return all(word in words for word in command.split()) and line.startswith(command.split()[0])


def test_what_cannot_be_done_leaves_stdout_empty(worked: Any) -> None:
    for line in ("apply 999", "held show 999", "runs show 999", "plan nowhere", "held decide"):
        done = worked.acme.run(*line.split(), "--json")
        assert (done.code, done.out) == (2, ""), line
        assert done.err


def test_a_question_is_not_asked_of_a_program(acme: Any) -> None:
    acme.write("partners.csv", "name,domain\nGlobex,globex.example\n")
    assert acme.run("import", "partners.csv", "--as", "partner").code == 0
    assert acme.run("sync", "acme-sf").code == 3
    for line in ("apply 1", "runs revert 1"):
        done = acme.run(*line.split(), "--json")
        assert (done.code, done.out) == (3, "")
        assert f"prmsync {line} --yes" in done.err
    known = promised()
    done = acme.run("apply", "1", "--yes", "--json")
    assert done.code == 0, done.said
    (report,) = json.loads(done.out)
    assert set(report) == known["apply"]
