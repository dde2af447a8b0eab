"""What an account tells of its objects and people, kept between runs for as long as it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import orjson
from pydantic import TypeAdapter, ValidationError

from prmsync import __version__
from prmsync.connector.protocol import Connector
from prmsync.connector.schema import ObjectSchema, Person
from prmsync.errors import SchemaError
from prmsync.mapping.model import StreamMapping
from prmsync.store import streams as store
from prmsync.store.database import Database
from prmsync.store.streams import ConnectionState
from prmsync.sync.live_fields import Misfit
from prmsync.sync.mapping_change import said_of_all

SCHEMA_AGE = timedelta(hours=1)
"""How long a CRM's described schema is trusted before it is read again."""

Objects = Mapping[str, ObjectSchema | Misfit]
"""The mappings' objects by name; a misfit says why there is none."""


@dataclass(frozen=True, slots=True)
class Described:
    """What was read of an account's schema, as kept between runs."""

    made_by: str
    mappings: str
    objects: dict[str, ObjectSchema]
    people: list[Person]


_DESCRIBED = TypeAdapter(Described)


def remembered(
    state: ConnectionState, mappings: Sequence[StreamMapping], now: datetime
) -> Described | None:
    """The schema as it was described for these mappings within the last hour."""
    if state.schema_cache is None or state.schema_cached_at is None:
        return None
    if now - state.schema_cached_at > SCHEMA_AGE:
        return None
    try:
        found = _read(state.schema_cache)
    except ValidationError:  # written by another version: read it anew
        return None
    fits = (found.made_by, found.mappings) == (__version__, said_of_all(mappings))
    return found if fits else None


@lru_cache(maxsize=16)
def _read(text: str) -> Described:
    """Kept for a process that runs often: the text changes once an hour."""
    return _DESCRIBED.validate_json(text)


def describe(
    database: Database,
    name: str,
    connector: Connector,
    mappings: Sequence[StreamMapping],
    now: datetime,
    *,
    keep: bool = True,
) -> tuple[Objects, list[Person]]:
    """Ask the account for its schema and people; with `keep` remembered where nothing is missing.
    An account that is only looked at in passing is not."""
    objects: dict[str, ObjectSchema] = {}
    missing: dict[str, Misfit] = {}
    for mapping in mappings:
        try:
            objects[mapping.object] = connector.describe(mapping.object)
        except SchemaError as error:
            missing[mapping.object] = Misfit(str(mapping.at), error.message, error.hint or "")
    people = list(connector.people())
    if keep and not missing:
        text = orjson.dumps(Described(__version__, said_of_all(mappings), objects, people)).decode()
        with database.begin() as connection:
            store.save_schema(connection, name, text, now)
    return {**objects, **missing}, people


def forget_schema(database: Database, name: str, now: datetime) -> None:
    """Have the next run describe the account anew (`prmsync mapping check --live`, errors)."""
    with database.begin() as connection:
        store.save_schema(connection, name, None, now)
