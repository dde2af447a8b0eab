"""What a session knows of its org: the account and its pins, people, schemas. Read once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prmsync.connector.protocol import ConnectionSettings
from prmsync.connector.schema import Account, ObjectSchema, Person
from prmsync.errors import AuthError, ConnectorError, RejectedError, SchemaError
from prmsync_salesforce import describe, soql
from prmsync_salesforce.client import Client, SubAnswer, decoded, query_path
from prmsync_salesforce.errors import call_error

_ORGANIZATION = "SELECT Id, Name, IsSandbox, OrganizationType, TimeZoneSidKey FROM Organization"
_CURRENCY = "SELECT IsoCode FROM CurrencyType WHERE IsCorporate = true"
_PEOPLE = (
    "SELECT Id, Name, Email, IsActive FROM User "
    "WHERE UserType NOT IN ('Guest', 'CspLitePortal', 'CustomerSuccess') ORDER BY Id"
)
"""Without the users of customer portals, of which there may be a million."""

_TOGETHER = ("Account", "Opportunity", "OpportunityPartner", "PRM_Registration__c")
"""Objects of the shipped mappings: described in the call that opens the session."""


@dataclass(frozen=True, slots=True)
class _Opening:
    account: Account
    people: SubAnswer
    stages: SubAnswer


class Session:
    """Signs in on first use and refuses another org than the pinned one before any record is
    read or written. Shared by threads."""

    def __init__(self, client: Client, settings: ConnectionSettings, api_version: str) -> None:
        self._client = client
        self._settings = settings
        self._api_version = api_version
        self._lock = threading.RLock()
        self._opened: _Opening | None = None
        self._described: dict[str, SubAnswer] = {}
        self._schemas: dict[str, ObjectSchema] = {}

    def account(self) -> Account:
        """Raises AuthError when the org or environment is not the pinned one."""
        return self._open().account

    def people_at_hand(self) -> bool:
        """Whether all users came with the sign-in."""
        return not self._open().people.body.get("nextRecordsUrl")

    def people(self) -> list[Person]:
        """All users; the first page came with the sign-in."""
        answer = self._open().people
        rows = _rows(answer)
        following = answer.body.get("nextRecordsUrl")
        while following:
            page = decoded(self._client.send("metadata", "GET", following), "metadata")
            rows += page["records"]
            following = page.get("nextRecordsUrl")
        return [_person(row) for row in rows]

    def schema(self, object_name: str) -> ObjectSchema:
        """An object's schema. Raises SchemaError where the org does not show it."""
        name = soql.name(object_name)
        with self._lock:
            if name.lower() not in self._schemas:
                self._schemas[name.lower()] = self._described_object(name)
            return self._schemas[name.lower()]

    def forget_schemas(self) -> None:
        """The next schema of each object is asked for anew."""
        with self._lock:
            self._described.clear()
            self._schemas.clear()

    def _open(self) -> _Opening:
        with self._lock:
            if self._opened is None:
                self._opened = self._ask()
            return self._opened

    def _ask(self) -> _Opening:
        answers = self._client.composite(
            "metadata",
            {
                "organization": query_path(_ORGANIZATION),
                "currency": query_path(_CURRENCY),
                "people": query_path(_PEOPLE),
                "stages": query_path(describe.STAGES),
                **_describes(_TOGETHER),
            },
        )
        self._client.read_meter()
        organization = _rows(answers["organization"])[0]
        environment = "sandbox" if organization["IsSandbox"] else "production"
        name = str(organization["Name"] or "")
        check_pins(self._settings, str(organization["Id"]), environment, name)
        account = Account(
            org_id=str(organization["Id"]),
            name=name,
            environment=environment,
            currency=self._currency(answers["currency"]),
            time_zone=str(organization["TimeZoneSidKey"] or "UTC"),
            user=self._user(answers["people"]),
            api_version=self._api_version,
            user_id=self._client.user,
        )
        self._described = {one: answers[one] for one in _describes(_TOGETHER) if one in answers}
        return _Opening(account, answers["people"], answers["stages"])

    def _currency(self, corporate: SubAnswer) -> str:
        """The setting first; multi-currency orgs name their corporate currency in CurrencyType,
        all others only in the Connect API's organization settings."""
        named = self._settings.options.get("currency")
        if named:
            return str(named)
        if corporate.rows:
            return str(corporate.rows[0]["IsoCode"])
        try:
            settings = self._client.get("metadata", "/connect/organization")
            return str(settings["features"]["defaultCurrencyIsoCode"])
        except (AuthError, RejectedError, SchemaError, KeyError, TypeError) as error:
            raise SchemaError(
                "the org does not tell its currency",
                hint="Neither CurrencyType nor /connect/organization names it: may the integration "
                "user read them? Or set options.currency of this connection in prmsync.toml.",
            ) from error

    def _user(self, people: SubAnswer) -> str:
        user = self._client.user
        names = (row["Name"] for row in people.rows if str(row["Id"])[:15] == user[:15])
        return str(next(names, user))

    def _described_object(self, name: str) -> ObjectSchema:
        stages = self._open().stages
        answer = self._described.get(name.lower())
        if answer is None:
            together = dict.fromkeys([name, *_TOGETHER]) if not self._described else [name]
            self._described |= self._client.composite("metadata", _describes(together))
            answer = self._described[name.lower()]
        described = _found(answer, f"the object {name}")
        staged = _rows(stages) if described["name"] == "Opportunity" else []
        return describe.object_schema(described, self._open().account.currency, staged)


def _describes(names: Iterable[str]) -> dict[str, str]:
    return {name.lower(): f"/sobjects/{name}/describe" for name in names}


def check_pins(settings: ConnectionSettings, org_id: str, environment: str, org_name: str) -> None:
    """Raises AuthError that names both, for another org or environment than the pinned one.
    15 and 18 character ids of one org are equal. `org_name` is the found org's name."""
    if settings.org and settings.org[:15] != org_id[:15]:
        raise AuthError(
            f"{settings.name} signed in to {org_name} (org {org_id}, {environment}), but is "
            f"pinned to org {settings.org}",
            hint="Nothing was read or written. Check base_url and client_id, or correct org of "
            "this connection in prmsync.toml.",
            code="ANOTHER_ORG",
        )
    if settings.environment and settings.environment != environment:
        raise AuthError(
            f"{settings.name} signed in to {org_name} (org {org_id}), which is a {environment} "
            f"org, but is pinned to {settings.environment}",
            hint="Nothing was read or written. Check base_url, or correct environment of this "
            "connection in prmsync.toml.",
            code="ANOTHER_ENVIRONMENT",
        )


def _person(row: Mapping[str, Any]) -> Person:
    return Person(
        id=row["Id"],
        email=str(row["Email"] or "").lower(),
        name=str(row["Name"] or ""),
        active=bool(row["IsActive"]),
    )


def _found(answer: SubAnswer, what: str) -> Mapping[str, Any]:
    if answer.status == 200 and isinstance(answer.body, dict):
        return answer.body
    raise _inner_error(answer, what)


def _rows(answer: SubAnswer) -> list[dict[str, Any]]:
    return list(_found(answer, "the org's settings")["records"])


def _inner_error(answer: SubAnswer, what: str) -> ConnectorError:
    error = call_error(answer.status, answer.body, "metadata")
    error.message = f"Salesforce does not show {what}: {error.message}"
    if answer.status == 404:
        error.hint = (
            "Is it spelt as in Setup, and does a permission set let the integration user see it?"
        )
    return error
