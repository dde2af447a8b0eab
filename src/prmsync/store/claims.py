"""What binds a connection to one database, and the doubt that keeps a copy of it from writing.

A connection's first run binds it to the place where its database lives. What then speaks for a
copy, a restored backup, a second installation or another account is stored as a doubt: the
connection is paused until a person accepts what a comparison of both sides shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from prmsync.store import change_log
from prmsync.store.links import chunks
from prmsync.store.pausing import paused
from prmsync.store.prepared import given
from prmsync.store.tables import action, installation, link, run, stream, verification
from prmsync.store.tables import claim as table
from prmsync.store.tables import connection as connections

_INSTALLATION = sa.select(installation.c.id)
_OF_CONNECTION = sa.select(table).where(table.c.connection == given("of"))


class Doubt(StrEnum):
    """What speaks against going on."""

    PLACE = "place"
    """The database is not where it was: a copy, or restored elsewhere."""
    OLDER = "older"
    """Runs that are remembered beside the settings are not in the database."""
    KEYS = "keys"
    """The CRM holds records of ours that the database does not know."""
    ACCOUNT = "account"
    """The credentials open another account than before."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A connection's bond. `kind`, `why` and `doubted_at` are set while it is in doubt, `found` is
    what was met instead. Links up to `known_to` may carry keys that nobody knows here."""

    connection: str
    place: str
    kind: str | None = None
    why: str | None = None
    found: str | None = None
    doubted_at: datetime | None = None
    known_to: int = 0


def get(connection: sa.Connection, name: str) -> Claim | None:
    """A connection's claim; None before its first run."""
    row = connection.execute(_OF_CONNECTION, {"of": name}).first()
    return None if row is None else Claim(**row._mapping)


def is_doubted(connection: sa.Connection, name: str) -> bool:
    """Whether a person has to look at this connection first."""
    claim = get(connection, name)
    return claim is not None and claim.kind is not None


def paused_by_person(connection: sa.Connection) -> dict[str, str]:
    """The connections that a person has paused, each with the reason. One that only a doubt keeps
    paused is not among them: nobody has decided about it yet."""
    doubts = sa.select(table.c.connection, table.c.why).where(table.c.kind.is_not(None))
    told = {row.connection: row.why for row in connection.execute(doubts)}
    return {name: why for name, why in paused(connection).items() if told.get(name) != why}


def bind(connection: sa.Connection, name: str, place: str) -> None:
    """Bind a connection whose row exists to this place."""
    connection.execute(table.insert().values(connection=name, place=place))


def doubt(
    connection: sa.Connection,
    names: Sequence[str],
    kind: Doubt,
    why: str,
    now: datetime,
    *,
    found: str | None = None,
) -> None:
    """Pause these bound connections with a reason; a doubt that is there already stays."""
    fresh = sa.select(table.c.connection).where(
        table.c.connection.in_(names), table.c.kind.is_(None)
    )
    affected = list(connection.execute(fresh).scalars())
    if kind is not Doubt.ACCOUNT:  # with the right credentials it goes on by itself
        connection.execute(
            connections.update()
            .where(connections.c.name.in_(affected))
            .values(paused=True, paused_why=why)
        )
    connection.execute(
        table.update()
        .where(table.c.connection.in_(affected))
        .values(kind=kind, why=why, found=found, doubted_at=now)
    )


def bound(connection: sa.Connection) -> list[str]:
    """All connections that are bound to a place."""
    return list(connection.execute(sa.select(table.c.connection)).scalars())


def accept(connection: sa.Connection, claim: Claim, place: str) -> None:
    """A person takes the connection over as it stands here: it is bound anew and goes on.

    Both sides are read from the beginning: what the cursors point to may be of another time.
    """
    last = connection.execute(sa.select(sa.func.max(link.c.id))).scalar()
    values = {"place": place, "kind": None, "why": None, "found": None, "doubted_at": None}
    connection.execute(
        table.update()
        .where(table.c.connection == claim.connection)
        .values(known_to=last or 0, **values)
    )
    account = {"org_id": None} if claim.kind == Doubt.ACCOUNT else {}
    connection.execute(
        connections.update()
        .where(connections.c.name == claim.connection)
        .values(paused=False, paused_why=None, schema_cache=None, **account)
    )
    xid, seq = change_log.START
    connection.execute(
        stream.update()
        .where(stream.c.connection == claim.connection)
        .values(crm_cursor=None, prm_xid=xid, prm_cursor=seq)
    )


def right_account(connection: sa.Connection, name: str) -> None:
    """The credentials open the account of before again: nothing is in doubt."""
    connection.execute(
        table.update()
        .where(table.c.connection == name, table.c.kind == Doubt.ACCOUNT)
        .values(kind=None, why=None, found=None, doubted_at=None)
    )


def was_compared(connection: sa.Connection, claim: Claim) -> bool:
    """Whether all streams were compared whole since the doubt arose."""
    times = connection.execute(
        sa.select(verification.c.verified_at)
        .select_from(stream.outerjoin(verification, verification.c.stream_id == stream.c.id))
        .where(stream.c.connection == claim.connection)
    ).scalars()
    since = claim.doubted_at
    return since is not None and all(one is not None and one >= since for one in times)


def have_history(connection: sa.Connection, link_ids: Sequence[int]) -> set[int]:
    """Those of the links that were written before."""
    found: set[int] = set()
    for part in chunks(link_ids):
        statement = sa.select(action.c.link_id).where(action.c.link_id.in_(part)).distinct()
        found.update(connection.execute(statement).scalars())
    return found


def installation_id(connection: sa.Connection) -> str | None:
    """The id of this partner database; copies have the same one. None before its first run."""
    return connection.execute(_INSTALLATION).scalar()


def name_installation(connection: sa.Connection, new_id: str, now: datetime) -> None:
    """Give the database its id."""
    connection.execute(installation.insert().values(id=new_id, created_at=now))


def last_run(connection: sa.Connection) -> tuple[int, datetime] | None:
    """Number and begin of the newest run of all connections."""
    statement = sa.select(run.c.id, run.c.started_at).order_by(run.c.id.desc()).limit(1)
    row = connection.execute(statement).first()
    return None if row is None else (row.id, row.started_at)


def began(connection: sa.Connection, run_id: int) -> datetime | None:
    """When a run began; None where there is no such run."""
    return connection.execute(sa.select(run.c.started_at).where(run.c.id == run_id)).scalar()
