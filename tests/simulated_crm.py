"""One simulated CRM as its users and its control paths see it, in words that both CRMs share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from prmsync.connector.simulator.http import Request, Response

WORDS: dict[str, dict[str, Any]] = {
    "salesforce": {
        "partner": "Account",
        "opportunity": "Opportunity",
        "registration": "PRM_Registration__c",
        "id": "Id",
        "name": "Name",
        "country": "BillingCountryCode",
        "domain": "Website",
        "stage": "StageName",
        "close_date": "CloseDate",
        "amount": "Amount",
        "customer_name": "PRM_Customer_Name__c",
        "tier": "PRM_Tier__c",
        "partner_key": "PRM_Partner_Id__c",
        "opportunity_key": "PRM_Opportunity_Id__c",
        "number": "Name",
        "registration_amount": "Amount__c",
        "expected_close": "Expected_Close__c",
        "review_state": "Review_State__c",
        "negotiation": "Negotiation/Review",
        "proposal": "Proposal/Price Quote",
        "won": "Closed Won",
        "lost": "Closed Lost",
        "qualified": "Qualification",
        "day": "{}",
        "deal_name": "Name",
        "reseller": "VAR/Reseller",
        "distributor": "Distributor",
        "si": "System Integrator",
        "source": "PRM_Source__c",
        "customer_contact": "Customer_Contact__c",
        "registration_customer": "Customer_Name__c",
        "country_code": "BillingCountryCode",
    },
    "hubspot": {
        "partner": "companies",
        "opportunity": "deals",
        "registration": "prm_registration",
        "id": "id",
        "name": "name",
        "country": "country",
        "domain": "domain",
        "stage": "dealstage",
        "close_date": "closedate",
        "amount": "amount",
        "customer_name": "prm_customer_name",
        "tier": "prm_tier",
        "partner_key": "prm_partner_id",
        "opportunity_key": "prm_opportunity_id",
        "number": "number",
        "registration_amount": "amount",
        "expected_close": "expected_close",
        "review_state": "review_state",
        "negotiation": "contractsent",
        "proposal": "decisionmakerboughtin",
        "won": "closedwon",
        "lost": "closedlost",
        "qualified": "qualifiedtobuy",
        "day": "{}T12:00:00.000Z",
        "deal_name": "dealname",
        "reseller": "Reseller",
        "distributor": "Distributor",
        "si": "System integrator",
        "source": "prm_source",
        "customer_contact": "customer_contact",
        "registration_customer": "customer_name",
        "country_code": "country",
    },
}
"""Each CRM's words for the same things."""

NAMED = {"partner": "name", "opportunity": "deal_name", "registration": "number"}
"""Stream → the word for what people call its records."""

WRITE_PATHS = {
    "salesforce": r"composite/sobjects(/[^/]+/[^/]+)?$",
    "hubspot": r"batch/(upsert|update|create)$",
}
"""Where records are created and updated."""


Act = Callable[[Request], Response | None]
"""Does something, or answers in the CRM's place."""


@dataclass
class Before:
    """A simulator with somebody standing before some of its paths."""

    inner: Any
    path: re.Pattern[str]
    act: Act

    def handle(self, request: Request) -> Response:
        answer = self.act(request) if self.path.search(request.path) else None
        if answer is None:
            answer = self.inner.handle(request)
        return answer


