"""The fields of a record's sync state in one account. Without them the record carries none."""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.connector.schema import FieldSchema, FieldType, ObjectSchema
from prmsync.mapping.model import StatusMap, StreamMapping
from prmsync.mapping.status import (
    DECISION,
    DECISION_WORDS,
    REASON,
    STATE,
    STATE_WORDS,
    StatusField,
)
from prmsync.sync.live_fields import STATUS, Misfit

_REMEDY = (
    "add it to the object in the CRM and let the signed-in user write it (docs/crm-admin.md, "
    "What a record says), or take `status` out of the mapping; everything else is synced meanwhile"
)


def resolve_status(
    mapping: StreamMapping, schema: ObjectSchema, findings: list[Misfit]
) -> Mapping[str, StatusField]:
    """The status fields by their keys; none of them where one is missing or does not fit."""
    status = mapping.status
    if status is None:
        return {}
    by_name = {name.lower(): one for name, one in schema.fields.items()}
    found: dict[str, StatusField] = {}
    wrong: list[Misfit] = []
    for key, word, name, words in _wanted(status):
        at = str(status.places.get(word, status.at))
        field = by_name.get(name.lower())
        problem = _problem(name, schema, field, words)
        if problem is not None:
            wrong.append(Misfit(at, problem, _REMEDY, STATUS))
        elif field is not None:
            found[key] = StatusField(field.name, _codes(field, words), field.length)
    findings += wrong
    return {} if wrong else found


def _wanted(status: StatusMap) -> list[tuple[str, str, str, Mapping[str, str]]]:
    """(key, word in the mapping, CRM field, our words), of those that the mapping names."""
    every = [
        (STATE, "state", status.state, STATE_WORDS),
        (REASON, "reason", status.reason, {}),
        (DECISION, "decision", status.decision, DECISION_WORDS),
    ]
    return [(key, word, name, words) for key, word, name, words in every if name is not None]


def _problem(
    name: str, schema: ObjectSchema, field: FieldSchema | None, words: Mapping[str, str]
) -> str | None:
    if field is None:
        return f"no field `{name}` on {schema.name} to tell the sync state in"
    fitting = (FieldType.PICKLIST, FieldType.TEXT) if words else (FieldType.TEXT,)
    if field.type not in fitting:
        kinds = " or ".join(one.value for one in fitting)
        return f"`{field.name}` on {schema.name} is no {kinds} field, as the sync state needs"
    if not (field.updateable and field.createable):
        return f"`{field.name}` on {schema.name} cannot be written by the signed-in user"
    if field.type is FieldType.PICKLIST:
        missing = [text for word, text in words.items() if _code(field, word, text) is None]
        if missing:
            return f"picklist `{field.name}` on {schema.name} lacks {', '.join(missing)}"
    return None


def _codes(field: FieldSchema, words: Mapping[str, str]) -> dict[str, str]:
    if field.type is not FieldType.PICKLIST:
        return dict(words)
    return {word: _code(field, word, text) or "" for word, text in words.items()}


def _code(field: FieldSchema, word: str, text: str) -> str | None:
    """The picklist's code for one of our words: by its label, or by either name as its code."""
    known = {code.casefold(): code for code in field.picklist}
    known |= {label.casefold(): code for code, label in field.picklist.items()}
    return known.get(text.casefold()) or known.get(str(word).casefold())
