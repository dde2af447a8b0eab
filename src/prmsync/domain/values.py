"""Canonical values and typed ids: what is compared, stored as base and shown in history.

A canonical value is `str`, `bool` or `None`; nothing else, so that equality is exact and JSON
keeps it. Blank text is `None`. Numbers and money are plain decimal strings without exponent
("48000.00", at the scale of the field or currency), dates "2026-11-22", times
"2026-11-22T09:14:00.000Z" (UTC, milliseconds), sets of codes sorted and joined by ";",
references the id of the other record in the partner database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import NewType

Scalar = str | bool | None
Values = dict[str, Scalar]

PrmId = NewType("PrmId", str)
"""Id of a record in the partner database: a UUID, also the external key in every CRM."""
RunId = NewType("RunId", int)


def as_rows(names: Sequence[str], columns: Iterable[Iterable[Scalar]]) -> list[Values]:
    """Records whose values stand field by field, in the order of `names`; as many as the shortest
    column has, so a constant may be repeated without end. Without a loop of our own, which would
    take twice as long."""
    return list(map(dict, map(zip, repeat(names), zip(*columns, strict=False))))
