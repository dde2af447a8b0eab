"""Named transforms: how one field's values cross between the partner database and a CRM."""

from __future__ import annotations

from prmsync.mapping.transforms.codec import (
    MISSING,
    Codec,
    Convert,
    Untranslatable,
    composed,
    limited,
    same_both_ways,
)
from prmsync.mapping.transforms.codes import (
    StageCodec,
    multi_picklist_codec,
    picklist_codec,
)
from prmsync.mapping.transforms.numbers import (
    MoneyCodec,
    number_codec,
)
from prmsync.mapping.transforms.people import (
    owner_codec,
    same_id,
)
from prmsync.mapping.transforms.text import (
    canon_code,
    canon_domain,
    canon_text,
    text_codec,
)
from prmsync.mapping.transforms.times import (
    canon_boolean,
    canon_date,
    canon_datetime,
    day_codec,
)

__all__ = [
    "MISSING",
    "Codec",
    "Convert",
    "MoneyCodec",
    "StageCodec",
    "Untranslatable",
    "canon_boolean",
    "canon_code",
    "canon_date",
    "canon_datetime",
    "canon_domain",
    "canon_text",
    "composed",
    "day_codec",
    "limited",
    "multi_picklist_codec",
    "number_codec",
    "owner_codec",
    "picklist_codec",
    "same_both_ways",
    "same_id",
    "text_codec",
]
