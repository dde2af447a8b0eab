"""What the pages say is so: commands, errors, settings, links, examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from pydantic import BaseModel
from typer.main import get_command

from prmsync import errors
from prmsync.cli.main import app
from prmsync.service.importing.columns import SOURCE_KEYS, check_columns, read_column_map
from prmsync.service.importing.fields import OBJECTS
from prmsync.service.settings import Settings, _File

MAVEN = (
    "opportunity_id",
    "sales_agent",
    "product",
    "account",
    "deal_stage",
    "engage_date",
    "close_date",
    "close_value",
)
_CODE = re.compile(r"```.*?```|`[^`\n]+`|^ {4}\S.*$", re.DOTALL | re.MULTILINE)
_CALL = re.compile(r"(?:^|[\s`&\"'\[])prmsync ((?:[a-z][a-z_-]*)(?: [a-z]+)?)", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def test_the_page_of_commands_is_what_the_commands_say(root: Path, generator: ModuleType) -> None:
    written = (root / "docs" / "commands.md").read_text(encoding="utf-8")
    assert written == generator.page(), "run: make docs"


def test_every_command_with_json_says_what_it_prints(
    pages: dict[str, str], generator: ModuleType
) -> None:
    """tests/e2e/test_json.py compares what is said with what is printed."""
    rows = [line for line in pages["docs/json.md"].splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])}
    able = {
        " ".join(path)
        for path, command in generator.leaves(get_command(app))
        if any("--json" in one.opts for one in command.params)
    }
    assert able - named == set(), "say it in docs/json.md"


def test_every_command_that_a_page_names_exists(pages: dict[str, str]) -> None:
    known = get_command(app).commands  # type: ignore[attr-defined]  # a typer group
    unknown = {
        f"{name}: prmsync {call}"
        for name, text in pages.items()
        for code in _CODE.findall(text)
        for call in _CALL.findall(code)
        if not _exists(known, call.split())
    }
    assert unknown == set()


def _exists(known: dict[str, object], words: list[str]) -> bool:
    command = known.get(words[0])
    below = getattr(command, "commands", None)
    if below is None or len(words) == 1:
        return command is not None
    return words[1] in below


def test_every_error_class_is_explained_with_its_exit_code(pages: dict[str, str]) -> None:
    page = pages["docs/errors.md"]
    classes = [
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.PrmsyncError)
    ]
    missing = [
        one.__name__ for one in classes if f"| `{one.__name__}` | {one.exit_code} |" not in page
    ]
    assert missing == []


def settings_keys() -> Iterator[tuple[str, str]]:
    for section, field in _File.model_fields.items():
        model = field.annotation
        if section == "connections":
            model, section = get_args(model)[1], "connections.NAME"
        assert isinstance(model, type) and issubclass(model, BaseModel)
        for key in model.model_fields:
            yield section, key


@pytest.mark.parametrize(("section", "key"), list(settings_keys()))
def test_every_settings_key_is_explained_in_its_section(
    section: str, key: str, pages: dict[str, str]
) -> None:
    part = pages["docs/configuration.md"].split(f"## `[{section}]`")[1].split("\n## ")[0]
    assert f"| `{key}` |" in part


def test_every_settings_section_has_a_heading(pages: dict[str, str]) -> None:
    sections = [name for name in Settings.__dataclass_fields__ if name != "path"]
    named = {name: "connections.NAME" if name == "connections" else name for name in sections}
    page = pages["docs/configuration.md"]
    assert [name for name in named.values() if f"## `[{name}]`" not in page] == []


def test_every_relative_link_leads_somewhere(root: Path, pages: dict[str, str]) -> None:
    broken = [
        f"{name}: {target}"
        for name, text in pages.items()
        for target in _LINK.findall(text)
        if not target.startswith(("http://", "https://", "#", "mailto:"))
        and not (root / name).parent.joinpath(target.partition("#")[0]).exists()
    ]
    assert broken == []


def test_every_target_that_the_readme_names_is_in_the_makefile(
    root: Path, pages: dict[str, str]
) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"\bmake ([a-z]+)", pages["README.md"])
    assert {"demo", "test"} <= set(named)
    assert [one for one in named if not re.search(rf"^{one}:", makefile, re.MULTILINE)] == []


def test_every_key_of_a_column_map_is_explained(pages: dict[str, str]) -> None:
    page = pages["docs/import.md"]
    assert [key for key in SOURCE_KEYS if f"| `{key}` |" not in page] == []
    assert [name for name in OBJECTS if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize("stream", ["opportunity", "registration"])
def test_the_worked_example_fits_its_file(root: Path, stream: str) -> None:
    plural = {"opportunity": "opportunities", "registration": "registrations"}[stream]
    columns = read_column_map(root / "docs" / "examples" / f"maven-{plural}.yaml")
    check_columns(stream, columns, MAVEN)


def test_the_page_shows_the_example_as_it_is(root: Path, pages: dict[str, str]) -> None:
    text = (root / "docs/examples/maven-opportunities.yaml").read_text(encoding="utf-8")
    assert text[text.index("columns:") :] in pages["docs/import.md"]
