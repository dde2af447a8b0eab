"""Names of a mapping become ids of one account; every mismatch is found with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from prmsync.connector.protocol import (
    ConnectionSettings,
    Connector,
    RelationSpec,
    SimulatorOptions,
)
from prmsync.connector.registry import plugin
from prmsync.connector.schema import (
    Account,
    CrmStage,
    FieldSchema,
    FieldType,
    ObjectSchema,
    Person,
    Pipeline,
)
from prmsync.connector.simulator.transport import in_process_runtime
from prmsync.domain.stage import Stage
from prmsync.errors import Finding
from prmsync.mapping.load import load_mappings
from prmsync.mapping.locate import where_mappings
from prmsync.mapping.model import StreamMapping
from prmsync.mapping.translate import Resolved, Translator
from prmsync.sync.live_fields import Misfit
from prmsync.sync.live_schema import object_spec, resolve, resolve_connection

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
ACCOUNT = Account("00D", "Acme", "sandbox", "EUR", "Europe/Berlin", "sync@acme.example", "68.0")
PEOPLE = [
    Person("1", "Ana@Acme.example", "Ana"),
    Person("2", "bo@acme.example", "Bo", active=False),
    Person("3", "desk@acme.example", "Desk"),
    Person("4", "ana@acme.example", "Ana's old user", active=False),
]
LABELS = ("New", "Qualified", "Technical", "Business", "Committed", "Won", "Lost")


def field(name: str, kind: FieldType = FieldType.TEXT, **more: object) -> FieldSchema:
    made = FieldSchema(name, name.replace("_", " "), kind)
    return replace(made, **more)


def schema(*fields: FieldSchema) -> ObjectSchema:
    key = field("Key__c", length=36, unique=True)
    stages = tuple(CrmStage(f"id-{label}", label, n) for n, label in enumerate(LABELS))
    pipelines = (Pipeline("77", "Main", stages), Pipeline("88", "Other", stages[:1]))
    return ObjectSchema("Opportunity", "Opportunity", by_name([key, *fields]), pipelines)


def by_name(fields: list[FieldSchema]) -> dict[str, FieldSchema]:
    return {one.name: one for one in fields}


def mapping(tmp_path: Path, text: str) -> StreamMapping:
    path = tmp_path / "m.yaml"
    head = "version: 1\nconnector: c\nstream: opportunity\nobject: Opportunity\nkey: Key__c\n"
    path.write_text(head + text, encoding="utf-8")
    (loaded,) = load_mappings([path])
    return loaded


def found(
    tmp_path: Path, text: str, *fields: FieldSchema, people: list[Person] = PEOPLE
) -> tuple[Resolved, list[Finding]]:
    return resolve(mapping(tmp_path, text), schema(*fields), ACCOUNT, people)


def test_an_unknown_field_is_told_with_its_place_and_a_near_one(tmp_path: Path) -> None:
    _, (finding,) = found(
        tmp_path,
        "fields:\n  protected_until: Protectd_Until__c\n",
        field("Protected_Until__c", FieldType.DATETIME),
    )
    assert finding.where == f"{tmp_path / 'm.yaml'}:7:20"
    assert finding.message == "unknown field `Protectd_Until__c` on Opportunity"
    assert finding.hint == (
        "did you mean `Protected_Until__c`? (exists, datetime, writable); else check that the "
        "signed-in user may see `Protectd_Until__c`"
    )


@pytest.mark.parametrize(
    ("missing", "there", "hint"),
    [
        ("prm_duns", "prm_status", "check the name, and that"),
        ("PRM_Duns__c", "PRM_Status__c", "check the name, and that"),
        ("prm_dun", "prm_duns", "did you mean `prm_duns`?"),
        ("PRM_Dun__c", "PRM_Duns__c", "did you mean `PRM_Duns__c`?"),
    ],
)
def test_names_that_only_begin_and_end_alike_are_not_near(
    tmp_path: Path, missing: str, there: str, hint: str
) -> None:
    _, (finding,) = found(tmp_path, f"fields: {{name: {missing}}}\n", field(there))
    assert finding.hint.startswith(hint)


def test_a_label_in_place_of_a_name_is_recognised(tmp_path: Path) -> None:
    text = "fields: {name: Deal title}\n"
    _, (finding,) = found(tmp_path, text, field("xq_17", label="Deal title", updateable=False))
    assert finding.hint == "did you mean `xq_17`? (exists, text, read-only)"


def test_names_of_another_case_resolve_to_the_crms_own(tmp_path: Path) -> None:
    text = "fields: {name: NAME}\nstages: {field: recordtypeid, pipelines: {Main: {}}}\n"
    resolved, findings = found(
        tmp_path, text, field("Name", length=120), field("RecordTypeId", FieldType.REFERENCE)
    )
    assert findings == []
    assert resolved.names == {"NAME": "Name", "recordtypeid": "RecordTypeId"}
    assert resolved.lengths == {"name": 120}
    one = mapping(tmp_path, text)
    assert object_spec(one, resolved).fields == ("Key__c", "Name")


@pytest.mark.parametrize(
    ("text", "there", "message"),
    [
        ("name: F", field("F", FieldType.NUMBER), "`F` is a number field; `name` crosses as `text"),
        ("amount: F", field("F"), "`F` is a text field; `amount` crosses as `money`"),
        ("close_date: F", field("F", FieldType.DATETIME), "`F` is a datetime field"),
        ("owner: F", field("F"), "`owner` crosses as `owner`"),
        ("name: F", field("F", updateable=False), "`F` on Opportunity cannot be written"),
        ("name: {crm: F, policy: crm}", field("F", createable=False), "cannot be set on new"),
        (
            "source: {crm: F, picklist: {web: Webb}}",
            field("F", FieldType.PICKLIST, picklist={"w": "Web"}, restricted=True),
            "`Webb` is not in the restricted picklist `F`",
        ),
        (
            "conflict_kind: F",
            field("F", FieldType.PICKLIST, picklist={"C1": "One"}, restricted=True),
            "`C2` is not in the restricted picklist `F`",
        ),
        (
            "source: {crm: F, picklist: {web: Web, net: w}}",
            field("F", FieldType.PICKLIST, picklist={"w": "Web"}),
            "`w` of `F` stands for `web` and `net`",
        ),
    ],
)
def test_a_field_that_does_not_fit_is_told(
    tmp_path: Path, text: str, there: FieldSchema, message: str
) -> None:
    _, findings = found(tmp_path, f"fields: {{{text}}}\n", there)
    assert any(message in one.message for one in findings), findings
    assert all(one.where.startswith(f"{tmp_path / 'm.yaml'}:6:") for one in findings)
    assert all(one.hint for one in findings)


def test_a_day_in_a_moment_field_is_told_the_right_transform(tmp_path: Path) -> None:
    text = "fields: {close_date: F}\n"
    _, (finding,) = found(tmp_path, text, field("F", FieldType.DATETIME))
    assert finding.hint == "write it long with `transform: day_in_zone`"


@pytest.mark.parametrize(
    "text",
    [
        "fields: {name: {crm: F, policy: crm, direction: to_prm}}\n",
        "fields: {name: {crm: F, policy: crm}}\ncreate: {crm: false}\n",
    ],
)
def test_what_is_only_read_need_not_be_writable(tmp_path: Path, text: str) -> None:
    _, findings = found(tmp_path, text, field("F", updateable=False, createable=False))
    assert findings == []


def test_codes_and_labels_become_codes_and_the_open_picklist_takes_new_ones(
    tmp_path: Path,
) -> None:
    text = "fields: {source: {crm: F, picklist: {web: [web form, N], fair: Fair}}}\n"
    picks = {"W": "Web Form", "N": "Net"}
    resolved, findings = found(tmp_path, text, field("F", FieldType.PICKLIST, picklist=picks))
    assert findings == []
    assert resolved.picklists == {"source": {"web": ("W", "N"), "fair": ("Fair",)}}


def test_a_restricted_picklist_without_a_map_takes_its_own_codes(tmp_path: Path) -> None:
    there = field("F", FieldType.PICKLIST, picklist={"a": "A"}, restricted=True)
    resolved, findings = found(tmp_path, "fields: {source: F}\n", there)
    assert findings == []
    assert resolved.picklists == {"source": {"a": ("a",)}}


def test_scales_come_from_number_fields(tmp_path: Path) -> None:
    resolved, _ = found(tmp_path, "fields: {amount: F}\n", field("F", FieldType.NUMBER, scale=2))
    assert resolved.scales == {"amount": 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unique": False}, "is not unique"),
        ({"length": 18}, "is too short"),
        ({"type": FieldType.NUMBER}, "is not a text field"),
        ({"createable": False}, "cannot be written"),
    ],
)
def test_the_key_field_must_be_an_external_id(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    whole = schema(field("Name"))
    fields = dict(whole.fields)
    fields["Key__c"] = replace(fields["Key__c"], **change)
    one = mapping(tmp_path, "fields: {name: Name}\n")
    _, findings = resolve(one, replace(whole, fields=fields), ACCOUNT, PEOPLE)
    (finding,) = findings
    assert message in finding.message
    assert finding.where == f"{tmp_path / 'm.yaml'}:5:6"


@pytest.mark.parametrize(("create", "count"), [("true", 1), ("false", 0)])
def test_a_required_field_that_nothing_fills_is_told_where_records_are_made(
    tmp_path: Path, create: str, count: int
) -> None:
    text = f"fields: {{name: Name}}\ncreate: {{crm: {create}}}\n"
    needed = field("CloseDate", FieldType.DATE, required=True)
    _, findings = found(tmp_path, text, field("Name", required=True), needed)
    assert ["requires `CloseDate`" in one.message for one in findings] == [True] * count


SEVEN = "{" + ", ".join(f"{s}: {label}" for s, label in zip(Stage, LABELS, strict=True)) + "}"
STAGE = field("StageName", FieldType.PICKLIST, picklist={f"id-{one}": one for one in LABELS})


def test_stages_become_ids_by_pipeline(tmp_path: Path) -> None:
    text = f"fields: {{stage: StageName}}\nstages: {{pipelines: {{main: {SEVEN}}}}}\n"
    resolved, findings = found(tmp_path, text, STAGE)
    assert findings == []
    assert resolved.default_pipeline == "77"
    assert resolved.stages == {
        "77": {stage: (f"id-{label}",) for stage, label in zip(Stage, LABELS, strict=True)}
    }


def test_a_stage_or_pipeline_that_is_missing_is_told_with_its_place(tmp_path: Path) -> None:
    text = (
        "fields: {stage: StageName}\nstages:\n  field: StageName\n  default: Main\n  pipelines:\n"
        "    Main:\n      qualified: Qualifed\n    Mian:\n      prospect: New\n"
    )
    _, findings = found(tmp_path, text, STAGE)
    where = tmp_path / "m.yaml"
    assert findings == [
        Misfit(
            f"{where}:12:18",
            "no stage `Qualifed` in pipeline `Main`",
            "did you mean `Qualified`?",
            "stage",
        ),
        Misfit(
            f"{where}:14:17", "no pipeline `Mian` on Opportunity", "did you mean `Main`?", "stage"
        ),
    ]


OWNER = "fields: {owner: OwnerId}\n"
OWNER_ID = field("OwnerId", FieldType.REFERENCE)


def test_people_are_found_by_mail_and_the_active_user_counts(tmp_path: Path) -> None:
    resolved, findings = found(tmp_path, OWNER, OWNER_ID)
    assert findings == []
    assert resolved.people["ana@acme.example"] == "1"
    assert resolved.emails["4"] == "ana@acme.example"
    assert resolved.people["bo@acme.example"] == "2"


def test_with_a_fallback_inactive_people_own_nothing(tmp_path: Path) -> None:
    text = OWNER + "owners: {fallback: Desk@acme.example}\n"
    resolved, findings = found(tmp_path, text, OWNER_ID)
    assert findings == []
    assert resolved.fallback_owner == "3"
    assert "bo@acme.example" not in resolved.people and "2" not in resolved.emails
    translator = Translator(mapping(tmp_path, text), resolved)
    result = translator.read({"OwnerId": "2"})
    assert result.values == {"owner": "desk@acme.example"} and len(result.notes) == 1


def test_overrides_hold_in_both_directions(tmp_path: Path) -> None:
    text = OWNER + "owners: {overrides: {a.l@ours.example: ana@acme.example}}\n"
    resolved, findings = found(tmp_path, text, OWNER_ID)
    assert findings == []
    assert resolved.people["a.l@ours.example"] == "1"
    assert resolved.emails["1"] == "a.l@ours.example"


@pytest.mark.parametrize(
    "owners",
    [
        "fallback: bo@acme.example",
        "fallback: nobody@acme.example",
        "overrides: {a@ours.example: nobody@acme.example}",
    ],
)
def test_a_stand_in_nobody_knows_is_told_without_naming_the_person(
    tmp_path: Path, owners: str
) -> None:
    _, (finding,) = found(tmp_path, OWNER + f"owners: {{{owners}}}\n", OWNER_ID)
    assert finding.where == f"{tmp_path / 'm.yaml'}:7:9"
    assert "@" not in finding.message + finding.hint


def test_an_unknown_time_zone_is_told(tmp_path: Path) -> None:
    account = replace(ACCOUNT, time_zone="Mars/Olympus")
    one = mapping(tmp_path, "fields: {name: Name}\n")
    _, (finding,) = resolve(one, schema(field("Name")), account, PEOPLE)
    assert "Mars/Olympus" in finding.message


def test_all_mismatches_come_at_once(tmp_path: Path) -> None:
    text = (
        "fields: {name: Nam, number: No, amount: Name, owner: OwnerId}\nowners: {fallback: x@y.z}\n"
    )
    _, findings = found(tmp_path, text, field("Name"), OWNER_ID)
    assert len(findings) == 4


@pytest.fixture(params=["salesforce", "hubspot"])
def simulated(request: pytest.FixtureRequest) -> Iterator[tuple[str, Connector]]:
    """A connector on a fresh simulated account, in process."""
    known = plugin(request.param)
    simulator = known.simulator(SimulatorOptions(now=lambda: NOW))
    url = "https://crm.example"
    runtime = in_process_runtime({url: simulator.handle}, lambda: NOW, lambda _: None)
    settings = ConnectionSettings("acme", base_url=url, auth=known.simulator_auth())
    connector = known.connect(settings, runtime)
    yield request.param, connector
    connector.close()
    runtime.http.close()
    runtime.requests.close()


def test_the_shipped_mappings_fit_a_fresh_account(simulated: tuple[str, Connector]) -> None:
    name, connector = simulated
    mappings = load_mappings(where_mappings(name))
    resolved, findings = resolve_connection(mappings, connector)
    assert findings == []
    assert set(resolved) == {one.stream for one in mappings}


def test_a_missing_object_is_a_finding(simulated: tuple[str, Connector], tmp_path: Path) -> None:
    _, connector = simulated
    one = replace(mapping(tmp_path, "fields: {name: Name}\n"), object="Nothing_Like_It__c")
    resolved, (finding,) = resolve_connection([one], connector)
    assert resolved == {}
    assert finding.where == f"{tmp_path / 'm.yaml'}:4:9"


def test_a_relation_spec_names_the_roles_in_the_crms_words(
    simulated: tuple[str, Connector],
) -> None:
    name, connector = simulated
    mappings = load_mappings(where_mappings(name))
    resolved, _ = resolve_connection(mappings, connector)
    spec = object_spec(mappings[-1], resolved["relation"])
    assert isinstance(spec.relation, RelationSpec)
    assert spec.key is None
    assert set(spec.fields) == {
        spec.relation.from_field,
        spec.relation.to_field,
        spec.relation.role_field,
    }
    assert "Distributor" in spec.relation.roles and len(spec.relation.roles) == 7


def test_an_owner_that_is_never_blank_has_the_signed_in_user_for_our_blank(tmp_path: Path) -> None:
    account = replace(ACCOUNT, user_id="3")
    for filled, read_back in ((True, "desk@acme.example"), (False, None)):
        owner = replace(OWNER_ID, nullable=not filled)
        one = mapping(tmp_path, OWNER)
        resolved, findings = resolve(one, schema(owner), account, PEOPLE)
        assert findings == []
        assert Translator(one, resolved).project({"owner": None}).values == {"owner": read_back}
