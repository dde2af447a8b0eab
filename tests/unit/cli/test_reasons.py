"""Every reason that the merge can give is told in words that need no knowledge of the engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import prmsync.reconcile
from prmsync.cli.reasons import SENTENCES, sentence

FOLDER = Path(prmsync.reconcile.__file__).parent
SOURCE = "".join(one.read_text(encoding="utf-8") for one in sorted(FOLDER.glob("*.py")))
ENGINE = re.compile(r"^first link|\bprm\b|\bcrm\b|\bowns$")


@pytest.mark.parametrize("said", sorted(SENTENCES.values()))
def test_no_sentence_has_the_engines_words(said: str) -> None:
    assert not ENGINE.search(said)


def test_every_first_link_reason_of_the_merge_has_a_sentence() -> None:
    found = set(re.findall(r'"(first link: [^"]+)"', SOURCE))
    assert len(found) == 7
    assert found <= SENTENCES.keys()


def test_each_reason_of_a_write_is_told_beside_its_field() -> None:
    said = sentence("name: first link: crm; tier: partner database owns; value: both sides changed")
    assert said == (
        "name: linked for the first time: the CRM's value holds; "
        "tier: the partner database decides this field; value: both sides changed"
    )


def test_a_reason_that_is_a_sentence_already_stays() -> None:
    assert sentence("put back: the partner database owns this") == (
        "put back: the partner database owns this"
    )
    assert sentence("undone run 41") == "undone run 41"
