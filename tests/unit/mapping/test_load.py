"""Mapping files are read strictly: every problem of every file, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from prmsync.domain.merge import Direction, First, OnDelete, Policy
from prmsync.domain.stage import Stage
from prmsync.errors import MappingError
from prmsync.mapping.load import load_mappings
from prmsync.mapping.model import BrakeLimits

FULL = """\
version: 1
connector: salesforce
stream: opportunity
object: Opportunity
key: PRM_Opportunity_Id__c
match:
  - number
  - [customer_domain, name]
create: {crm: false, prm: true}
stamp_key: false
on_delete: propagate
recreate: true
home: true
filter:
  registered: [true]
  source: web
fields:
  number: PRM_Number__c
  name: {crm: Name, policy: fill_blank, first: hold}
  customer_domain: Domain__c
  stage: StageName
  close_date: {crm: CloseDate, transform: day_in_zone}
  amount: Amount
  currency: Currency__c
  source: {crm: Source__c, picklist: {web: [Web, Website], fair: Trade Fair}, policy: crm}
  registered: {crm: Registered__c, policy: prm, direction: to_crm}
  partner: Partner__c
groups:
  value: {fields: [amount, currency], policy: proposal}
  progress: {fields: [stage, close_date]}
stages:
  field: RecordTypeId
  default: Channel
  pipelines:
    Channel: {prospect: New, launched: [Won, Closed Won]}
    Direct: {prospect: New}
owners:
  fallback: Desk@Example.com
  overrides: {Ana@ours.example: Ana.B@theirs.example}
