"""Databases of histories lie in the tests' own folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulation.world import Home


@pytest.fixture(autouse=True, scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before, Home.folder = Home.folder, tmp_path_factory.mktemp("histories")
    yield
    Home.folder = before
