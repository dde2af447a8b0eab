"""Reads an org for provisioning: describes, what field security hides, what a set grants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prmsync.connector.provisioning import ObjectNeed
from prmsync.connector.schema import Account, ObjectSchema
from prmsync.errors import AuthError, Finding, RejectedError, SchemaError
from prmsync_salesforce import soql
from prmsync_salesforce.client import Client, decoded
from prmsync_salesforce.describe import STAGES, object_schema
from prmsync_salesforce.provision.org import LiveObject, LiveOrg
from prmsync_salesforce.provision.source import PEOPLE_SET, SERVICE_SET, source

_DESCRIBES = 25
"""Requests of one composite call."""
_SETUP = "Give the user “View Setup and Configuration”, or sign in as an admin."
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Reader:
    """One user's look at the org. What may not be read is noted in `unread`, not raised."""

    client: Client
    unread: list[Finding]

    def rows(self, what: str, query: str, *, tooling: bool = False) -> Rows:
        """All rows of a query; none, and a finding, where the user may not ask."""
        try:
            return list(self._pages(query, tooling=tooling))
        except (AuthError, RejectedError, SchemaError) as error:
            if isinstance(error, AuthError) and error.code == "INVALID_SESSION_ID":
                raise
            self.unread.append(Finding(what, f"could not be read: {error.message}", _SETUP))
            return []

    def _pages(self, query: str, *, tooling: bool) -> Iterator[dict[str, Any]]:
        if not tooling:
            for answer in self.client.query("metadata", query):
                yield from answer.rows
            return
        page = self.client.get("metadata", "/tooling/query", {"q": query})
        yield from page["records"]
        while not page.get("done", True):
            page = decoded(self.client.send("metadata", "GET", page["nextRecordsUrl"]), "metadata")
            yield from page["records"]

    def described(self, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Describe answers by object name in lower case; without objects that are not shown."""
        found: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(names), _DESCRIBES):
            some = names[start : start + _DESCRIBES]
            paths = {
                f"d{place}": f"/sobjects/{soql.name(one)}/describe"
                for place, one in enumerate(some)
            }
            answers = self.client.composite("metadata", paths)
            for place, one in enumerate(some):
                answer = answers[f"d{place}"]
                if answer.status == 200:
                    found[one.lower()] = answer.body
        return found


def read_org(
    client: Client,
    needs: Sequence[ObjectNeed],
    service: Mapping[str, ObjectSchema],
    account: Account,
) -> LiveOrg:
    """The org as the signed-in user of `client` sees it; `service` is what the user that syncs
    sees, by object name in lower case, `account` is that user's. Raises ConnectorError for
    anything but a missing right."""
    reader = Reader(client, [])
    names = list(dict.fromkeys(need.object for need in needs))
    described = reader.described(names)
    hidden = _hidden(reader, names, described)
    sets = _permission_sets(reader)
    return LiveOrg(
        objects={
            name: _live(answer, account.currency, hidden.get(answer["name"].lower(), frozenset()))
            for name, answer in described.items()
        },
        hidden_objects=frozenset(name.lower() for name in custom_object_ids(reader).values())
        - set(described),
        service=service,
        value_sets=_value_sets(reader),
        list_views=_list_views(reader, names),
        permission_sets=sets,
        granted=_granted(reader, sets),
        granted_objects=_granted_objects(reader, sets),
        assigned=_assigned(reader, account.user_id, sets),
        stages=_stages(reader),
        unread=tuple(reader.unread),
    )


def _live(answer: Mapping[str, Any], corporate: str, custom: frozenset[str]) -> LiveObject:
    schema = object_schema(answer, corporate)
    shown = {field["name"].lower() for field in answer["fields"]}
    return LiveObject(
        schema=schema,
        hidden=frozenset(name for name in custom if name.lower() not in shown),
        permission=_permissions(answer["fields"]),
    )


def _permissions(fields: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Field → the name by which it is granted: parts of an address by the whole address."""
    grantable = {field["name"] for field in fields if field.get("permissionable")}
    found = {}
    for field in fields:
        whole = field.get("compoundFieldName") or field["name"]
        for name in (field["name"], whole):
            if name in grantable:
                found[field["name"]] = name
    return found


def _hidden(
    reader: Reader, names: Sequence[str], described: Mapping[str, object]
) -> dict[str, frozenset[str]]:
    """Object in lower case → all its custom fields, whether shown or not."""
    there = [name for name in names if name.lower() in described]
    if not there:
        return {}
    entity = "EntityDefinition.QualifiedApiName"
    fields = ("DeveloperName", "NamespacePrefix", entity)
    query = soql.select(fields, "CustomField", soql.one_of(entity, there))
    rows = reader.rows("Setup: custom fields", query, tooling=True)
    found: dict[str, set[str]] = {}
    for row in rows:
        on = str((row.get("EntityDefinition") or {}).get("QualifiedApiName") or "").lower()
        found.setdefault(on, set()).add(_api_name(row))
    return {on: frozenset(custom) for on, custom in found.items()}


def custom_object_ids(reader: Reader) -> dict[str, str]:
    """Id in Setup, 15 characters → API name, of all custom objects."""
    rows = reader.rows(
        "Setup: custom objects",
        "SELECT Id, DeveloperName, NamespacePrefix FROM CustomObject",
        tooling=True,
    )
    return {str(row["Id"])[:15]: _api_name(row) for row in rows}


def _api_name(row: Mapping[str, Any]) -> str:
    prefix = row.get("NamespacePrefix")
    return f"{prefix}__{row['DeveloperName']}__c" if prefix else f"{row['DeveloperName']}__c"


def _value_sets(reader: Reader) -> frozenset[str]:
    query = "SELECT DeveloperName FROM GlobalValueSet"
    rows = reader.rows("Setup: picklist value sets", query, tooling=True)
    return frozenset(str(row["DeveloperName"]) for row in rows)


def _list_views(reader: Reader, names: Sequence[str]) -> frozenset[tuple[str, str]]:
    ours = sorted({one for _, one in source().list_views})
    where = f"{soql.one_of('SobjectType', names)} AND {soql.one_of('DeveloperName', ours)}"
    query = soql.select(("DeveloperName", "SobjectType"), "ListView", where)
    rows = reader.rows("list views", query)
    return frozenset((str(row["SobjectType"]), str(row["DeveloperName"])) for row in rows)


def _permission_sets(reader: Reader) -> dict[str, str]:
    ours = soql.one_of("Name", (SERVICE_SET, PEOPLE_SET))
    query = soql.select(("Id", "Name"), "PermissionSet", ours)
    return {str(row["Name"]): str(row["Id"]) for row in reader.rows("permission sets", query)}


def _granted(reader: Reader, sets: Mapping[str, str]) -> dict[str, bool]:
    if SERVICE_SET not in sets:
        return {}
    fields = ("Field", "PermissionsRead", "PermissionsEdit")
    query = soql.select(fields, "FieldPermissions", soql.equal("ParentId", sets[SERVICE_SET]))
    return {
        str(row["Field"]): bool(row["PermissionsEdit"])
        for row in reader.rows("field permissions", query)
        if row["PermissionsRead"]
    }


def _granted_objects(reader: Reader, sets: Mapping[str, str]) -> frozenset[str]:
    if SERVICE_SET not in sets:
        return frozenset()
    fields = ("SobjectType", "PermissionsEdit")
    query = soql.select(fields, "ObjectPermissions", soql.equal("ParentId", sets[SERVICE_SET]))
    rows = reader.rows("object permissions", query)
    return frozenset(str(row["SobjectType"]) for row in rows if row["PermissionsEdit"])


def _assigned(reader: Reader, user: str, sets: Mapping[str, str]) -> bool:
    if SERVICE_SET not in sets:
        return False
    ours = soql.equal("PermissionSetId", sets[SERVICE_SET])
    where = f"{soql.equal('AssigneeId', user)} AND {ours}"
    query = soql.select(("Id",), "PermissionSetAssignment", where)
    return bool(reader.rows("permission set assignments", query))


def _stages(reader: Reader) -> frozenset[str]:
    rows = reader.rows("opportunity stages", STAGES)
    return frozenset(
        str(text).casefold() for row in rows for text in (row["MasterLabel"], row["ApiName"])
    )
