"""The page of scenarios lists what is played, and each scenario says what it is about."""

from __future__ import annotations

import ast
import re
from pathlib import Path

_ROW = re.compile(r"^\| .+ \| .+ \| .+ \| `(test_\w+\.py)` \|$", re.MULTILINE)


def files(root: Path) -> list[Path]:
    return sorted((root / "tests" / "scenarios").glob("test_*.py"))


def test_the_page_lists_the_fifteen_scenarios_that_are_played(
    root: Path, pages: dict[str, str]
) -> None:
    listed = _ROW.findall(pages["docs/scenarios.md"])
    assert sorted(listed) == [one.name for one in files(root)]
    assert len(listed) == 15


def test_each_scenario_says_how_it_happens_who_knows_it_and_what_is_done_instead(
    root: Path,
) -> None:
    for one in files(root):
        said = ast.get_docstring(ast.parse(one.read_text(encoding="utf-8"))) or ""
        for part in ("**In the field.**", "**Known from.**", "**prmsync**"):
            assert part in said, f"{one.name} lacks {part}"


def test_each_scenario_is_played_in_several_variants(root: Path) -> None:
    few = {
        one.name: count
        for one in files(root)
        if (count := len(re.findall(r"^def test_", one.read_text(), re.MULTILINE))) < 4
    }
    assert few == {}


def test_the_target_of_the_soak_exists(root: Path, pages: dict[str, str]) -> None:
    assert "make soak" in pages["docs/scenarios.md"]
    assert re.search(r"^soak:", (root / "Makefile").read_text(), re.MULTILINE)
