"""The currency of a record: `CurrencyIsoCode`, which only an org with several currencies has.

In all other orgs every amount is in the corporate currency. There the field is shown all the same,
with that one value, so that a mapping fits both: it is read as the corporate currency, a write that
names the corporate currency needs nothing, and one that names another is refused row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prmsync.connector.schema import FieldSchema, FieldType
from prmsync.domain.values import Scalar
from prmsync.errors import RejectedError

FIELD = "CurrencyIsoCode"


def corporate_only(described: Mapping[str, Any], corporate: str) -> FieldSchema | None:
    """The field of an object with amounts whose describe answer has none."""
    fields = described["fields"]
    known = any(field["name"] == FIELD for field in fields)
    if known or not any(field["type"] == "currency" for field in fields):
        return None
    return FieldSchema(
        name=FIELD,
        label="Currency ISO Code",
        type=FieldType.PICKLIST,
        nullable=False,
        picklist={corporate: corporate},
        restricted=True,
        constant=corporate,
    )


def refusal(field: FieldSchema, value: Scalar) -> RejectedError | None:
    """Why a record cannot be written in this currency; None where it is the only one or none."""
    corporate = field.constant
    if corporate is None or value is None or value == corporate:
        return None
    return RejectedError(
        f"the org has one currency, {corporate}, and the record is in {value}",
        hint="Let Salesforce activate several currencies, map the currency to a field of your own, "
        f"or give the record an amount in {corporate}.",
        code="INVALID_CURRENCY_ISO",
        fields=(field.name,),
    )
