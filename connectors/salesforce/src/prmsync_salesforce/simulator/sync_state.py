"""The fields in which an admin lets records carry their sync state."""

from __future__ import annotations

from prmsync_salesforce.simulator.schema import Choice, ObjectDefinition
from prmsync_salesforce.simulator.schema import FieldDefinition as Field

STATES = ("In step", "Needs decision", "Refused", "Waiting", "Paused")
DECISIONS = ("Keep CRM value", "Take partner value")


def with_sync_state(found: ObjectDefinition) -> ObjectDefinition:
    """The object with the state, its reason and the decision."""
    fields = [
        *found.fields.values(),
        _pick("PRM_Sync_State__c", "Partner Sync State", STATES),
        Field("PRM_Sync_Reason__c", "Partner Sync Reason", "textarea", 1000),
        _pick("PRM_Sync_Decision__c", "Partner Sync Decision", DECISIONS),
    ]
    return found.copied(fields)


def _pick(name: str, label: str, values: tuple[str, ...]) -> Field:
    choices = tuple(Choice(one, one) for one in values)
    return Field(name, label, "picklist", 255, choices=choices, restricted=True)
