"""What an account tells of its objects and people, kept between runs for as long as it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

import orjson
import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from prmsync import __version__
from prmsync.connector.protocol import Connector, PeopleAtHand
from prmsync.connector.schema import ObjectSchema, Person
from prmsync.errors import SchemaError
from prmsync.mapping.model import StreamMapping
from prmsync.store import held, links
from prmsync.store import streams as store
from prmsync.store.database import Database
from prmsync.store.links import Dirty
from prmsync.store.streams import ConnectionState
from prmsync.sync.live_fields import Misfit
from prmsync.sync.mapping_change import said_of_all

SCHEMA_AGE = timedelta(hours=1)
"""How long a CRM's described schema is trusted before it is read again."""
PEOPLE_AGE = timedelta(minutes=9)
"""How long a CRM's people are, once something was met that has no counterpart there. Every read
goes back ten minutes and more, so a record whose new owner was not known yet is read once more when
they are."""
DOES_NOT_FIT = "DOES_NOT_FIT"
"""Code of a refusal of our own: a value has no counterpart in the CRM, or a person no user."""

Objects = Mapping[str, ObjectSchema | Misfit]
"""The mappings' objects by name; a misfit says why there is none."""


@dataclass(frozen=True, slots=True)
class Described:
    """What was read of an account's schema, as kept between runs; the people by a clock of their
    own."""

    made_by: str
    mappings: str
    objects: dict[str, ObjectSchema]
    people: list[Person]
    people_at: datetime
    people_doubted: bool = False
    """Whether something had no counterpart since: it may be somebody new."""


_DESCRIBED = TypeAdapter(Described)


def remembered(
    state: ConnectionState, mappings: Sequence[StreamMapping], now: datetime
) -> Described | None:
    """The schema as it was described for these mappings within the last hour."""
    found = _understood(state.schema_cache)
    if found is None or state.schema_cached_at is None:
        return None
    if now - state.schema_cached_at > SCHEMA_AGE:
        return None
    fits = (found.made_by, found.mappings) == (__version__, said_of_all(mappings))
    return found if fits else None


def _understood(text: str | None) -> Described | None:
    try:
        return None if text is None else _read(text)
    except ValidationError:  # written by another version: read it anew
        return None


def _text(known: Described) -> str:
    return orjson.dumps(known).decode()


@lru_cache(maxsize=16)
def _read(text: str) -> Described:
    """Kept for a process that runs often: the text changes a few times an hour."""
    return _DESCRIBED.validate_json(text)


def people_of(
    database: Database,
    state: ConnectionState,
    connector: Connector,
    cached: Described,
    now: datetime,
) -> list[Person]:
    """The account's people, asked for again where that costs nothing, or after some minutes where
    somebody may be missing."""
    fresh = isinstance(connector, PeopleAtHand) and connector.people_at_hand()
    old = cached.people_doubted and now - cached.people_at > PEOPLE_AGE
    if not (fresh or old) or state.schema_cached_at is None:
        return cached.people
    people = list(connector.people())
    if fresh and people == cached.people:
        return people
    known = replace(cached, people=people, people_at=now, people_doubted=False)
    _keep(database, state.name, known, state.schema_cached_at)
    return people


def doubt_people(connection: sa.Connection, name: str) -> None:
    """Something has no counterpart in this connection's CRM: a later run asks who is there."""
    known = _understood(store.schema_of(connection, name))
    if known is not None and not known.people_doubted:
        store.change_schema(connection, name, _text(replace(known, people_doubted=True)))


def _keep(database: Database, name: str, known: Described, at: datetime) -> None:
    """Remember an account. Where it is not as it was, records that could not be written for want of
    a counterpart are decided again: the person or the value may be there by now."""
    with database.begin() as connection:
        before = _understood(store.schema_of(connection, name))
        store.save_schema(connection, name, _text(known), at)
        if before is None or (before.objects, before.people) != (known.objects, known.people):
            ids = [one.id for one in store.streams_of(connection, name).values()]
            unfit = held.refused_as(connection, ids, DOES_NOT_FIT)
            links.set_dirty(connection, unfit, Dirty.CHANGED)


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
            missing[mapping.object] = Misfit(
                str(mapping.place("object")), error.message, error.hint or ""
            )
    people = list(connector.people())
    if keep and not missing:
        known = Described(__version__, said_of_all(mappings), objects, people, now)
        _keep(database, name, known, now)
    return {**objects, **missing}, people


def forget_schema(database: Database, name: str, now: datetime) -> None:
    """Have the next run describe the account anew (`prmsync mapping check --live`, errors)."""
    with database.begin() as connection:
        store.save_schema(connection, name, None, now)
