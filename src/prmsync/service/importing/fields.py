"""What an import can fill: the streams' fields, and people."""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.mapping.fields import CATALOGUE, FORECAST, Kind, PrmField

PERSON = "person"
DEAL_HISTORY = "deal_history"
TARGET = "target"
JUDGEMENT = "judgement"

OBJECTS: Mapping[str, Mapping[str, PrmField]] = {
    **{
        stream: {name: field for name, field in fields.items() if name not in FORECAST}
        for stream, fields in CATALOGUE.items()
    },
    PERSON: {
        "email": PrmField(Kind.OWNER, required=True),
        "name": PrmField(Kind.TEXT),
        "active": PrmField(Kind.BOOLEAN),
    },
    DEAL_HISTORY: {
        "opportunity": PrmField(Kind.REFERENCE, to="opportunity", required=True),
        "at": PrmField(Kind.DATETIME, required=True),
        "stage": PrmField(Kind.STAGE),
        "amount": PrmField(Kind.MONEY, currency="currency"),
        "currency": PrmField(Kind.CODE),
        "close_date": PrmField(Kind.DATE),
        "product_lines": PrmField(Kind.MULTI_PICKLIST),
    },
    TARGET: {
        "partner": PrmField(Kind.REFERENCE, to="partner", required=True),
        "period": PrmField(Kind.TEXT, required=True),
        "amount": PrmField(Kind.MONEY, currency="currency", required=True),
        "currency": PrmField(Kind.CODE, required=True),
    },
    JUDGEMENT: {
        "partner": PrmField(Kind.REFERENCE, to="partner", required=True),
        "currency": PrmField(Kind.CODE, required=True),
        "commit": PrmField(Kind.MONEY, currency="currency"),
        "upside": PrmField(Kind.MONEY, currency="currency"),
        "override": PrmField(Kind.MONEY, currency="currency"),
    },
}
"""What a file may hold → its fields; `--as` takes all but judgements."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "partner": ("name",),
    "opportunity": ("number",),
    "registration": ("number",),
    "relation": ("opportunity", "partner", "role"),
    PERSON: ("email",),
    DEAL_HISTORY: ("opportunity", "at"),
    TARGET: ("partner", "period", "currency"),
    JUDGEMENT: ("partner", "currency"),
}
"""The fields by which a second import finds what the first one made."""
