"""Whether a field that is there fits what a mapping needs of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from prmsync.connector.provisioning import FieldNeed
from prmsync.connector.schema import FieldSchema, FieldType
from prmsync.errors import Finding

_LEFT = "It is left as it is: map another field, or change it in Setup yourself."


def misfits(object_name: str, need: FieldNeed, found: FieldSchema) -> list[Finding]:
    """What of a present field stands in the way; each left alone, with what a person can do."""
    where = f"{object_name}.{found.name}"
    if found.type not in need.types:
        wanted = " or ".join(one.value.replace("_", " ") for one in need.types)
        kind = found.type.value.replace("_", " ")
        return [Finding(where, f"is a {kind} field; {need.use} needs {wanted}", _LEFT)]
    return [Finding(where, text, hint) for text, hint in _details(need, found)]


def _details(need: FieldNeed, found: FieldSchema) -> Iterator[tuple[str, str]]:
    if need.unique and not found.unique:
        yield (
            "is not unique: a repeated create could make two records",
            "Mark it “Unique” and “External ID” in Setup, or map another key field.",
        )
    short = need.length is not None and found.length is not None and found.length < need.length
    if found.type is FieldType.TEXT and short:
        yield f"holds {found.length} characters; {need.use} needs {need.length}", _LEFT
    elsewhere = need.references is not None and need.references not in found.references
    if found.type is FieldType.REFERENCE and elsewhere and found.references:
        yield f"looks up to {', '.join(found.references)}, not to {need.references}", _LEFT
    missing = lacking(need, found)
    if missing:
        yield (
            f"is a restricted picklist without {', '.join(missing)}",
            "Add the values in Setup (label or API name), or change the mapping's picklist.",
        )


def lacking(need: FieldNeed, found: FieldSchema) -> list[str]:
    """Values that the mapping writes and a restricted picklist refuses."""
    if not found.restricted or found.type is FieldType.TEXT:
        return []
    known = {one.casefold() for pair in found.picklist.items() for one in pair}
    return [one for one in need.values if one.casefold() not in known]


def writable(need: FieldNeed, found: FieldSchema, *, created: bool) -> bool:
    """Whether whoever sees the field like this may write what the mapping writes."""
    return not need.written or found.updateable or (created and found.createable)
