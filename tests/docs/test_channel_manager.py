import re
from pathlib import Path

import pytest
import typer

from prmsync.cli import conflicts, forecast, margins, partners, registrations
from prmsync.service.program_file import load_program

PAGE = Path(__file__).parents[2] / "docs" / "channel-manager.md"
GROUPS = (registrations, partners, conflicts, margins, forecast)


def commands() -> list[str]:
    app = typer.Typer()
    for module in GROUPS:
        module.register(app)
    found = [f"prmsync {command.name}" for command in app.registered_commands]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            found.append(f"prmsync {group.name} {command.name}")
    return found


@pytest.mark.parametrize("command", commands())
def test_every_command_is_described(command: str) -> None:
    assert re.search(rf"{command}\b", PAGE.read_text(encoding="utf-8"))


def test_the_program_file_shown_can_be_used(tmp_path: Path) -> None:
    shown = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    file = tmp_path / "program.yaml"
    file.write_text(shown[1], encoding="utf-8")
    assert load_program(file).version == "2026.2"
