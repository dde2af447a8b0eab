"""The keys of a mapping file with a line of explanation each, and the defaults between them.

The loader refuses every other key; the JSON schema and the reference page come from here.
"""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.domain.merge import Direction, First, Policy
from prmsync.mapping.fields import Kind

VERSION = 1

TOP: Mapping[str, str] = {
    "version": "version of this file format: 1",
    "connector": "whose CRM this is: salesforce, hubspot, or another installed connector",
    "stream": "what is mapped: partner, opportunity, registration or relation",
    "object": "the CRM object's name",
    "key": "CRM field that holds our external key; unique there",
    "match": "match keys in order, each one field or a list of fields compared together",
    "create": "which sides new records may be created on",
    "stamp_key": "write the external key into CRM records that were matched or came from the CRM",
    "on_delete": "what a deletion on one side does: unlink or propagate",
    "recreate": "create a record again that the CRM deleted",
    "guard": "how an update takes care of edits made meanwhile: look, strict or history",
    "allow_duplicates": "save what a duplicate rule of the CRM only warns people of",
    "home": "each record belongs to one connection's CRM; the others keep a copy",
    "filter": "only records with one of these values take part",
    "fields": "field of the partner database: field of the CRM",
    "groups": "fields that merge as one value, and the rules they share",
    "stages": "neutral stages and their labels in the CRM, by pipeline",
    "owners": "people whose e-mail differs in the CRM, and who owns what nobody known owns",
    "relation": "both ends and the roles of the partner–deal relation",
    "status": "CRM fields in which a record carries its sync state, and takes a decision",
    "brakes": "how many writes a run may do before a person is asked",
}
CREATE: Mapping[str, str] = {
    "crm": "create in the CRM what exists only in the partner database",
    "prm": "create in the partner database what exists only in the CRM",
}
FIELD: Mapping[str, str] = {
    "crm": "the CRM field's name",
    "transform": "how values are translated; the default follows from the field",
    "picklist": "our code: the CRM's code or label, or a list of which the first is written",
    "policy": "what happens when the field was edited",
    "direction": "which way values flow",
    "first": "whose value holds when a pair is linked for the first time and they differ",
}
GROUP: Mapping[str, str] = {
    "fields": "the fields of the group",
    "policy": FIELD["policy"],
    "direction": FIELD["direction"],
    "first": FIELD["first"],
}
STAGES: Mapping[str, str] = {
    "field": "CRM field that names a record's pipeline or record type",
    "default": "the pipeline of new records",
    "pipelines": "by pipeline, neutral stage: the CRM's label, or a list; the first is written",
}
OWNERS: Mapping[str, str] = {
    "fallback": "e-mail of the CRM user who owns what no known, active user owns",
    "overrides": "our e-mail: the same person's e-mail in the CRM",
}
RELATION: Mapping[str, str] = {
    "from": "the deal's end: CRM field and object",
    "to": "the partner's end: CRM field and object",
    "role": "the CRM field of the role, and our code: the CRM's label",
}
RELATION_END: Mapping[str, str] = {
    "crm": "CRM field that refers to this end",
    "object": "the CRM object at this end",
}
RELATION_ROLE: Mapping[str, str] = {
    "crm": "CRM field of the role, or the name the connector gives it",
    "values": "our code: the CRM's code or label",
}
STATUS: Mapping[str, str] = {
    "state": "picklist or text: In step, Needs decision, Refused, Waiting, Paused",
    "reason": "text: one sentence why",
    "decision": "picklist: Keep CRM value, Take partner value; read back, then blank again",
}
BRAKES: Mapping[str, str] = {
    "absolute": "writes of one field in a run; both limits must be passed",
    "percent": "the same, in per cent of the stream's linked records",
    "creates": "records created in a run",
    "deletes": "records deleted in a run",
    "ends": "pairs that are separated in a run, or leave the filter",
    "blanks": "values of one field that are cleared in a run",
    "regressions": "deals whose stage goes back in a run",
    "empty": "per cent of the linked records that may go from one side in a run",
}

TRANSFORMS: Mapping[str, str] = {
    "text": "text; surrounding blanks and empty text do not count",
    "code": "a code in capitals, such as a country or a currency",
    "domain": "a web domain; `https://`, `www.` and a path do not count",
    "number": "a number, at the scale of the CRM field where it has one",
    "money": "an amount, at the scale of the currency beside it",
    "boolean": "yes or no; blank is no",
    "date": "a day on both sides",
    "datetime": "a moment on both sides, to the second",
    "day_in_zone": "a day here, a moment in the CRM: noon of that day in the account's time zone",
    "picklist": "a code, translated by `picklist` where it is given",
    "multi_picklist": "several codes, in no order",
    "stage": "the sales stage, translated by `stages`",
    "owner": "a person, by e-mail",
    "reference": "another record of ours",
}

FITTING: Mapping[Kind, tuple[str, ...]] = {
    Kind.TEXT: ("text", "code", "domain"),
    Kind.CODE: ("code", "text", "picklist"),
    Kind.DOMAIN: ("domain", "text"),
    Kind.NUMBER: ("number",),
    Kind.MONEY: ("money", "number"),
    Kind.BOOLEAN: ("boolean",),
    Kind.DATE: ("date", "day_in_zone"),
    Kind.DATETIME: ("datetime",),
    Kind.PICKLIST: ("picklist", "text"),
    Kind.MULTI_PICKLIST: ("multi_picklist",),
    Kind.STAGE: ("stage",),
    Kind.OWNER: ("owner", "text"),
    Kind.REFERENCE: ("reference",),
}
"""Transforms that a field of each kind can have; the first is its default."""


def default_first(policy: Policy, direction: Direction) -> First:
    """Whose value holds at first when the mapping does not say: the owner's, else nothing is
    overwritten."""
    if policy is Policy.FILL_BLANK:
        return First.FILL_BLANK
    if direction is Direction.TO_CRM:
        return First.PRM
    if direction is Direction.TO_PRM:
        return First.CRM
    if policy is Policy.PRM:
        return First.PRM
    if policy in (Policy.CRM, Policy.PROPOSAL, Policy.STAGE):
        return First.CRM
    return First.FILL_BLANK
