"""What CRM users do besides editing: merge duplicates, empty the recycle bin back, answer what
waits. Past the engine, by the simulators' control paths and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from simulation.sides import CrmSide, Impossible
from simulation.words import OBJECTS

STATE: Mapping[str, tuple[str, str]] = {
    "salesforce": ("PRM_Sync_State__c", "Needs decision"),
    "hubspot": ("prm_sync_state", "needs_decision"),
}
"""Connector → the field that says how a record stands, and its word for what waits."""
ANSWER: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "salesforce": (
        "PRM_Sync_Decision__c",
        {"crm": "Keep CRM value", "prm": "Take partner value"},
    ),
    "hubspot": ("prm_sync_decision", {"crm": "keep_crm", "prm": "take_partner"}),
}


def merge(crm: CrmSide, stream: str, record: str, into: str, *, anew: bool = False) -> str:
    """`record` goes, `into` stays, or with `anew` (HubSpot) goes on under a new id. Returns the id
    of what is left."""
    if record == into:
        raise Impossible("it is the same record")
    body = {"object": OBJECTS[crm.connector][stream], "id": record, "into": into}
    if crm.connector == "salesforce":
        crm.control("POST", "merge", body)
        return into
    portal = crm.simulator.portal
    portal.settings = replace(portal.settings, merge_new_id=anew)
    crm.control("POST", "merge", body)
    return str(portal.find_type(body["object"]).table.get(into).id)


def restore(crm: CrmSide, stream: str, record: str) -> None:
    """Out of the recycle bin."""
    if crm.connector == "hubspot":
        crm.edit(stream, record, {"archived": False})
    else:
        crm.control("POST", "undelete", {"id": record})


def waiting(crm: CrmSide) -> Iterator[tuple[str, str]]:
    """(stream, id) of the records that say they need a decision."""
    name, word = STATE[crm.connector]
    for (stream, record), row in crm.rows():
        if row.get(name) == word:
            yield stream, record


def answer(crm: CrmSide, stream: str, record: str, take: str) -> None:
    name, codes = ANSWER[crm.connector]
    crm.edit(stream, record, {name: codes[take]})


def unlock(crm: CrmSide) -> bool:
    """All approval processes of a Salesforce org have ended; whether there were any."""
    locked = crm.control("GET", "approval_locks")["locked"]
    for record in locked:
        crm.control("POST", "approval_locks", {"id": record, "locked": False})
    return bool(locked)
