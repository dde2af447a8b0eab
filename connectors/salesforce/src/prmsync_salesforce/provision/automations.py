"""Names what acts on, or refuses, writes to an object: flows, rules, triggers, approvals.

Each kind is one question to the org; what the user may not see is said, not left out in silence.
Sources: Object Reference (FlowDefinitionView, DuplicateRule, AssignmentRule, ApexTrigger), Tooling
API (ValidationRule), REST API (process/rules, process/approvals).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prmsync.connector.provisioning import Automation, Automations
from prmsync.errors import AuthError, Finding, RejectedError, SchemaError
from prmsync_salesforce import soql
from prmsync_salesforce.client import Client
from prmsync_salesforce.provision.live import Reader, custom_object_ids

_MOMENTS = {
    "RecordBeforeSave": "before a record is saved",
    "RecordAfterSave": "after a record is saved",
}
_ENTITY = "EntityDefinition.QualifiedApiName"
_FLOW_OBJECT = "TriggerObjectOrEvent.QualifiedApiName"
_REWRITES = (
    "may change fields that were just written",
    "A field that it puts back is held after three times: let it skip the user that syncs, or "
    "give the field to the CRM in the mapping (policy: crm).",
)
_REFUSES = (
    "refuses records that break it",
    "Refused records wait in `prmsync parked list` with its message; let it skip the user that "
    "syncs, or correct the record.",
)


def read_automations(client: Client, objects: Sequence[str]) -> Automations:
    """Everything active on these objects, object by object. Raises ConnectorError for anything
    but a missing right."""
    reader = Reader(client, [])
    names = {name.lower(): name for name in objects}
    found = [
        one
        for kind in (
            _flows,
            _workflow,
            _triggers,
            _validation,
            _duplicates,
            _assignment,
            _approvals,
        )
        for one in kind(reader, names)
    ]
    order = list(names.values())
    found.sort(key=lambda one: (order.index(one.object), one.kind, one.name))
    return Automations(tuple(found), tuple(reader.unread))


_Names = Mapping[str, str]
"""Object in lower case → as the mapping writes it."""


def _flows(reader: Reader, names: _Names) -> Iterator[Automation]:
    on_ours = soql.one_of(_FLOW_OBJECT, names.values())
    fields = ("ApiName", "Label", "TriggerType", "RecordTriggerType", _FLOW_OBJECT)
    rows = reader.rows(
        "flows", soql.select(fields, "FlowDefinitionView", f"IsActive = true AND {on_ours}")
    )
    for row in rows:
        event = row.get("TriggerObjectOrEvent") or {}
        moment = _MOMENTS.get(str(row.get("TriggerType")), "on its own schedule")
        on = names.get(str(event.get("QualifiedApiName") or "").lower())
        if on is not None and row.get("TriggerType") != "RecordBeforeDelete":
            yield Automation(
                on,
                "flow",
                str(row.get("Label") or row["ApiName"]),
                f"runs {moment}",
                *_REWRITES,
                where=f"Setup > Flows > {row['ApiName']}",
            )


def _workflow(reader: Reader, names: _Names) -> Iterator[Automation]:
    for on, rule in _process(reader, "rules", names):
        actions = ", ".join(sorted({str(one.get("type")) for one in rule.get("actions") or ()}))
        yield Automation(
            on,
            "workflow rule",
            str(rule.get("name")),
            f"does: {actions}" if actions else "does nothing at once",
            *_REWRITES,
            where=f"Setup > Workflow Rules > {rule.get('name')}",
        )


def _approvals(reader: Reader, names: _Names) -> Iterator[Automation]:
    for on, process in _process(reader, "approvals", names):
        yield Automation(
            on,
            "approval process",
            str(process.get("name")),
            "locks a record while it waits for approval",
            "refuses writes to locked records",
            "They are parked and go on after the unlock; or let the process's entry criteria "
            "leave out what syncs.",
            where=f"Setup > Approval Processes > {process.get('name')}",
        )


def _process(reader: Reader, kind: str, names: _Names) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Active rules or approvals by object, from the REST resource of that name."""
    what = {"rules": "workflow rules", "approvals": "approval processes"}[kind]
    try:
        answer = reader.client.get("metadata", f"/process/{kind}")
    except (AuthError, RejectedError, SchemaError) as error:
        hint = "Give the user “View Setup and Configuration”, or sign in as an admin."
        reader.unread.append(Finding(what, f"could not be read: {error.message}", hint))
        return
    for on, rules in (answer.get(kind) or {}).items():
        if on.lower() in names:
            for rule in rules:
                yield names[on.lower()], rule


