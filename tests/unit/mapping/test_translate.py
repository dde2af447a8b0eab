"""Whole records in both directions."""

from __future__ import annotations

import pytest

from prmsync.domain.stage import Stage
from prmsync.domain.values import Values
from prmsync.mapping.translate import PIPELINE, Resolved, Translator
from prmsync.mapping.translated import Translated

FIELDS = """\
fields:
  name: Name
  customer_domain: Domain__c
  partner: Partner__c
  product_lines: Lines__c
  stage: StageName
  close_date: {crm: Closed__c, transform: day_in_zone}
  amount: Amount
  currency: Currency__c
  owner: {crm: OwnerId, policy: crm}
  registered: {crm: Registered__c, policy: prm, direction: to_crm}
  source: {crm: Source__c, policy: crm, direction: to_prm}
  number: number__c
groups:
  value: {fields: [amount, currency]}
  progress: {fields: [stage, close_date]}
stages:
  field: RecordTypeId
  default: Main
  pipelines: {Main: {prospect: New}, Other: {prospect: Fresh}}
"""
RESOLVED = Resolved(
    default_pipeline="012A",
    stages={
        "012A": {stage: (stage.value.title(), f"Old {stage}") for stage in Stage},
        "012B": {stage: (f"B {stage}",) for stage in Stage},
    },
    scales={"amount": 2},
    lengths={"name": 20},
    people={"ana@ours.example": "005A", "fall@ours.example": "005F"},
    emails={"005A": "ana@ours.example", "005F": "fall@ours.example"},
    fallback_owner="005F",
    time_zone="America/Los_Angeles",
    names={"number__c": "Number__c"},
)
CRM: Values = {
    "Name": " Northwind ",
    "Domain__c": "https://www.Northwind.example/",
    "Partner__c": "001P",
    "Lines__c": "firewall;backup",
    "StageName": "Old committed",
    "RecordTypeId": "012A",
    "Closed__c": "2026-12-01T07:30:00.000Z",
    "Amount": "48000.5",
    "Currency__c": "eur",
    "OwnerId": "005A",
    "Registered__c": None,
    "Source__c": "web",
    "Number__c": "",
}
PRM: Values = {
    "name": "Northwind",
    "customer_domain": "northwind.example",
    "partner": "001P",
    "product_lines": "backup;firewall",
    "stage": "committed",
    "close_date": "2026-11-30",
    "amount": "48000.50",
    "currency": "EUR",
    "owner": "ana@ours.example",
    "registered": False,
    "source": "web",
    "number": None,
}


@pytest.fixture
def translator(read, head: str) -> Translator:
    (mapping,), findings = read(a=head + FIELDS)
    assert findings == []
    return Translator(mapping, RESOLVED)


def test_a_record_is_read_canonically_with_its_pipeline(translator: Translator) -> None:
    result = translator.read(CRM)
    assert result.values == {**PRM, PIPELINE: "012A"}
    assert result.problems == () and result.notes == ()


def test_a_record_is_written_with_the_default_pipeline_beside_its_stage(
    translator: Translator,
) -> None:
    result = translator.write(PRM)
    assert result.problems == ()
    assert result.values == {
        "Name": "Northwind",
        "Domain__c": "northwind.example",
        "Partner__c": "001P",
        "Lines__c": "backup;firewall",
        "StageName": "Committed",
        "RecordTypeId": "012A",
        "Closed__c": "2026-11-30T20:00:00.000Z",
        "Amount": "48000.50",
        "Currency__c": "EUR",
        "OwnerId": "005A",
        "Registered__c": False,
        "Source__c": "web",
        "Number__c": None,
    }


def test_a_record_keeps_the_pipeline_that_it_is_in(translator: Translator) -> None:
    result = translator.write({"stage": "committed"}, "012B")
    assert result.values == {"StageName": "B committed"}


def test_projecting_equals_writing_and_reading_back(translator: Translator) -> None:
    written = translator.write(PRM).values
    back = translator.read(written).values
    back.pop(PIPELINE)
    assert translator.project(PRM).values == back == PRM
    assert translator.project(back).values == back


@pytest.mark.parametrize("name", PRM)
def test_only_what_is_given_is_translated(translator: Translator, name: str) -> None:
    assert set(translator.project({name: PRM[name]}).values) == {name}
    written = translator.write({name: PRM[name]}, "012A").values
    assert set(written) == {translator.crm_name(translator.mapping.fields[name].crm)}
    assert set(translator.read(written).values) - {PIPELINE} == {name}


def test_what_has_no_counterpart_is_left_out_and_told(translator: Translator) -> None:
    wrong = {**PRM, "name": "x" * 21, "stage": "odd", "currency": "EURO", "close_date": "soon"}
    for result in (translator.write(wrong), translator.project(wrong)):
        told = {one.field: one.message for one in result.problems}
        assert set(told) == {"name", "stage", "amount", "close_date"}
        assert told["name"] == "21 characters, the CRM field takes 20"
        assert not {"name", "Name", "stage", "StageName", "amount", "Amount"} & set(result.values)
    assert "RecordTypeId" not in translator.write(wrong).values


