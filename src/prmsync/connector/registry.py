"""Finds connectors by the entry-point group `prmsync.connectors`; the core imports none."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from prmsync.connector.protocol import ConnectorPlugin
from prmsync.errors import ConfigurationError, Finding

GROUP = "prmsync.connectors"


def plugins() -> dict[str, ConnectorPlugin]:
    """All installed connectors by name.

    Raises ConfigurationError when two distributions offer one name, or one cannot be loaded.
    """
    return dict(_installed())


def plugin(name: str) -> ConnectorPlugin:
    """The connector called `name`. Raises ConfigurationError with what is installed."""
    known = _installed()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    installed = ", ".join(sorted(known)) or "none"
    raise ConfigurationError(
        f'no connector is called "{name}"',
        hint=f'Did you mean "{near[0]}"?' if near else f"Installed connectors: {installed}.",
    )


@cache
def _installed() -> dict[str, ConnectorPlugin]:
    return load_plugins(tuple(entry_points(group=GROUP)))


def load_plugins(points: Sequence[EntryPoint]) -> dict[str, ConnectorPlugin]:
    """Load entry points, refusing two of one name. Raises ConfigurationError with every problem."""
    findings = _duplicates(points)
    loaded: dict[str, ConnectorPlugin] = {}
    for point in sorted(points, key=lambda item: item.name):
        try:
            loaded[point.name] = point.load()
        except (ImportError, AttributeError) as error:
            findings.append(Finding(_origin(point), f"cannot load connector {point.name}: {error}"))
    if findings:
        raise ConfigurationError(
            "the installed connectors cannot be used",
            hint="Uninstall or repair the distributions that are named.",
            findings=findings,
        )
    return loaded


def _duplicates(points: Sequence[EntryPoint]) -> list[Finding]:
    by_name: dict[str, set[tuple[str, str]]] = {}
    for point in points:
        by_name.setdefault(point.name, set()).add((_origin(point), point.value))
    return [
        Finding(
            name,
            "offered by " + " and by ".join(f"{dist} ({value})" for dist, value in sorted(offers)),
        )
        for name, offers in sorted(by_name.items())
        if len(offers) > 1
    ]


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unnamed distribution"
