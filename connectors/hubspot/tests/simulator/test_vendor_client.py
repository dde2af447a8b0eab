"""HubSpot's own Python client against the simulator, over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hubspot import HubSpot
from hubspot.crm.associations.v4 import (
    AssociationSpec,
    BatchInputPublicAssociationMultiPost,
    BatchInputPublicFetchAssociationsBatchRequest,
    PublicAssociationMultiPost,
    PublicFetchAssociationsBatchRequest,
    PublicObjectId,
)
from hubspot.crm.companies import (
    ApiException,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchReadInputSimplePublicObjectId,
    PublicObjectSearchRequest,
    SimplePublicObjectBatchInputUpsert,
    SimplePublicObjectId,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.serve import serving
from prmsync_hubspot.simulator import ACCESS_TOKEN, HubSpotSimulator, Settings


@pytest.fixture
def client():
    options = SimulatorOptions(now=lambda: datetime.now(UTC))
    simulator = HubSpotSimulator(options, Settings(burst_limit=0, search_per_second=0))
    with serving(simulator.handle) as base_url:
        yield HubSpot(access_token=ACCESS_TOKEN, host=base_url, base_url=base_url)


def test_records_go_through_their_whole_life(client):
    api = client.crm.companies.basic_api
    values = SimplePublicObjectInputForCreate(properties={"name": "Acme"}, associations=[])
    made, status, _ = api.create_with_http_info(values)
    assert status == 201
    api.update(made.id, SimplePublicObjectInput(properties={"name": "Acme Ltd"}))
    read = api.get_by_id(made.id, properties=["name", "domain"])
    assert read.properties["name"] == "Acme Ltd"
    assert read.properties["domain"] is None
    assert read.created_at.tzinfo is not None
    assert [item.id for item in api.get_page(limit=10).results] == [made.id]
    api.archive(made.id)
    with pytest.raises(ApiException) as caught:
        api.get_by_id(made.id)
    assert caught.value.status == 404


def test_batches_and_searches(client):
    batch = client.crm.companies.batch_api
    rows = [
        SimplePublicObjectBatchInputUpsert(
            id=f"k-{n}", id_property="prm_partner_id", properties={"name": f"Partner {n}"}
        )
        for n in range(3)
    ]
    made = batch.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=rows))
    assert [item.new for item in made.results] == [True] * 3
    ids = sorted(int(item.id) for item in made.results)
    wanted = [SimplePublicObjectId(id=str(ids[0])), SimplePublicObjectId(id="404")]
    read = batch.read(
        BatchReadInputSimplePublicObjectId(
            properties=["name"], properties_with_history=[], inputs=wanted
        )
    )
    assert [item.id for item in read.results] == [str(ids[0])]
    assert read.errors[0].context == {"ids": ["404"]}
    request = PublicObjectSearchRequest(query="partner", limit=2, properties=["name"])
    found = client.crm.companies.search_api.do_search(request)
    assert (found.total, len(found.results), found.paging.next.after) == (3, 2, "2")


def test_associations(client):
    company = client.crm.companies.basic_api.create(
        SimplePublicObjectInputForCreate(properties={"name": "Acme"}, associations=[])
    )
    # The client gives None for the second create's 200: ask for the id another way.
    client.crm.deals.basic_api.create(
        SimplePublicObjectInputForCreate(properties={"dealname": "One"}, associations=[])
    )
    deal = client.crm.deals.basic_api.get_page().results[0]
    labels = client.crm.associations.v4.schema.definitions_api.get_all("deals", "companies")
    reseller = next(item for item in labels.results if item.label == "Reseller")
    api = client.crm.associations.v4.batch_api
    row = PublicAssociationMultiPost(
        _from=PublicObjectId(id=deal.id),
        to=PublicObjectId(id=company.id),
        types=[
            AssociationSpec(
                association_category=reseller.category, association_type_id=reseller.type_id
            )
        ],
    )
    api.create("deals", "companies", BatchInputPublicAssociationMultiPost(inputs=[row]))
    asked = [PublicFetchAssociationsBatchRequest(id=deal.id)]
    read = api.get_page(
        "deals", "companies", BatchInputPublicFetchAssociationsBatchRequest(inputs=asked)
    )
    assert "Reseller" in [item.label for item in read.results[0].to[0].association_types]


def test_metadata(client):
    properties = client.crm.properties.core_api.get_all("deals").results
    assert "prm_opportunity_id" in [item.name for item in properties if item.has_unique_value]
    pipelines = client.crm.pipelines.pipelines_api.get_all("deals").results
    assert pipelines[0].stages[5].metadata == {"probability": "1.0", "isClosed": "true"}
    (schema,) = client.crm.schemas.core_api.get_all().results
    assert schema.fully_qualified_name == "p24681012_prm_registration"
    owners = client.crm.owners.owners_api.get_page(archived=False).results
    assert len(owners) == 4


def test_refusals_reach_the_caller_with_their_body(client):
    with pytest.raises(ApiException) as caught:
        client.crm.companies.basic_api.create(
            SimplePublicObjectInputForCreate(properties={"nope": "1"}, associations=[])
        )
    assert caught.value.status == 400
    assert "PROPERTY_DOESNT_EXIST" in caught.value.body
