"""A copied or restored database must not write: what gives it away, and how a person goes on.

Three things speak: the database is not where it was when the connection was bound to it; the CRM
holds records with our keys that this database does not know (no CRM has a place of its own for a
claim, but every record that any installation of ours creates carries its key); the credentials
open another account. What is remembered beside the settings is the service's
(`prmsync.service.installation`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from prmsync.connector.protocol import KeyReader, Record
from prmsync.errors import StateError
from prmsync.store import claims, links
from prmsync.store.bulk import select_rows
from prmsync.store.claims import Claim, Doubt
from prmsync.store.database import Database
from prmsync.store.place import place_of
from prmsync.store.tables import PRM_TABLES
from prmsync.sync.observe import store_records
from prmsync.sync.session import KEY, Session, Stream

NAMED = 3
"""Records that a doubt names; all are counted."""
_MOVED = (
    "its database is not where it was when it was last synced: this is a copy, or it was restored "
    "from a backup or moved to another disk or server"
)


def standing(
    connection: sa.Connection, name: str, now: datetime, new_id: Callable[[], str]
) -> Claim:
    """The claim of a connection that is being opened: bound on its first run, in doubt where its
    database has another place than before."""
    if claims.installation_id(connection) is None:
        claims.name_installation(connection, new_id(), now)
    place = place_of(connection)
    claim = claims.get(connection, name)
    if claim is None:
        claims.bind(connection, name, place)
    elif claim.kind is None and claim.place != place:
        claims.doubt(connection, [name], Doubt.PLACE, _MOVED, now, found=place)
    else:
        return claim
    return claims.get(connection, name) or Claim(name, place)


def require_undoubted(claim: Claim) -> None:
    """Raise StateError for a connection that a person has to look at first."""
    if claim.kind is not None and claim.kind != Doubt.ACCOUNT:
        raise refusal(claim)


def refusal(claim: Claim) -> StateError:
    """What happened and what to do, for a connection that is in doubt."""
    name = claim.connection
    return StateError(
        f"{name} is paused: {claim.why}",
        hint=f"If another prmsync goes on with this CRM: prmsync pause {name}. If this is the one "
        f"that shall go on: prmsync verify {name} compares both sides and writes to neither; when "
        f"you have read it, prmsync resume {name}",
    )


def require_known_keys(session: Session) -> None:
    """Pause the connection where the CRM shows new records with keys that nobody knows here.

    Raises StateError; nothing of them was matched or written.
    """
    strangers = [one for stream in session.streams.values() for one in _strangers(session, stream)]
    if strangers:
        _pause(session, strangers)


def ask_for_keys(session: Session) -> bool:
    """Before a stream is read for the first time: ask the CRM for records with keys, so that
    nothing is stored of an account that belongs to another partner database but these records,
    which a person may accept. Whether it has records with keys of ours; False where the CRM cannot
    be asked.

    Raises StateError as `require_known_keys` does, which sees what this could not.
    """
    found = False
    strangers: list[tuple[Stream, str]] = []
    connector = session.connector
    if not isinstance(connector, KeyReader):
        return False
    first = [
        one for one in session.active if one.state.crm_cursor is None and one.spec.key is not None
    ]
    for stream, shown in zip(first, connector.keyed([one.spec for one in first]), strict=True):
        found = found or bool(shown)
        unknown = _unknown(session, stream, shown)
        _keep(session, stream, unknown)
        strangers += [(stream, one) for one in unknown]
    if strangers:
        _pause(session, strangers)
    return found


def _keep(session: Session, stream: Stream, crm_ids: Sequence[str]) -> None:
    if crm_ids:
        found = session.connector.fetch(stream.spec, crm_ids)
        with session.database.begin() as connection:
            session.fence(connection)
            store_records(connection, session, stream, list(found.values()))


def _unknown(session: Session, stream: Stream, shown: Sequence[Record]) -> list[str]:
    """CRM ids of records with keys that nobody knows here, neither as a record nor as one that
    was, and that no person has accepted."""
    keys = {one.id: str(one.values[str(stream.spec.key)]) for one in shown}
    with session.database.read() as connection:
        table = PRM_TABLES[stream.name]
        here = {row[0] for row in select_rows(connection, [table.c.id], table.c.id, keys.values())}
        was = links.by_prm_ids(connection, stream.id, keys.values())
        known = links.by_crm_ids(connection, stream.id, keys)
    return [
        crm_id
        for crm_id, key in keys.items()
        if key not in here
        and key not in was
        and not (crm_id in known and known[crm_id].id <= session.known_to)
    ]


def _pause(session: Session, strangers: Sequence[tuple[Stream, str]]) -> None:
    names = ", ".join(f"{stream.name} {crm_id}" for stream, crm_id in strangers[:NAMED])
    more = f" and {len(strangers) - NAMED:,} more" if len(strangers) > NAMED else ""
    records = "a record" if len(strangers) == 1 else f"{len(strangers):,} records"
    keys = "a key" if len(strangers) == 1 else "keys"
    why = (
        f"{session.connector_title} holds {records} with {keys} of a partner database that this "
        f"one does not know ({names}{more}): another prmsync writes there, or this database was "
        "restored from a backup"
    )
    with session.database.begin() as connection:
        session.fence(connection)
        claims.doubt(connection, [session.name], Doubt.KEYS, why, session.now())
        claim = claims.get(connection, session.name)
    if claim is not None:
        raise refusal(claim)


def _strangers(session: Session, stream: Stream) -> Iterator[tuple[Stream, str]]:
    if stream.spec.key is None:
        return
    with session.database.read() as connection:
        shown = [
            one
            for one in links.unlinked(
                connection, stream.id, crm_side=True, dirty_only=True, showing=KEY
            )
            if not one.crm_gone and one.id > session.known_to
        ]
        keys = {one.id: str((one.crm or {})[KEY]) for one in shown}
        ours = links.by_prm_ids(connection, stream.id, keys.values())
        unknown = [one for one in shown if keys[one.id] not in ours]
        # A record of ours that both sides had deleted may come back with the key it had.
        back = claims.have_history(connection, [one.id for one in unknown])
    yield from ((stream, str(one.crm_id)) for one in unknown if one.id not in back)


def other_account(database: Database, name: str, why: str, found: str, now: datetime) -> None:
    """Remember that the credentials open another account; nothing runs while they do."""
    with database.begin() as connection:
        claims.doubt(connection, [name], Doubt.ACCOUNT, why, now, found=found)


def take_over(database: Database, name: str, *, unread: bool) -> bool:
    """A person goes on with a connection that is in doubt; whether it was.

    Raises StateError while both sides were not compared since, unless `unread` says that this is
    not wanted.
    """
    with database.begin() as connection:
        claim = claims.get(connection, name)
        if claim is None or claim.kind is None:
            return False
        if not unread and not claims.was_compared(connection, claim):
            raise StateError(
                f"{name} is not resumed: {claim.why}",
                hint=f"Look first: prmsync verify {name} writes to neither side. Then "
                f"prmsync resume {name}; or, without looking, prmsync resume {name} --accept",
            )
        claims.accept(connection, claim, place_of(connection))
    return True
