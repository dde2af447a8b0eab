"""Right before records are made in a CRM: are they there already, and what they hang on still?"""

from __future__ import annotations

from collections.abc import Sequence

from prmsync.connector.protocol import relation_key
from prmsync.store import journal, links
from prmsync.store.journal import ActionState
from prmsync.sync.accepting import accept
from prmsync.sync.observe import store_records
from prmsync.sync.outcome import wait
from prmsync.sync.relation_guard import ask_about, lost_ends, was_taken_off
from prmsync.sync.session import Session, Stream
from prmsync.sync.write import Write


def still_gone(session: Session, stream: Stream, batch: Sequence[Write]) -> list[Write]:
    """What somebody has restored in the CRM since is not made again over it, but decided anew."""
    again = {str(one.link.crm_id): one for one in batch if one.link.crm_id is not None}
    found = session.connector.fetch(stream.spec, list(again)) if again else {}
    back = [record for record in found.values() if not record.deleted]
    if not back:
        return list(batch)
    moved = {again[record.id].action.id for record in back}
    with session.database.begin() as connection:
        session.fence(connection)
        store_records(connection, session, stream, back)
        journal.mark(connection, sorted(moved), ActionState.SUPERSEDED)
    return [one for one in batch if one.action.id not in moved]


def not_there_yet(session: Session, stream: Stream, batch: Sequence[Write]) -> list[Write]:
    """A relation has no key field of ours: look before creating, adopt what is there."""
    batch = _with_both_ends(session, stream, batch)
    by_key = {relation_key(stream.spec, one.values): one for one in batch}
    found = session.connector.find(stream.spec, list(by_key))
    off = [key for key, one in by_key.items() if was_taken_off(session, one.link, key)]
    if not found and not off:
        return list(by_key.values())
    with session.database.begin() as connection:
        session.fence(connection)
        for key, record in found.items():
            one = by_key.pop(key)
            accept(connection, session, stream, one.action, one.link, record, ours=False)
        asked = [by_key.pop(key) for key in off if key in by_key]
        for one in asked:
            ask_about(one.link)
        links.save(connection, [one.link for one in asked])
        journal.mark(connection, [one.action.id for one in asked], ActionState.SUPERSEDED)
    return list(by_key.values())


def _with_both_ends(session: Session, stream: Stream, batch: Sequence[Write]) -> list[Write]:
    """Relations of which an end is gone wait until it is known what became of that."""
    lost = lost_ends(session, stream, [one.action.new_values for one in batch])
    if any(lost):
        with session.database.begin() as connection:
            session.fence(connection)
            for one, missing in zip(batch, lost, strict=True):
                if missing:
                    wait(connection, one.action, one.link, missing)
    return [one for one, missing in zip(batch, lost, strict=True) if not missing]
