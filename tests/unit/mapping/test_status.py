"""The sync state of a record: what a mapping may say of it, and how it crosses."""

from __future__ import annotations

from pathlib import Path

from prmsync.domain.values import Values
from prmsync.mapping.check import check_mapping
from prmsync.mapping.load import read_mappings
from prmsync.mapping.status import (
    DECISION,
    REASON,
    STATE,
    State,
    StatusCodec,
    StatusField,
)

HEAD = """version: 1
connector: salesforce
stream: partner
object: Account
key: Key__c
fields: {name: Name}
"""
CODEC = StatusCodec(
    {
        STATE: StatusField("State__c", {"in_step": "ok", "needs_decision": "ask"}),
        REASON: StatusField("Reason__c", length=10),
        DECISION: StatusField("Decision__c", {"crm": "keep", "prm": "take"}),
    }
)


def problems(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "m.yaml"
    path.write_text(HEAD + text)
    mappings, findings = read_mappings([path])
    found = findings or [one for mapping in mappings for one in check_mapping(mapping)]
    return [f"{one.where.removeprefix(str(path))} {one.message}" for one in found]


def test_all_three_fields_are_read(tmp_path: Path) -> None:
    assert problems(tmp_path, "status: {state: S__c, reason: R__c, decision: D__c}\n") == []


def test_what_is_wrong_is_told_with_its_place(tmp_path: Path) -> None:
    assert problems(tmp_path, "status:\n  stat: S__c\n") == [
        ":8:3 unknown key `stat` in status",
        ":8:3 `state` is missing in status",
    ]
    found = problems(tmp_path, "status:\n  state: S__c\n  decision: D__c\n")
    assert found == [":9:13 `decision` without `reason`"]


def test_a_field_that_has_another_meaning_is_refused(tmp_path: Path) -> None:
    found = problems(tmp_path, "status: {state: name, reason: Key__c}\n")
    assert [one.partition(" ")[2] for one in found] == [
        "`name` is the field of `name` already",
        "`Key__c` is the field of the external key already",
    ]


def test_a_record_in_step_and_silent_shows_nothing() -> None:
    shown: Values = {}
    CODEC.read({"State__c": "ok", "Reason__c": None, "Decision__c": None}, shown)
    assert shown == {}


def test_words_cross_as_the_crms_codes_and_a_long_sentence_is_cut() -> None:
    values = {STATE: State.NEEDS_DECISION.value, REASON: "a long sentence", DECISION: None}
    told = CODEC.write({"name": "Globex", **values})
    assert told == {"State__c": "ask", "Reason__c": "a long se…", "Decision__c": None}
    assert CODEC.fitting(values) == {STATE: "needs_decision", REASON: "a long se…"}


def test_a_word_that_is_none_of_ours_is_kept_apart() -> None:
    shown: Values = {}
    CODEC.read({"Decision__c": "maybe"}, shown)
    assert shown == {DECISION: "?maybe"}
