"""How far both sides of a stream were compared: the round under way, and the last whole one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from prmsync.store.tables import verification as table


@dataclass(slots=True)
class Verification:
    """One stream. The round under way has compared links up to `place` since `began_at` and
    counted `so_far`; the last whole comparison ended at `verified_at` and `found` its counts. The
    CRM's own records are listed up to `listed_to`, "" before the first."""

    stream_id: int
    place: int = 0
    began_at: datetime | None = None
    so_far: dict[str, Any] = field(default_factory=dict)
    verified_at: datetime | None = None
    found: dict[str, Any] = field(default_factory=dict)
    listed_to: str = ""


def of_streams(connection: sa.Connection, stream_ids: Iterable[int]) -> dict[int, Verification]:
    """Stream id → how far it was compared; streams that never were are new."""
    ids = list(stream_ids)
    rows = connection.execute(sa.select(table).where(table.c.stream_id.in_(ids)))
    known = {
        row.stream_id: Verification(
            row.stream_id,
            row.place,
            row.began_at,
            _load(row.so_far),
            row.verified_at,
            _load(row.found),
            row.listed_to or "",
        )
        for row in rows
    }
    return {one: known.get(one) or Verification(one) for one in ids}


def save(connection: sa.Connection, one: Verification) -> None:
    """Store how far a stream was compared, in the transaction that compared it."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {
        "place": one.place,
        "began_at": one.began_at,
        "so_far": _dump(one.so_far),
        "verified_at": one.verified_at,
        "found": _dump(one.found),
        "listed_to": one.listed_to,
    }
    statement = insert(table).values(stream_id=one.stream_id, **values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=[table.c.stream_id], set_=values)
    )


def _dump(counts: Mapping[str, Any]) -> str | None:
    return orjson.dumps(counts).decode() if counts else None


def _load(text: str | None) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(text) if text else {}
    return found