brakes: {absolute: 5, percent: 10, creates: 0, deletes: 3}
"""


def test_a_full_file_is_read_whole(read) -> None:
    (mapping,), findings = read(full=FULL)
    assert findings == []
    assert (mapping.connector, mapping.stream, mapping.object) == (
        "salesforce",
        "opportunity",
        "Opportunity",
    )
    assert mapping.key == "PRM_Opportunity_Id__c"
    assert mapping.match == (("number",), ("customer_domain", "name"))
    assert (mapping.create_crm, mapping.create_prm, mapping.stamp_key) == (False, True, False)
    assert mapping.on_delete is OnDelete.PROPAGATE
    assert mapping.recreate and mapping.home
    assert mapping.filter == {"registered": ("true",), "source": ("web",)}
    assert mapping.fields["source"].picklist == {"web": ("Web", "Website"), "fair": ("Trade Fair",)}
    assert mapping.fields["close_date"].transform == "day_in_zone"
    assert mapping.fields["partner"].to == "partner"
    assert mapping.brakes == BrakeLimits(5, 10, 0, 3)
    assert mapping.owners.fallback == "desk@example.com"
    assert mapping.owners.overrides == {"ana@ours.example": "ana.b@theirs.example"}
    assert mapping.stages is not None
    assert mapping.stages.default == "Channel"
    assert mapping.stages.pipelines["Channel"][Stage.LAUNCHED] == ("Won", "Closed Won")


def test_groups_hold_their_rules_and_single_fields_are_groups_of_one(read) -> None:
    (mapping,), _ = read(full=FULL)
    rules = {
        name: (group.members, group.policy, group.direction, group.first)
        for name, group in mapping.groups.items()
    }
    both = Direction.BOTH
    assert rules == {
        "number": (("number",), Policy.HOLD, both, First.FILL_BLANK),
        "name": (("name",), Policy.FILL_BLANK, both, First.HOLD),
        "customer_domain": (("customer_domain",), Policy.HOLD, both, First.FILL_BLANK),
        "progress": (("stage", "close_date"), Policy.STAGE, both, First.CRM),
        "value": (("amount", "currency"), Policy.PROPOSAL, both, First.CRM),
        "source": (("source",), Policy.CRM, both, First.CRM),
        "registered": (("registered",), Policy.PRM, Direction.TO_CRM, First.PRM),
        "partner": (("partner",), Policy.HOLD, both, First.FILL_BLANK),
    }
    assert {name: one.group for name, one in mapping.fields.items()}["currency"] == "value"


def test_what_is_not_said_has_the_defaults_of_the_model(read, head: str) -> None:
    (mapping,), findings = read(a=head + "fields: {name: Name}\n")
    assert findings == []
    assert (mapping.create_crm, mapping.create_prm, mapping.stamp_key) == (True, False, True)
    assert mapping.on_delete is OnDelete.UNLINK
    assert mapping.brakes == BrakeLimits()
    assert not mapping.home and not mapping.recreate and mapping.stages is None


def test_a_position_is_that_of_the_crm_name(read, head: str) -> None:
    (mapping,), _ = read(a=head + "fields:\n  name: Name\n  number: {policy: prm, crm: No__c}\n")
    assert str(mapping.fields["name"].at) == "a.yaml:7:9"
    assert str(mapping.fields["number"].at) == "a.yaml:8:30"


BROKEN = {
    "conector: x": ("1:1", "unknown key `conector`", "did you mean `connector`?"),
    "fields: {nam: Name}": ("6:10", "unknown field `nam` of opportunity", "did you mean `name`?"),
    "fields: {name: {crm: N, polcy: prm}}": (
        "6:25",
        "unknown key `polcy` in fields.name",
        "did you mean `policy`?",
    ),
    "fields: {name: {crm: N, policy: propsal}}": (
        "6:33",
        "unknown policy `propsal`",
        "did you mean `proposal`?",
    ),
    "fields: {name: {policy: prm}}": ("6:16", "`crm` is missing in fields.name", ""),
    "fields: {name: true}": ("6:16", "`name` must be text", ""),
    "fields: {name: }": ("6:15", "`name` must be text", ""),
    "fields: {name: [a]}": ("6:16", "`name` must be a table of `key: value` lines", ""),
    "fields: {name: N, name: M}": ("6:19", "`name` stands here twice", "first on line 6"),
    "fields: {name: {crm: N, transform: moeny}}": (
        "6:36",
        "unknown transform `moeny`",
        "did you mean `money`?",
    ),
    "fields: {name: {crm: N, transform: money}}": (
        "6:36",
        "transform `money` does not fit `name`, which holds text",
        "use: text, code, domain",
    ),
    "fields: {name: N}\ngroups: {g: {fields: [nme]}}": (
        "7:22",
        "`nme` in group `g` is not a mapped field",
        "did you mean `name`?",
    ),
    "fields: {name: {crm: N, policy: prm}}\ngroups: {g: {fields: [name]}}": (
        "6:33",
        "`name` has rules of its own, but is in group `g`",
        "a group has one policy",
    ),
    "fields: {name: N, number: M}\ngroups: {g: {fields: [name]}, h: {fields: [name]}}": (
        "7:43",
        "`name` is in the groups `g` and `h`",
        "",
    ),
    "fields: {name: N, number: M}\ngroups: {name: {fields: [number]}}": (
        "7:10",
        "group `name` is named like a field outside it",
        "another name",
    ),
    "fields: {name: N}\nfilter: {sorce: web}": (
        "7:10",
        "unknown field `sorce` of opportunity in `filter`",
        "did you mean `source`?",
    ),
    "fields: {name: N}\nmatch: [nmae]": (
        "7:9",
        "unknown field `nmae` of opportunity in `match`",
        "did you mean `name`?",
    ),
    "fields: {name: N}\nmatch: name": ("7:8", "`match` must be a list of match keys", ""),
    "fields: {name: N}\nhome: yes": ("7:7", "`home` must be true or false", ""),
    "fields: {name: N}\nbrakes: {percent: 101}": (
        "7:19",
        "`percent` must be a whole number, 0 to 100",
        "",
    ),
    "fields: {name: N}\nbrakes: {deletes: -1}": ("7:19", "`deletes` must be a whole number", ""),
    "fields: {name: N}\non_delete: forget": ("7:12", "unknown on_delete `forget`", "known: "),
    "fields: {name: N}\nowners: {fallback: dana}": ("7:20", "not an e-mail address", "e-mail"),
    "fields: {name: N}\nrelation: {}": ("7:11", "`relation` has no place", ""),
    "fields: {name: N}\nstages: {pipelines: {A: {won: X}}}": (
        "7:26",
        "unknown key `won` in stages.pipelines.A",
        "known: ",
    ),
    "fields: {name: N}\nstages: {default: B, field: F, pipelines: {A: {prospect: X}}}": (
        "7:19",
        "`default` names no pipeline of this map: `B`",
        "",
    ),
    "fields: {name: N}\nstages: {default: A, pipelines: {A: {prospect: X}, B: {prospect: X}}}": (
        "7:9",
        "`field` is missing in stages",
        "tells them apart",
    ),
    "fields: {name: !secret N}": ("6:16", "tag `!secret`", "no tags"),
    "fields: &all {name: N}": ("6:9", "anchor `&all`", "no anchors"),
    "fields: {name: N}\nstages:\n\tfield: X": ("8:1", "not valid YAML", "never with tabs"),
    "fields: {name: N": ("7:1", "not valid YAML", ""),
    "fields: {name: N}\n---\nmore: 1": ("7:1", "not valid YAML", ""),
    "fields: {1: N, ? [a] : b}": ("6:18", "a key must be plain text", ""),
    "version: 1": ("6:1", "`version` stands here twice", "first on line 1"),
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_mistake_is_told_with_place_and_remedy(read, head: str, text: str) -> None:
    where, message, hint = BROKEN[text]
    source = text + "\n" + head if text.startswith("conector") else head + text + "\n"
    mappings, findings = read(a=source)
    assert mappings == []
    assert [one.where for one in findings if message in one.message] == [f"a.yaml:{where}"], (
        findings
    )
    assert any(hint in one.hint for one in findings if message in one.message), findings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("- a\n- b\n", "a mapping file is a list of `key: value` lines"),
        ("just words\n", "a mapping file is a list of `key: value` lines"),
        ("version: 2\n", "`version` must be a whole number, 1 to 1"),
        ("stream: partner\n", "`version` is missing"),
        ("version: 1\nstream: deals\n", "unknown stream `deals`"),
        ("version: 1\n", "`stream` is missing"),
        ("version: 1\nstream: partner\n", "`fields` is missing"),
        ("version: 1\nstream: partner\n", "`key` is missing"),
        ("version: 1\nstream: partner\n", "`object` is missing"),
        ("version: 1\nstream: partner\n", "`connector` is missing"),
        ("a: " + "[" * 2000, "nested too deeply"),
        ("a: b\x07c\n", "a character that YAML does not allow"),
    ],
)
def test_a_file_that_is_no_mapping_is_told_so(read, text: str, message: str) -> None:
    mappings, findings = read(a=text)
    assert mappings == []
    assert message in " ".join(one.message for one in findings)
    assert all(one.where.startswith("a.yaml:") for one in findings)


def test_another_encoding_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("version: 1\nobject: Gesch\u00e4ft\n".encode("latin-1"))
    with pytest.raises(MappingError) as caught:
        load_mappings([path])
    (finding,) = caught.value.findings
    assert finding.where == f"{path}:2:14"
    assert "UTF-8" in finding.hint


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    text = "version: 1\nconnector: c\nstream: partner\nobject: O\nkey: K\nfields: {name: N}\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_mappings([path])[0].object == "O"


def test_a_missing_file_a_folder_and_a_huge_file_are_findings(tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    huge.write_text("a" * 1_000_001)
    with pytest.raises(MappingError) as caught:
        load_mappings([tmp_path / "none.yaml", tmp_path, huge])
    messages = [one.message for one in caught.value.findings]
    assert messages[0] == "file not found"
    assert messages[1].startswith("cannot be read")
    assert messages[2].startswith("too large")


def test_all_problems_of_all_files_come_at_once(read, head: str) -> None:
    one = head + "fields: {nam: Name, amout: A}\nhoem: true\n"
    mappings, findings = read(a=one, b=one, c=head + "fields: {name: Name}\n")
    assert len(mappings) == 1
    places = [finding.where.partition(":")[0] for finding in findings]
    assert places == ["a.yaml"] * 3 + ["b.yaml"] * 3


def test_mappings_come_in_stream_order(read, head: str) -> None:
    partner = head.replace("opportunity", "partner") + "fields: {name: Name}\n"
    mappings, _ = read(a=head + "fields: {name: Name}\n", b=partner)
    assert [mapping.stream for mapping in mappings] == ["partner", "opportunity"]


RELATION = """\
version: 1
connector: salesforce
stream: relation
object: OpportunityPartner
relation:
  from: {crm: OpportunityId, object: Opportunity}
  to: {crm: AccountToId, object: Account}
  role: {crm: Role, values: {reseller: VAR/Reseller, si: System Integrator}}
"""


def test_a_relation_has_three_fields_that_merge_as_one(read) -> None:
    (mapping,), findings = read(a=RELATION)
    assert findings == []
    assert mapping.key is None
    assert {name: one.crm for name, one in mapping.fields.items()} == {
        "opportunity": "OpportunityId",
        "partner": "AccountToId",
        "role": "Role",
    }
    assert mapping.groups["relation"].members == ("opportunity", "partner", "role")
    assert mapping.fields["role"].picklist == {
        "reseller": ("VAR/Reseller",),
        "si": ("System Integrator",),
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("reseller: VAR", "seller: VAR", "unknown role `seller`"),
        ("System Integrator", "VAR/Reseller", "`VAR/Reseller` stands for two roles"),
        ("  from: {crm: OpportunityId, object: Opportunity}\n", "", "`from` is missing"),
        (", object: Account", "", "`object` is missing in relation.to"),
        ("relation:", "fields: {role: Role}\nrelation:", "`fields` has no place"),
    ],
)
def test_mistakes_of_a_relation(read, old: str, new: str, message: str) -> None:
    _, findings = read(a=RELATION.replace(old, new))
    assert any(message in one.message for one in findings), findings
