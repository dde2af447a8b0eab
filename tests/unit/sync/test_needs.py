"""What mappings need of a CRM, derived from the files alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from prmsync.connector.provisioning import FieldNeed, ObjectNeed
from prmsync.connector.schema import FieldType
from prmsync.domain.stage import Stage
from prmsync.mapping.load import read_mappings
from prmsync.mapping.locate import where_mappings
from prmsync.sync.needs import needs_of

STAGED = """
version: 1
connector: salesforce
stream: opportunity
object: Opportunity
key: Our_Key__c
on_delete: propagate
fields:
  name: {crm: Name, direction: to_prm}
  stage: StageName
  currency: Code__c
stages:
  default: Direct
  field: RecordTypeId
  pipelines:
    Direct:
      prospect: [Prospecting, Lead In]
      qualified: Qualification
      technical_validation: Trial
      business_validation: Proposal
      committed: Commit
      launched: Won
      closed_lost: Lost
"""


def of(connector: str) -> dict[str, ObjectNeed]:
    mappings, findings = read_mappings(where_mappings(connector))
    assert findings == []
    return {need.stream: need for need in needs_of(mappings)}


def fields(need: ObjectNeed) -> dict[str, FieldNeed]:
    return {one.use: one for one in need.fields}


@pytest.fixture
def staged(tmp_path: Path) -> ObjectNeed:
    file = tmp_path / "opportunity.yaml"
    file.write_text(STAGED, encoding="utf-8")
    mappings, findings = read_mappings([file])
    assert findings == []
    [need] = needs_of(mappings)
    return need


def test_the_key_is_unique_text_long_enough_for_a_uuid() -> None:
    key = fields(of("salesforce")["partner"])["external key"]
    assert (key.name, key.unique, key.length) == ("PRM_Partner_Id__c", True, 36)
    assert key.types == (FieldType.TEXT,)


def test_a_picklist_needs_our_codes_and_a_company_s_own_needs_none() -> None:
    partner = fields(of("salesforce")["partner"])
    assert "active" in partner["status"].values
    assert partner["tier"].values == ()


def test_values_are_those_that_the_mapping_writes_and_reads() -> None:
    role = fields(of("salesforce")["relation"])["role"]
    assert "VAR/Reseller" in role.values
    assert "reseller" not in role.values


def test_a_reference_needs_a_lookup_to_the_object_of_its_stream() -> None:
    registration = fields(of("salesforce")["registration"])
    assert registration["opportunity"].references == "Opportunity"
    assert registration["partner"].references == "Account"
    assert fields(of("hubspot")["registration"])["partner"].references == "companies"


def test_the_fields_of_forecast_and_sync_state_may_be_missing() -> None:
    partner = fields(of("salesforce")["partner"])
    assert [one.use for one in partner.values() if one.optional] == [
        "forecast_amount",
        "forecast_currency",
        "forecast_period",
        "sync state",
        "sync reason",
        "sync decision",
    ]
    assert partner["sync decision"].values == ("Keep CRM value", "Take partner value")


def test_labels_between_records_need_the_labels_and_no_object() -> None:
    assert "relation" in of("salesforce")
    need = of("hubspot")["relation"]
    assert (need.object, need.fields) == ("deals", ())
    labels = {one.label: one for one in need.labels}
    assert labels["Distributor"].to_object == "companies"
    assert labels["Distributor"].use == "role distributor"


def test_pipelines_say_what_each_stage_means() -> None:
    [sales, channel] = of("hubspot")["opportunity"].record_types
    assert (sales.name, channel.name) == ("Sales pipeline", "Channel pipeline")
    assert channel.stages[0] == "New"
    assert channel.neutral["Won"] is Stage.LAUNCHED
    assert channel.neutral["Lost"] is Stage.CLOSED_LOST


def test_record_types_come_with_the_stages_that_they_offer(staged: ObjectNeed) -> None:
    [direct] = staged.record_types
    assert direct.name == "Direct"
    assert direct.stages[:3] == ("Prospecting", "Lead In", "Qualification")
    assert fields(staged)["pipeline"].name == "RecordTypeId"


def test_what_only_comes_from_the_crm_is_not_written(staged: ObjectNeed) -> None:
    found = fields(staged)
    assert found["name"].written is False
    assert found["stage"].written is True
    assert found["currency"].length == 3
    assert staged.deleted is True


def test_every_field_says_where_the_mapping_names_it(staged: ObjectNeed) -> None:
    assert all("opportunity.yaml:" in one.at for one in staged.fields)
