"""What is wrong with mappings that read well, and one owner per field over all connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from prmsync.errors import MappingError
from prmsync.mapping.check import check_mapping, check_mappings, require_sound
from prmsync.mapping.load import load_mappings
from prmsync.mapping.locate import shipped_mappings, where_mappings
from prmsync.mapping.model import STREAM_ORDER

SEVEN = (
    "stages: {pipelines: {P: {prospect: A, qualified: B, technical_validation: C,"
    " business_validation: D, committed: E, launched: F, closed_lost: G}}}\n"
)


def problems(read, text: str) -> list[str]:
    mappings, findings = read(a=text)
    assert findings == []
    return [str(one) for one in check_mapping(mappings[0])]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fields: {name: {crm: N, policy: crm, direction: to_crm}}", "policy `crm`"),
        ("fields: {name: {crm: N, policy: prm, direction: to_prm}}", "policy `prm`"),
        ("fields: {name: {crm: N, policy: proposal, direction: to_crm}}", "a proposal needs"),
        ("fields: {name: {crm: N, direction: to_crm, first: crm}}", "`first: crm` contradicts"),
        ("fields: {name: {crm: N, direction: to_prm, first: prm}}", "`first: prm` contradicts"),
        ("fields: {name: {crm: N, policy: stage}}", "the group holds no stage"),
        ("fields: {stage: S}", "there is no `stages` table"),
        ("fields: {name: N}\n" + SEVEN, "`stages` without a stage field"),
        ("fields: {stage: S}\n" + SEVEN.replace("A,", "[],"), "`prospect` is an empty list"),
        ("fields: {stage: S}\n" + SEVEN.replace("prospect: A, ", ""), "to write for prospect"),
        ("fields: {stage: S}\n" + SEVEN.replace("B,", "[B, a],"), "stands for prospect and qual"),
        ("fields: {name: Key__c}", "holds the external key already"),
        ("fields: {name: N, number: n}", "`n` is mapped to `number`, but it holds `name`"),
        (
            "fields: {source: {crm: S, picklist: {web: X, fair: [Y, X]}}}",
            "`X` stands for `web` and for `fair`",
        ),
        ("fields: {name: N}\nmatch: [number]", "match key `number` is not a mapped field"),
        ("fields: {number: N}\ncreate: {prm: true}", "nothing fills `name` of a new opportunity"),
        (
            "fields: {name: {crm: N, direction: to_crm}}\ncreate: {prm: true}",
            "nothing fills `name` of a new opportunity",
        ),
        ("fields: {amount: A, currency: C}", "`amount` and its currency `currency` could change"),
    ],
)
def test_a_contradiction_is_told(read, head: str, text: str, message: str) -> None:
    mappings, findings = read(a=head + text + "\n")
    findings += [one for mapping in mappings for one in check_mapping(mapping)]
    assert len([one for one in findings if message in one.message]) == 1, findings
    assert all(one.where.startswith("a.yaml:") for one in findings)


@pytest.mark.parametrize(
    "text",
    [
        "fields: {name: {crm: N, policy: prm, direction: to_crm}}",
        "fields: {name: {crm: N, policy: crm, direction: to_prm}}",
        "fields: {stage: S}\n" + SEVEN,
        "fields: {amount: A, currency: C}\ngroups: {value: {fields: [amount, currency]}}",
        "fields: {amount: A}",
    ],
)
def test_what_makes_sense_is_left_alone(read, head: str, text: str) -> None:
    assert problems(read, head + text + "\n") == []


@pytest.mark.parametrize(("rule", "refused"), [("", True), (", direction: to_prm", False)])
def test_is_partner_is_never_written(read, head: str, rule: str, refused: bool) -> None:
    text = head.replace("opportunity", "partner").replace("Opportunity", "account")
    policy = "crm" if "to_prm" in rule else "hold"
    field = f"fields: {{status: {{crm: ispartner, policy: {policy}{rule}}}}}\n"
    found = problems(read, text + field)
    assert any("partner roles for good" in one for one in found) is refused


def connection(read, head: str, field: str, *, name: str, home: bool = False):
    text = f"{head}home: {str(home).lower()}\nfields: {{name: {{crm: N, {field}}}}}\n"
    mappings, findings = read(**{name: text})
    assert findings == []
    return mappings


OWNER = ["policy: crm", "policy: proposal", "policy: crm, direction: to_prm"]
SHARED = [
    "policy: hold",
    "policy: prm",
    "policy: fill_blank",
    "policy: hold, direction: to_prm",
]
COPY = ["policy: prm, direction: to_crm", "policy: hold, direction: to_crm"]


@pytest.mark.parametrize("owner", OWNER)
@pytest.mark.parametrize("other", OWNER + SHARED)
def test_a_field_that_one_crm_owns_has_no_second_party(
    read, head: str, owner: str, other: str
) -> None:
    both = {
        "acme-sf": connection(read, head, owner, name="one"),
        "acme-hs": connection(read, head, other, name="two"),
    }
    (finding,) = check_mappings(both)
    assert finding.where.startswith("two.yaml:7:")
    assert "acme-sf's CRM owns `name` already (one.yaml:7" in finding.message
    assert "one owner per field over all connections" in finding.hint


@pytest.mark.parametrize("first", SHARED + COPY)
@pytest.mark.parametrize("second", SHARED + COPY)
def test_without_a_crm_owner_a_field_is_shared(read, head: str, first: str, second: str) -> None:
    both = {
        "a": connection(read, head, first, name="one"),
        "b": connection(read, head, second, name="two"),
    }
    assert check_mappings(both) == []


@pytest.mark.parametrize("copy", COPY)
@pytest.mark.parametrize("owner", OWNER)
def test_a_copy_beside_an_owner_is_no_claim(read, head: str, owner: str, copy: str) -> None:
    both = {
        "a": connection(read, head, owner, name="one"),
        "b": connection(read, head, copy, name="two"),
    }
    assert check_mappings(both) == []


@pytest.mark.parametrize(("homes", "count"), [((True, True), 0), ((True, False), 1)])
def test_home_in_every_mapping_splits_the_records(
    read, head: str, homes: tuple[bool, bool], count: int
) -> None:
    both = {
        name: connection(read, head, "policy: crm", name=name, home=home)
        for name, home in zip(("one", "two"), homes, strict=True)
    }
    assert len(check_mappings(both)) == count


def test_a_reference_needs_its_stream_before_it(read, head: str) -> None:
    mappings, _ = read(a=head + "fields: {partner: P}\n")
    (finding,) = check_mappings({"a": mappings})
    assert "refers to stream partner, which is not mapped" in finding.message


def test_a_stream_is_mapped_once_a_connection(read, head: str) -> None:
    text = head + "fields: {name: N}\n"
    mappings, _ = read(a=text, b=text)
    (finding,) = check_mappings({"a": mappings})
    assert "stream opportunity is mapped 2 times: a.yaml, b.yaml" in finding.message


def test_unsound_mappings_stop_with_the_number_of_problems(read, head: str) -> None:
    mappings, _ = read(a=head + "fields: {partner: P, name: Key__c}\n")
    with pytest.raises(MappingError, match=r"2 problems\. Nothing was read or written\."):
        require_sound({"a": mappings})


def test_the_shipped_mappings_are_sound_alone_and_together() -> None:
    shipped = {name: load_mappings(where_mappings(name)) for name in shipped_mappings()}
    assert set(shipped) == {"salesforce", "hubspot"}
    for mappings in shipped.values():
        assert tuple(mapping.stream for mapping in mappings) == STREAM_ORDER
        assert check_mappings({"one": mappings}) == []
    assert check_mappings(shipped) == []


def test_shipped_mappings_use_the_schema_beside_them() -> None:
    for folder in shipped_mappings().values():
        for path in where_mappings(folder):
            first = path.read_text(encoding="utf-8").splitlines()[0]
            assert first == "# yaml-language-server: $schema=../mapping.schema.json"
            assert (Path(path.parent) / "../mapping.schema.json").exists()
