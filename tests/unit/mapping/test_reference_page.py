"""docs/mapping-reference.md names everything that a mapping file can say, and its examples hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prmsync.domain.merge import Direction, First, OnDelete, Policy
from prmsync.domain.stage import Stage
from prmsync.mapping import keys
from prmsync.mapping.fields import CATALOGUE
from prmsync.mapping.load import load_mappings
from prmsync.mapping.model import STREAM_ORDER, BrakeLimits

PAGE = Path(__file__).parents[3] / "docs" / "mapping-reference.md"
TABLES = (
    keys.TOP,
    keys.CREATE,
    keys.FIELD,
    keys.GROUP,
    keys.STAGES,
    keys.OWNERS,
    keys.RELATION,
    keys.RELATION_END,
    keys.RELATION_ROLE,
    keys.STATUS,
    keys.BRAKES,
    keys.TRANSFORMS,
)
WORDS = {word for table in TABLES for word in table}
WORDS |= {word.value for words in (Policy, Direction, First, OnDelete, Stage) for word in words}
WORDS |= set(STREAM_ORDER)


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("word", sorted(WORDS))
def test_every_word_of_a_mapping_file_is_explained(page: str, word: str) -> None:
    assert f"`{word}`" in page


@pytest.mark.parametrize("transform", sorted(keys.TRANSFORMS))
def test_every_transform_has_an_example_that_uses_it(page: str, transform: str) -> None:
    (row,) = re.findall(rf"^\| `{transform}` \|.*\| `(.*)` \|$", page, re.M)
    name = row.partition(":")[0]
    default = {
        keys.FITTING[fields[name].kind][0] for fields in CATALOGUE.values() if name in fields
    }
    assert f"transform: {transform}" in row or transform in default


def test_the_small_file_is_a_whole_mapping(page: str, tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", page, re.S)
    whole = [text for text in examples if text.startswith("version:")]
    assert len(whole) == 1
    path = tmp_path / "small.yaml"
    path.write_text(whole[0], encoding="utf-8")
    assert load_mappings([path])[0].stream == "partner"


PARTS = {"create:", "fields:", "groups:", "stages:", "owners:", "object:", "brakes:", "status:"}


def test_every_other_example_is_read_within_a_file(page: str, tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", page, re.S)
    parts = [text for text in examples if not text.startswith("version:")]
    assert {text.split()[0] for text in parts} == PARTS
    for place, text in enumerate(parts):
        path = tmp_path / f"{place}.yaml"
        path.write_text(_within(text), encoding="utf-8")
        assert len(load_mappings([path])) == 1


FIELDS = (
    "fields: {name: N, amount: A, currency: C, stage: S, close_date: D, loss_reason: L,"
    " conflict: F, conflict_kind: K, conflict_reason: R}\n"
)


def _within(text: str) -> str:
    if "relation:" in text:
        return f"version: 1\nconnector: c\nstream: relation\n{text}"
    stream = "registration" if "review_state" in text else "opportunity"
    if "status:" in text and not text.startswith("status:"):
        stream, text = "partner", re.sub(r"  close_date:.*\n", "", text)
    head = f"version: 1\nconnector: c\nstream: {stream}\nobject: O\nkey: K__c\n"
    if text.startswith("fields:"):
        return head + text
    return head + ("fields: {number: N}\n" if stream == "registration" else FIELDS) + text


def test_the_page_tells_the_brakes_that_hold_without_any(page: str) -> None:
    usual = BrakeLimits()
    for name in keys.BRAKES:
        assert re.search(rf"^\| `{name}` \|.*\| {getattr(usual, name)} \|$", page, re.M)
