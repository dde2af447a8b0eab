"""A bad file is told in a page, however long it is; programs get every finding."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from prmsync.cli import main
from prmsync.store.migrations import create

ROWS = 3000
Said = tuple[int, str, str]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    (tmp_path / "prmsync.toml").write_text('[database]\nurl = "sqlite:///prmsync.db"\n')
    create(f"sqlite:///{tmp_path / 'prmsync.db'}")

    def command(text: str, *words: str) -> Said:
        (tmp_path / "partners.csv").write_text(text)
        config = ["--config", str(tmp_path / "prmsync.toml")]
        code = main.run([*config, "import", str(tmp_path / "partners.csv"), "--as", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def partners(tier: Callable[[int], str]) -> str:
    return "name,tier\n" + "".join(f"Partner {n},{tier(n)}\n" for n in range(ROWS))


def test_reasons_beyond_a_page_are_counted(run: Callable[..., Said]) -> None:
    code, out, err = run(partners(lambda n: f"Tier {n}"), "partner")
    lines = err.splitlines()
    assert (code, out) == (1, "")
    assert "3,000 of 3,000 rows are bad. Nothing was imported." in lines
    assert sum("there is no tier" in line for line in lines) == 40
    assert lines[-2:] == [
        "… and 2,960 more; --json has them all",
        "Mend them, or import the others: --skip-bad",
    ]


@pytest.mark.parametrize("skip", [(), ("--skip-bad",)])
def test_json_has_every_bad_row_also_where_nothing_was_imported(
    run: Callable[..., Said], skip: tuple[str, ...]
) -> None:
    text = partners(lambda n: f"Tier {n}") + "Sound,\n"
    code, out, _ = run(text, "partner", *skip, "--json")
    told = json.loads(out)
    assert code == 1
    assert [one["line"] for one in told["bad"]] == list(range(2, ROWS + 2))
    assert (told["bad_rows"], told["created"]) == (ROWS, len(skip))


def test_the_lines_of_one_reason_fit_a_few_lines(run: Callable[..., Said]) -> None:
    _, _, err = run(partners(lambda n: "" if n % 2 else "Copper"), "partner")
    (line,) = [one for one in err.splitlines() if "there is no tier" in one]
    assert line.endswith(", 40, 42 and 1,479 more)")
