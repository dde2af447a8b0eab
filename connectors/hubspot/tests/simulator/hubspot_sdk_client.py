"""hubspot-sdk, HubSpot's new Python client, run by test_hubspot_sdk.py: BASE_URL TOKEN → JSON.

Answers are held against the client's own schema; one that does not fit raises. In two places the
schema is not as HubSpot answers: it has no blank properties (null), so only filled ones are asked
for, and calls the ids of associated records text, so those answers are taken as they come.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from hubspot_sdk import ConflictError, HubSpot, NotFoundError

SOLD_BY = {"associationCategory": "USER_DEFINED"}


def records(companies: Any) -> dict[str, Any]:
    """One company from its creation to the archive."""
    made = companies.create(properties={"name": "Acme"}, associations=[])
    companies.update(made.id, properties={"name": "Acme Ltd"})
    read = companies.get(made.id, properties=["name"], properties_with_history=["name"])
    history = [one.value for one in read.properties_with_history["name"]]
    companies.delete(made.id)
    try:
        companies.get(made.id)
    except NotFoundError as error:
        gone = error.body["category"]
    return {"company": read.properties["name"], "history": history, "gone": gone}


def batches(deals: Any) -> dict[str, Any]:
    """Deals by the hundred, page by page, and by a search."""
    rows = [
        {
            "id": f"k-{place}",
            "idProperty": "prm_opportunity_id",
            "objectWriteTraceId": str(place),
            "properties": {"dealname": f"Deal {place}", "dealstage": "appointmentscheduled"},
        }
        for place in range(100)
    ]
    made = [one.id for one in deals.batch.upsert(inputs=rows).results]
    rows[0]["properties"]["dealstage"] = "nowhere"
    partly = deals.batch.with_raw_response.upsert(inputs=rows)
    told = json.loads(partly.text())
    listed = {one.id for one in deals.list(limit=30, properties=["dealname"])}
    found = deals.search(
        after="0",
        filter_groups=[
            {"filters": [{"propertyName": "dealname", "operator": "EQ", "value": "Deal 7"}]}
        ],
        limit=10,
        properties=["dealname"],
        sorts=[],
    )
    deals.batch.delete(inputs=[{"id": one} for one in made[:40]])
    return {
        "made": len(made),
        "listed": len(listed),
        "found": [one.properties["dealname"] for one in found.results],
        "partly": [partly.status_code, len(told["results"]), told["errors"][0]["context"]],
        "left": len(list(deals.list(limit=100, properties=["dealname"]))),
    }


def associations(client: Any) -> dict[str, Any]:
    """A company as a deal's reseller, by the label that the account has for it."""
    crm = client.crm
    company = crm.objects.companies.create(properties={"name": "Globex"}, associations=[]).id
    stage = {"dealname": "D", "dealstage": "appointmentscheduled"}
    deal = crm.objects.deals.create(properties=stage, associations=[]).id
    labels = crm.associations_schema.labels.list_labels(
        "companies", from_object_type="deals"
    ).results
    (reseller,) = (one.type_id for one in labels if one.label == "Reseller")
    crm.associations.batch.create(
        "companies",
        from_object_type="deals",
        inputs=[
            {
                "from": {"id": deal},
                "to": {"id": company},
                "types": [{**SOLD_BY, "associationTypeId": reseller}],
            }
        ],
    )
    found = crm.associations.batch.get(
        "companies", from_object_type="deals", inputs=[{"id": deal}]
    ).results
    kinds = [kind.label for one in found for to in one.to for kind in to.association_types]
    return {"labels": sorted(one for one in kinds if one)}


def refused(client: Any) -> dict[str, Any]:
    """A contact that is there already: a typed error."""
    contacts = client.with_options(max_retries=0).crm.objects.contacts
    one = {"properties": {"email": "jo@globex.example"}, "associations": []}
    contacts.create(**one)
    try:
        contacts.create(**one)
    except ConflictError as error:
        return {"taken": error.body["category"]}
    return {"taken": None}


def account(client: Any) -> dict[str, Any]:
    """What the account defines."""
    crm = client.crm
    (pipeline,) = (one for one in crm.pipelines.list("deals").results if one.id == "default")
    return {
        "owners": len(list(crm.owners.list())),
        "stage": pipeline.stages[0].label,
        "unique": crm.properties.get("prm_opportunity_id", object_type="deals").has_unique_value,
    }


def main() -> None:
    base_url, token = sys.argv[1:]
    strict = HubSpot(access_token=token, base_url=base_url, _strict_response_validation=True)
    lenient = HubSpot(access_token=token, base_url=base_url)
    with strict, lenient:
        objects = strict.crm.objects
        seen = records(objects.companies) | batches(objects.deals) | associations(lenient)
        sys.stdout.write(json.dumps(seen | refused(strict) | account(strict)))


if __name__ == "__main__":
    main()
