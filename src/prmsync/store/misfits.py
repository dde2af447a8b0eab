"""What of a connection's mappings does not fit its CRM now, so that it is paused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from prmsync.store.prepared import given
from prmsync.store.tables import misfit as table

_OF_CONNECTION = sa.select(table).where(table.c.connection == given("of")).order_by(table.c.id)


@dataclass(frozen=True, slots=True)
class PausedPart:
    """Why a part of a stream (a group, creation, all of it) is paused, and what to do."""

    stream: str
    part: str
    place: str
    message: str
    hint: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.what}: {self.message}"

    @property
    def what(self) -> str:
        """ "partner: tier", "partner", "partner: creation in the CRM"."""
        words = {
            "@create": "creation in the CRM",
            "@status": "the record's sync state",
            "@forecast": "the forecast",
        }
        part = words.get(self.part, self.part.replace(",", ", "))
        return self.stream if self.part == "@stream" else f"{self.stream}: {part}"


def of_connection(connection: sa.Connection, name: str) -> list[PausedPart]:
    """What is paused of a connection, in the order of its streams."""
    rows = connection.execute(_OF_CONNECTION, {"of": name}).all()
    return [
        PausedPart(row.stream, row.part, row.place, row.message, row.hint or "", row.since)
        for row in rows
    ]


def replace(connection: sa.Connection, name: str, parts: Sequence[PausedPart]) -> list[PausedPart]:
    """Store what is paused now; what was paused for the same reason keeps its `since`."""
    before = {(one.stream, one.part, one.message): one for one in of_connection(connection, name)}
    now = [before.get((one.stream, one.part, one.message), one) for one in parts]
    if now != list(before.values()):
        connection.execute(table.delete().where(table.c.connection == name))
        for one in now:
            connection.execute(
                table.insert().values(
                    connection=name,
                    stream=one.stream,
                    part=one.part,
                    place=one.place,
                    message=one.message,
                    hint=one.hint,
                    since=one.since,
                )
            )
    return now
