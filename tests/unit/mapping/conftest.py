from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from prmsync.errors import Finding
from prmsync.mapping.load import read_mappings
from prmsync.mapping.model import StreamMapping

HEAD = "version: 1\nconnector: salesforce\nstream: opportunity\nobject: Opportunity\nkey: Key__c\n"

Read = Callable[..., tuple[list[StreamMapping], list[Finding]]]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read files given as name=text; names are what positions show."""
    monkeypatch.chdir(tmp_path)

    def read_texts(**texts: str) -> tuple[list[StreamMapping], list[Finding]]:
        paths = []
        for name, text in texts.items():
            path = Path(f"{name}.yaml")
            path.write_text(text, encoding="utf-8")
            paths.append(path)
        return read_mappings(paths)

    return read_texts


@pytest.fixture
def head() -> str:
    """The first five lines of an opportunity mapping."""
    return HEAD
