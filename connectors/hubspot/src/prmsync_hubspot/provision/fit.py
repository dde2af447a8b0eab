"""Whether a property that is there fits what a mapping needs of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from prmsync.connector.provisioning import FieldNeed
from prmsync.connector.schema import FieldSchema, FieldType
from prmsync.errors import Finding

_OTHER = (
    "It is left as it is: let the mapping name another property, or (if nothing uses it) rename or "
    "archive it in Settings > Properties and run this again."
)
_UNIQUE = (
    "HubSpot decides about unique values only when a property is made: name a new property as "
    "`key` in the mapping, and prmsync makes it."
)
_READ_ONLY = (
    "HubSpot calculates or sets it: map another property, or read it only with `direction: to_prm`."
)


def misfits(object_name: str, need: FieldNeed, found: FieldSchema) -> list[Finding]:
    """What of a present property stands in the way; each left alone, with what a person can do."""
    where = f"{object_name}.{found.name}"
    if found.type not in need.types:
        wanted = " or ".join(one.value.replace("_", " ") for one in need.types)
        kind = found.type.value.replace("_", " ")
        return [Finding(where, f"is a {kind} property; {need.use} needs {wanted}", _OTHER)]
    return [Finding(where, text, hint) for text, hint in _details(need, found)]


def _details(need: FieldNeed, found: FieldSchema) -> Iterator[tuple[str, str]]:
    if need.unique and not found.unique:
        yield "has no unique values: a repeated create could make two records", _UNIQUE
    if need.written and not found.updateable:
        yield f"cannot be written; {need.use} is", _READ_ONLY
    missing = _lacking(need, found)
    if missing:
        yield (
            f"lacks the option{'s' if len(missing) > 1 else ''} {', '.join(missing)}",
            "Add them in Settings > Properties (label or internal name), or change the mapping's "
            "picklist.",
        )


def _lacking(need: FieldNeed, found: FieldSchema) -> list[str]:
    """Values that the mapping writes and HubSpot would refuse."""
    if not found.restricted or found.type is FieldType.TEXT:
        return []
    known = {one.casefold() for pair in found.picklist.items() for one in pair}
    return [one for one in need.values if one.casefold() not in known]