def test_what_cannot_be_read_is_left_out_and_told(translator: Translator) -> None:
    odd = {**CRM, "StageName": "Odd", "Amount": "many", "Registered__c": "perhaps"}
    result = translator.read(odd)
    assert {one.field for one in result.problems} == {"stage", "amount", "registered"}
    assert set(result.values) == set(PRM) - {"stage", "amount", "registered"} | {PIPELINE}
    other = translator.read({**CRM, "RecordTypeId": "012Z"})
    assert [one.field for one in other.problems] == ["stage"]
    assert other.values[PIPELINE] == "012Z"


def test_a_stand_in_owner_is_translated_and_noted(translator: Translator) -> None:
    read = translator.read({"OwnerId": "005X"})
    assert read.values["owner"] == "fall@ours.example"
    assert [one.field for one in read.notes] == ["owner"]
    write = translator.write({"owner": "gone@ours.example"})
    assert write.values == {"OwnerId": "005F"}
    assert write.problems == () and [one.field for one in write.notes] == ["owner"]
    project = translator.project({"owner": "gone@ours.example"})
    assert project.values == {"owner": "fall@ours.example"}


def test_what_the_engine_needs_to_know_is_told(translator: Translator) -> None:
    assert translator.crm_fields == (
        "Key__c",
        "Name",
        "Domain__c",
        "Partner__c",
        "Lines__c",
        "StageName",
        "Closed__c",
        "Amount",
        "Currency__c",
        "OwnerId",
        "Registered__c",
        "Source__c",
        "Number__c",
        "RecordTypeId",
    )
    assert translator.references == {"partner": "partner"}
    assert set(PRM) - set(translator.to_crm) == {"source"}
    assert set(PRM) - set(translator.to_prm) == {"registered"}


def test_a_relation_has_its_three_values(read) -> None:
    (mapping,), _ = read(
        a="version: 1\nconnector: hubspot\nstream: relation\nobject: deals\nrelation:\n"
        "  from: {crm: deal_id, object: deals}\n  to: {crm: company_id, object: companies}\n"
        "  role: {crm: label, values: {reseller: Reseller}}\n"
    )
    translator = Translator(mapping, Resolved())
    values = {"opportunity": "1", "partner": "2", "role": "reseller"}
    crm = {"deal_id": "1", "company_id": "2", "label": "Reseller"}
    assert translator.relation_values(values) == crm
    assert translator.read(crm).values == values
    assert translator.references == {"opportunity": "opportunity", "partner": "partner"}
    assert translator.read({**crm, "label": "Other"}).problems[0].field == "role"


def test_codes_that_are_too_long_for_a_text_field_are_not_cut(read, head: str) -> None:
    (mapping,), _ = read(a=head + "fields: {product_lines: L, source: S}\n")
    translator = Translator(mapping, Resolved(lengths={"product_lines": 8, "source": 3}))
    values = {"product_lines": "backup;firewall", "source": "web"}
    for result in (translator.write(values), translator.project(values)):
        assert [one.field for one in result.problems] == ["product_lines"]
    assert translator.write({"product_lines": "b;a"}).values == {"L": "a;b"}


@pytest.mark.parametrize(("currency", "amount"), [("jpy", "48001"), (None, "48000.50")])
def test_an_amount_takes_the_scale_of_the_currency_it_is_read_with(
    translator: Translator, currency: str | None, amount: str
) -> None:
    read = translator.read({"Amount": "48000.5", "Currency__c": currency})
    assert read.values["amount"] == amount
    given = {"amount": "48000.5", "currency": currency}
    assert translator.project(given).values["amount"] == amount


ODD: Values = {
    **CRM,
    "StageName": "Odd",
    "Amount": "many",
    "Registered__c": "perhaps",
    "OwnerId": "005X",
}


def read_page(translator: Translator, page: list[Values]) -> list[Translated]:
    rows, problems, notes = translator.read_page(page)
    return [
        Translated(row, problems.get(place, ()), notes.get(place, ()))
        for place, row in enumerate(rows)
    ]


def read_columns(translator: Translator, page: list[Values]) -> list[Values]:
    columns = {name: [one[name] for one in page] for name in page[0]}
    return translator.read_columns(columns, len(page)).values


def test_a_page_that_stands_field_by_field_is_read_as_well(translator: Translator) -> None:
    page: list[Values] = [{**one, "Key__c": None} for one in (CRM, ODD, dict.fromkeys(CRM))]
    assert read_columns(translator, page) == [translator.read(one).values for one in page]
    fewer: list[Values] = [{"OwnerId": "005A"}, {"OwnerId": "005X"}]
    assert read_columns(translator, fewer) == [translator.read(one).values for one in fewer]
    assert translator.read_columns({}, 2).values == [{}, {}]


def test_a_page_is_read_as_its_records_are(translator: Translator) -> None:
    blank: Values = dict.fromkeys(CRM)
    others = [{**CRM, "RecordTypeId": "012Z"}, {**CRM, "Currency__c": "jpy"}, blank, ODD]
    page: list[Values] = [{**one, "Key__c": None} for one in (CRM, *others, CRM)]
    assert read_page(translator, page) == [translator.read(one) for one in page]
    assert read_page(translator, []) == []


def test_a_page_whose_records_lack_fields_is_read_as_well(translator: Translator) -> None:
    page: list[Values] = [CRM, {"OwnerId": "005A"}, {}]
    assert read_page(translator, page) == [translator.read(one) for one in page]
