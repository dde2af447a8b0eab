"""The runbook explains every word that the service says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from prmsync.service import health

ROOT = Path(__file__).parents[3]
SERVICE = ROOT / "src" / "prmsync" / "service"
LEVELS = {"info", "warning", "error"}


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")


def events() -> Iterator[str]:
    """Every event that the service's modules log, from their source."""
    for path in (*SERVICE.glob("serving*.py"), SERVICE / "scheduler.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and isinstance(node.args[0], ast.Constant)
            ):
                yield str(node.args[0].value)


@pytest.mark.parametrize("event", sorted(set(events())))
def test_every_event_of_the_log_is_explained(event: str, page: str) -> None:
    section = page.split("### Lines of the log")[1].split("\n### ")[0]
    assert f"`{event}`" in section


def test_the_events_are_found() -> None:
    assert {"started", "run failed", "a brake waits for a person"} <= set(events())


@pytest.mark.parametrize("status", [health.OK, health.LATE, health.STOPPING, health.NO_DATABASE])
def test_every_status_of_health_is_explained(status: str, page: str) -> None:
    assert f"\n| `{status}` |" in page.split("### Health")[1].split("\n### ")[0]


@pytest.mark.parametrize("state", ["starting", "running", "waiting", "failing", "paused", "late"])
def test_every_state_of_a_connection_is_explained(state: str, page: str) -> None:
    table = page.split("`state` of a connection")[1].split("\n\n")[0]
    assert f"`{state}`" in table
