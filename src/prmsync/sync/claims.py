"""A copied or restored database must not write: what gives it away, and how a person goes on.

Three things speak: the database is not where it was when the connection was bound to it; the CRM
holds records with our keys that this database does not know (no CRM has a place of its own for a
claim, but every record that any installation of ours creates carries its key); the credentials
open another account. What is remembered beside the settings is the service's
(`prmsync.service.installation`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import sqlalchemy as sa

from prmsync.errors import StateError
from prmsync.store import claims, links
from prmsync.store.claims import Claim, Doubt
from prmsync.store.database import Database
from prmsync.store.links import Link
from prmsync.store.place import place_of
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
        hint=f"If another prmsync goes on with this CRM, leave it paused. If this is the one that "
        f"shall go on: prmsync verify {name} compares both sides and writes to neither; when you "
        f"have read it, prmsync resume {name}",
    )


def require_known_keys(session: Session) -> None:
    """Pause the connection where the CRM shows new records with keys that nobody knows here.

    Raises StateError; nothing of them was matched or written.
    """
    strangers = [one for stream in session.streams.values() for one in _strangers(session, stream)]
    if not strangers:
        return
    names = ", ".join(f"{stream.name} {link.crm_id}" for stream, link in strangers[:NAMED])
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


def _strangers(session: Session, stream: Stream) -> Iterator[tuple[Stream, Link]]:
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
    yield from ((stream, one) for one in unknown if one.id not in back)


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
