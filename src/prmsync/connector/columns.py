"""Many records as a CRM's answer gives them, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

from prmsync.connector.protocol import Record
from prmsync.domain.values import Scalar, as_rows


@dataclass(frozen=True)
class RecordColumns(Sequence[Record]):
    """A sequence of records, of which each part of all of them stands together; `values` are by
    field. Columns are equally long.

    A first load works field by field on both sides of the connector: to make a record of each row
    and take it apart again would be a twelfth of its work. Whoever asks for a record gets one.
    """

    ids: Sequence[str]
    versions: Sequence[str]
    values: Mapping[str, Sequence[Scalar]]
    deleted: Sequence[bool]
    merged_into: Sequence[str | None]
    modified_by: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | Sequence[Record]:
        return self._records[place]

    @cached_property
    def _records(self) -> Sequence[Record]:
        rows = as_rows(list(self.values), self.values.values()) or [{} for _ in self.ids]
        parts = (self.ids, self.versions, rows, self.deleted, self.merged_into, self.modified_by)
        return list(map(Record, *parts))


def cells(records: Sequence[Record], name: str) -> Sequence[Scalar]:
    """One field of all these records; None where a record does not show it."""
    if isinstance(records, RecordColumns):
        return records.values.get(name) or [None] * len(records)
    return [one.values.get(name) for one in records]
