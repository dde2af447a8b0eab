"""The README's five steps and the quick start, command by command as the pages have them; and a
pipeline of the worked example's shape, synced until nothing is left to write."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PLACES = {"salesforce": "http://127.0.0.1:8801", "hubspot": "http://127.0.0.1:8802"}


def fenced(page: str) -> list[str]:
    """The page's command blocks from the folder's set-up on, without those of other terminals."""
    blocks = re.findall(r"^```\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    start = next(n for n, block in enumerate(blocks) if "prmsync init" in block)
    return [block for block in blocks[start:] if "prmsync simulator" not in block]


def five_steps(page: str) -> str:
    """The README's steps, without those of other terminals."""
    part = page.split("## Five steps")[1].split("## ")[0]
    lines = [line[4:] for line in part.splitlines() if line.startswith("    ")]
    return "\n".join(line for line in lines if not line.startswith("prmsync simulator"))


class Shell:
    """One terminal: commands typed one after the other, exit codes shown after each."""

    def __init__(self, folder: Path, environ: dict[str, str], urls: dict[str, str]) -> None:
        self._folder, self._environ, self._urls = folder, environ, urls

    def type(self, script: str) -> tuple[list[int], str]:
        """The exit codes of the prmsync commands, and all that was said."""
        for crm, url in self._urls.items():
            script = script.replace(PLACES[crm], url)
        told = 'prmsync() { command prmsync "$@"; echo "exit code: $?"; }\n'
        done = subprocess.run(
            ["bash", "-c", told + script],
            cwd=self._folder,
            env=self._environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=300,
        )
        said = done.stdout + done.stderr
        assert "Traceback" not in said, said
        return [int(code) for code in re.findall(r"exit code: (\d+)", done.stdout)], said


@pytest.fixture
def shell(tmp_path: Path, acme: Any, urls: dict[str, str]) -> Shell:
    """A terminal in a folder where nothing was set up yet."""
    (tmp_path / "new").mkdir()
    return Shell(tmp_path / "new", acme.environ, urls)


def test_the_addresses_of_the_pages_are_those_that_init_writes(acme: Any) -> None:
    text = (acme.folder / "prmsync.toml").read_text(encoding="utf-8")
    assert all(f'"{url}"' in text for url in PLACES.values())


def test_the_five_steps_of_the_readme_work_alone(
    shell: Shell, acme: Any, urls: dict[str, str]
) -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    codes, said = shell.type(f"{five_steps(page)}\nprmsync verify\nprmsync sync\n")
    assert codes == [0, 0, 3, 0, 0, 0, 0], said
    assert [row["Name"] for row in acme.records("salesforce", "Account")] == ["Globex"]
    assert [row["properties"]["name"] for row in acme.records("hubspot", "companies")] == ["Globex"]


def test_the_quick_start_works_as_it_is_written(
    shell: Shell, acme: Any, urls: dict[str, str]
) -> None:
    page = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
    codes, said = shell.type("\n".join(fenced(page)))
    assert codes.count(3) == 1, said
    assert set(codes) == {0, 3}, said
    assert "1 needs a decision" in said
    [ours] = acme.records("salesforce", "PRM_Registration__c")
    assert (ours["Customer_Name__c"], ours["Amount__c"]) == ("Northwind AG", 52500)
    [theirs] = acme.records("hubspot", "prm_registration")
    assert float(theirs["properties"]["amount"]) == 52500
    last = said.split("exit code: 0")[-5:]
    assert last[0].count("nothing to write") == 2


COLUMNS = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value"
PRODUCTS = ("GTX Basic", "GTXPro", "GTX Plus Pro", "GTK 500", "MG Special", "MG Advanced")


def pipeline(rows: int) -> bytes:
    """A CSV of the worked example's columns, with its traps; the same one every time."""
    dice = random.Random(20170930)
    out = io.StringIO()
    sheet = csv.writer(out)
    sheet.writerow(COLUMNS.split(","))
    for number in range(rows):
        stage = dice.choice(("Engaging", "Won", "Lost"))
        closed = stage != "Engaging"
        sheet.writerow(
            (
                f"OP{number:05d}",
                f"Agent {dice.randrange(5)}",
                dice.choice(PRODUCTS),
                f"Customer {dice.randrange(20)}" if closed or dice.random() < 0.6 else "",
                stage,
                f"2017-0{dice.randint(1, 9)}-1{dice.randrange(10)}",
                f"2017-09-{dice.randint(10, 30)}" if closed else "",
                f"{dice.randint(50, 30000)}.0" if stage == "Won" else "0.0" if closed else "",
            )
        )
    return gzip.compress(out.getvalue().encode())


def test_a_pipeline_of_the_worked_examples_shape_settles_in_both_crms(acme: Any) -> None:
    rows = 130
    (acme.folder / "pipeline.csv.gz").write_bytes(pipeline(rows))
    for stream, name in (("opportunity", "opportunities"), ("registration", "registrations")):
        column_map = ROOT / "docs" / "examples" / f"maven-{name}.yaml"
        arguments = ["pipeline.csv.gz", "--as", stream, "--map", str(column_map), "--json"]
        done = acme.run("import", *arguments, "--create-partners")
        assert done.code == 0, done.said
        assert json.loads(done.out)["created"] == rows
    assert acme.run("sync").code == 3
    for run in (1, 2):
        assert acme.run("apply", str(run), "--yes").code == 0
    done = acme.run("sync")  # what the CRMs filled in themselves
    assert done.code == 0, done.said
    done = acme.run("sync")
    assert done.code == 0, done.said
    assert done.out.count("nothing to write") == 2
    assert_equal_everywhere(acme, rows)


def assert_equal_everywhere(acme: Any, rows: int) -> None:
    assert acme.run("verify").out.count("Both sides are equal.") == 2
    done = acme.run("verify", "--json")
    assert done.code == 0, done.said
    for reports in json.loads(done.out).values():
        found = {one["stream"]: one for one in reports}
        assert all(one["equal"] == one["prm_records"] == one["crm_records"] for one in reports)
        assert found["opportunity"]["equal"] == found["registration"]["equal"] == rows
        assert found["partner"]["equal"] == 5
    for connection in json.loads(acme.run("status", "--json").out):
        assert connection["waiting"] is None
        for stream in connection["streams"]:
            assert (stream["held"], stream["parked"], stream["to_read"]) == (0, 0, 0)
            assert stream["linked"] == stream["in_prm"]