def _triggers(reader: Reader, names: _Names) -> Iterator[Automation]:
    """A trigger names a custom object by its id in Setup, a standard one by its name."""
    rows = reader.rows(
        "Apex triggers",
        "SELECT Name, NamespacePrefix, TableEnumOrId FROM ApexTrigger WHERE Status = 'Active'",
    )
    ids = custom_object_ids(reader) if any(_is_setup_id(row) for row in rows) else {}
    for row in rows:
        table = str(row["TableEnumOrId"])
        on = names.get(ids.get(table[:15], table).lower())
        if on is None:
            continue
        package = row.get("NamespacePrefix")
        yield Automation(
            on,
            "Apex trigger",
            str(row["Name"]),
            f"of the package {package}" if package else "of this org",
            *_REWRITES,
            where=f"Setup > Apex Triggers > {row['Name']}",
        )


def _is_setup_id(row: Mapping[str, Any]) -> bool:
    return soql.is_id(str(row["TableEnumOrId"]))


def _validation(reader: Reader, names: _Names) -> Iterator[Automation]:
    fields = ("ValidationName", "ErrorMessage", _ENTITY)
    where = f"Active = true AND {soql.one_of(_ENTITY, names.values())}"
    query = soql.select(fields, "ValidationRule", where)
    rows = reader.rows("validation rules", query, tooling=True)
    for row in rows:
        on = names[str(row["EntityDefinition"]["QualifiedApiName"]).lower()]
        yield Automation(
            on,
            "validation rule",
            str(row["ValidationName"]),
            f"says: {' '.join(str(row['ErrorMessage']).split())}",
            *_REFUSES,
            where=f"Setup > Object Manager > {on} > Validation Rules",
        )


def _duplicates(reader: Reader, names: _Names) -> Iterator[Automation]:
    fields = ("DeveloperName", "MasterLabel", "SobjectType")
    for on, row in _rules(reader, names, "DuplicateRule", fields, "IsActive"):
        yield Automation(
            on,
            "duplicate rule",
            str(row.get("MasterLabel") or row["DeveloperName"]),
            "compares new records with those that are there",
            "refuses a record that looks like another",
            "Link the two with `prmsync match`, merge them in Salesforce, or let the rule allow "
            "the user that syncs.",
            where="Setup > Duplicate Rules",
        )


def _assignment(reader: Reader, names: _Names) -> Iterator[Automation]:
    for on, row in _rules(reader, names, "AssignmentRule", ("Name", "SobjectType"), "Active"):
        yield Automation(
            on,
            "assignment rule",
            str(row["Name"]),
            "gives new records an owner",
            "does not run on what prmsync writes",
            "Every write asks Salesforce to leave it out (Sforce-Auto-Assign: FALSE); where a flow "
            "runs it all the same, give the owner to the CRM in the mapping (policy: crm).",
            where="Setup > Assignment Rules",
        )


def _rules(
    reader: Reader, names: _Names, kind: str, fields: Sequence[str], active: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Active rules of a kind that names its object by itself, with that object."""
    what = {"DuplicateRule": "duplicate rules", "AssignmentRule": "assignment rules"}[kind]
    where = f"{active} = true AND {soql.one_of('SobjectType', names.values())}"
    for row in reader.rows(what, soql.select(fields, kind, where)):
        yield names[str(row["SobjectType"]).lower()], row