@dataclass
class Crm:
    """One simulated CRM and the connection to it."""

    name: str
    connector: str
    simulator: Any
    base_url: str

    def control(self, method: str, what: str, body: object = None, **query: str) -> Any:
        """A call to the simulator's control paths."""
        response = self.simulator.handle(
            Request(
                method,
                f"/_simulator/{what}",
                {key: [value] for key, value in query.items()},
                {"host": "crm.example"},
                b"" if body is None else orjson.dumps(body),
            )
        )
        assert response.status < 300, response.body
        return orjson.loads(response.body) if response.body else None

    def records(self, object_name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("GET", "records", object=object_name)["records"]
        return found

    def create(self, object_name: str, values: dict[str, Any]) -> str:
        made = self.control("POST", "records", {"object": object_name, "values": values})
        return str(made["id"])

    def edit(self, object_name: str, record_id: str, values: dict[str, Any]) -> None:
        self.control("PATCH", "records", {"object": object_name, "id": record_id, "values": values})

    def delete(self, object_name: str, record_id: str) -> None:
        self.control("DELETE", "records", object=object_name, id=record_id)

    @property
    def words(self) -> dict[str, Any]:
        return WORDS[self.connector]

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """Live records of a stream as flat dicts."""
        found = self.records(self.words[stream])
        return [{**one, **one.get("properties", {})} for one in found if not is_gone(one)]

    def row(self, stream: str, record_id: str) -> dict[str, Any]:
        return next(one for one in self.rows(stream) if one[self.words["id"]] == record_id)

    def only(self, stream: str) -> dict[str, Any]:
        rows = self.rows(stream)
        assert len(rows) == 1, rows
        return rows[0]

    def change(self, stream: str, record_id: str, **values: Any) -> None:
        """An edit as a CRM user; names and picklist values are ours, in this file's words."""
        named = {self.words.get(key, key): value for key, value in values.items()}
        self.edit(self.words[stream], record_id, named)

    def remove(self, stream: str, record_id: str) -> None:
        self.delete(self.words[stream], record_id)

    def restore(self, stream: str, record_id: str) -> None:
        """A CRM user takes a record out of the recycle bin, or the archive."""
        if self.connector == "hubspot":
            self.edit(self.words[stream], record_id, {"archived": False})
        else:
            self.control("POST", "undelete", {"id": record_id})

    def merge(self, stream: str, record_id: str, into: str) -> None:
        """A CRM user merges a record into another one, which stays."""
        body = {"object": self.words[stream], "id": record_id, "into": into}
        self.control("POST", "merge", body)

    def relations(self) -> list[tuple[str, str, str, str]]:
        """(deal, partner, role, the CRM's id of the relation), roles in the CRM's own words."""
        if self.connector == "salesforce":
            return [
                (one["OpportunityId"], one["AccountToId"], one["Role"], one["Id"])
                for one in self.records("OpportunityPartner")
                if not is_gone(one)
            ]
        return [
            (one["from_id"], one["to_id"], one["label"], one["id"])
            for one in self.records("associations")
            if (one["from_object"], one["to_object"]) == ("0-3", "0-2")
            and one["category"] == "USER_DEFINED"
        ]

    def relate(self, deal: str, partner: str, role: str) -> str:
        """A relation made by a CRM user; `role` is in the CRM's own words."""
        if self.connector == "salesforce":
            values = {"OpportunityId": deal, "AccountToId": partner, "Role": role}
            return self.create("OpportunityPartner", values)
        ends = {"from_object": "deals", "from_id": deal, "to_object": "companies", "to_id": partner}
        return self.create("associations", {**ends, "label": role})

    def unrelate(self, relation_id: str) -> None:
        """A relation taken away by a CRM user."""
        salesforce = self.connector == "salesforce"
        self.delete("OpportunityPartner" if salesforce else "associations", relation_id)

    def calls(self) -> Any:
        return self.control("GET", "stats")

    def fault(self, **rule: Any) -> None:
        """Misbehave; without `path`, at writes of records. See the chassis's FaultRule."""
        self.control("POST", "faults", {"path": WRITE_PATHS[self.connector], **rule})

    def no_faults(self) -> None:
        self.control("DELETE", "faults")

    @contextmanager
    def standing_before(self, act: Act, path: str = "") -> Iterator[None]:
        """Somebody stands before the CRM and may do something first; without a path (a regular
        expression), before its writes of records."""
        inner = self.simulator
        self.simulator = Before(inner, re.compile(path or WRITE_PATHS[self.connector]), act)
        try:
            yield
        finally:
            self.simulator = inner

    def named(self, stream: str, name: str) -> dict[str, Any]:
        """The one live record that people call so."""
        word = self.words[NAMED[stream]]
        found = [one for one in self.rows(stream) if one[word] == name]
        assert len(found) == 1, (name, found)
        return found[0]

    def id_of(self, stream: str, name: str) -> str:
        return str(self.named(stream, name)[self.words["id"]])


def is_gone(record: dict[str, Any]) -> bool:
    return bool(record.get("IsDeleted") or record.get("archived"))
