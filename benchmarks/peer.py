"""The same opportunities through dlt, the best public peer, as its own sources read them.

dlt publishes a source for either CRM (github.com/dlt-hub/verified-sources, salesforce and
hubspot). What they do with each page is done here: records with the CRM's own stamp, a type for
each column where the CRM tells one, merged by id, Salesforce with a cursor for the next load. The
fields are the ones that prmsync reads, not all of the object; pages come by the same API as for
prmsync. The destination is SQLite, as for prmsync.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import requests
import requests.adapters
from simple_salesforce import Salesforce

from prmsync.connector.registry import plugin

STAMP = "SystemModstamp"
_TYPES = {
    "bool": "bool",
    "enumeration": "text",
    "number": "double",
    "datetime": "timestamp",
    "string": "text",
}
"""HubSpot's type of a property → dlt's of the column; dlt finds out the others."""


def load(crm: str, folder: Path, base_url: str, fields: list[str]) -> None:
    """Run dlt's pipeline into `folder`. Raises ImportError where dlt is not installed."""
    run(folder, _SOURCES[crm](base_url, fields))


def run(folder: Path, source: Any, *, only_extract: bool = False) -> None:
    """The same for a source that is made already; `only_extract` ends when all is read."""
    import dlt

    folder.mkdir(exist_ok=True)
    pipeline = dlt.pipeline(
        "benchmark",
        pipelines_dir=str(folder / "dlt"),
        destination=dlt.destinations.sqlalchemy(f"sqlite:///{folder / 'dlt.db'}"),
        dataset_name="main",
    )
    (pipeline.extract if only_extract else pipeline.run)(source)


def _salesforce(base_url: str, fields: list[str]) -> Any:
    import dlt
    from dlt.common import pendulum

    def processed(record: dict[str, Any], moments: list[str]) -> dict[str, Any]:
        record.pop("attributes", None)
        for name in moments:
            if record.get(name):
                when: Any = pendulum.parse(record[name])
                record[name] = when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return record

    # "open": closed, dlt keeps a digest of every record with the newest stamp, and all of the
    # simulator's records have one and the same.
    newest = dlt.sources.incremental(STAMP, initial_value=None, range_start="open")

    @dlt.resource(name="opportunity", primary_key="Id", write_disposition="merge")
    def opportunities(since: Any = newest) -> Iterator[dict[str, Any]]:
        org = _org(base_url)
        told = {one["name"]: one["type"] for one in org.Opportunity.describe()["fields"]}
        names = ["Id", *fields, STAMP]
        moments = [name for name in names if told.get(name) == "datetime"]
        where = f" WHERE {STAMP} > {since.last_value}" if since.last_value else ""
        query = f"SELECT {', '.join(names)} FROM Opportunity{where} ORDER BY {STAMP} ASC"
        answer = org.query(query)
        while True:
            for record in answer["records"]:
                yield processed(record, moments)
            if answer["done"]:
                return
            answer = org.query_more(answer["nextRecordsUrl"], identifier_is_url=True)

    return opportunities


class _OverHttp(requests.adapters.HTTPAdapter):
    """simple-salesforce insists on https; the simulator speaks http on this machine."""

    def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        request.url = (request.url or "").replace("https://", "http://", 1)
        return super().send(request, **more)


def _org(base_url: str) -> Salesforce:
    with httpx.Client(base_url=base_url, timeout=60, trust_env=False) as client:
        form = {"grant_type": "client_credentials", **plugin("salesforce").simulator_auth()}
        token = client.post("/services/oauth2/token", data=form).json()["access_token"]
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", _OverHttp())
    secure = base_url.replace("http://", "https://")
    return Salesforce(instance_url=secure, session_id=token, session=session, version="68.0")


def hubspot_deals(base_url: str, fields: list[str], *, associations: bool = False) -> Any:
    """Deals, with their companies where associations are wanted: dlt asks for them with the pages
    of deals and makes a child table of them."""
    import dlt
    from dlt.sources.helpers import requests as dlt_requests

    headers = {"authorization": f"Bearer {plugin('hubspot').simulator_auth()['token']}"}

    def get(path: str, params: dict[str, str] | None = None) -> Any:
        return dlt_requests.get(base_url + path, headers=headers, params=params).json()

    @dlt.resource(name="deals", primary_key="id", write_disposition="merge")
    def deals() -> Iterator[Any]:
        told = {one["name"]: one["type"] for one in get("/crm/v3/properties/deals")["results"]}
        columns: dict[str, Any] = {
            name: {"name": name, "data_type": _TYPES[told[name]]}
            for name in fields
            if told.get(name) in _TYPES
        }
        params = {"properties": ",".join(sorted(fields)), "limit": "100"}
        if associations:
            params["associations"] = "companies"
        while True:
            page = get("/crm/v3/objects/deals", params)
            found = [_deal(one) for one in page["results"]]
            yield dlt.mark.with_hints(found, dlt.mark.make_hints(columns=columns))
            if "paging" not in page:
                return
            params["after"] = page["paging"]["next"]["after"]

    return deals


def _deal(one: dict[str, Any]) -> dict[str, Any]:
    deal = {**one["properties"], "id": one["id"]}
    for name, held in (one.get("associations") or {}).items():
        pairs = {(deal["hs_object_id"], end["id"]) for end in held["results"]}
        deal[name] = [{"value": value, f"{name}_id": end} for value, end in pairs]
    return deal


_SOURCES = {"salesforce": _salesforce, "hubspot": hubspot_deals}
