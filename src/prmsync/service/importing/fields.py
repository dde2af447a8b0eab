"""What an import can fill: the streams' fields, and people."""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.mapping.fields import CATALOGUE, Kind, PrmField

PERSON = "person"

OBJECTS: Mapping[str, Mapping[str, PrmField]] = {
    **CATALOGUE,
    PERSON: {
        "email": PrmField(Kind.OWNER, required=True),
        "name": PrmField(Kind.TEXT),
        "active": PrmField(Kind.BOOLEAN),
    },
}
"""What `--as` takes → its fields."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "partner": ("name",),
    "opportunity": ("number",),
    "registration": ("number",),
    "relation": ("opportunity", "partner", "role"),
    PERSON: ("email",),
}
"""The fields by which a second import finds what the first one made."""
