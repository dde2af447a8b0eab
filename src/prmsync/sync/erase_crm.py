"""Clearing in a CRM what was erased here, on request: only values that were erased, told by their
digest; what somebody has typed there since stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prmsync.connector.protocol import Change, Record
from prmsync.errors import ConnectorError
from prmsync.store import erasures, journal, links, runs
from prmsync.store.erasures import Erasure
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import Link
from prmsync.sync.erase import REASON
from prmsync.sync.running import holding
from prmsync.sync.session import Session, Stream


@dataclass(frozen=True, slots=True)
class Cleared:
    """One CRM record: `why` it still shows what was erased, "" if it does not any more."""

    link_id: int
    crm_id: str
    why: str = ""


def clear(session: Session, link_ids: Sequence[int]) -> list[Cleared]:
    """Clear the CRM's copies of these links' erased values. Doing it again is harmless."""
    done: list[Cleared] = []
    with holding(session):
        with session.database.begin() as connection:
            session.fence(connection)
            waiting = erasures.remaining(connection, link_ids)
            found = links.by_ids(connection, {one.link_id for one in waiting if one.link_id})
            run_id = runs.start(connection, session.name, runs.ERASE, session.actor, session.now())
        for stream in session.streams.values():
            mine = [one for one in waiting if _stream_id(found, one) == stream.id]
            for erasure in mine:
                done.append(_clear(session, stream, run_id, erasure, found[erasure.link_id or 0]))
        with session.database.begin() as connection:
            session.fence(connection)
            state = runs.RunState.FAILED if any(one.why for one in done) else runs.RunState.DONE
            calls = dict(session.connector.usage().calls)
            runs.finish(connection, run_id, state, session.now(), calls=calls, counts={})
    return done


def _stream_id(found: dict[int, Link], erasure: Erasure) -> int | None:
    link = found.get(erasure.link_id or 0)
    return None if link is None else link.stream_id


def _clear(session: Session, stream: Stream, run_id: int, erasure: Erasure, link: Link) -> Cleared:
    crm_id = str(link.crm_id)
    try:
        record = session.connector.fetch(stream.spec, [crm_id]).get(crm_id)
        names = _shown(stream, erasure, record)
        fixed = [name for name in names if name in stream.translator.resolved.never_blank]
        values = stream.translator.write(dict.fromkeys(set(names) - set(fixed))).values
        if values:
            (result,) = session.connector.update(stream.spec, [Change(crm_id, values)])
            if result.error is not None:
                return Cleared(link.id, crm_id, result.error.message)
    except ConnectorError as error:
        return Cleared(link.id, crm_id, error.message)
    if fixed:
        return Cleared(
            link.id, crm_id, f"{', '.join(fixed)} cannot be blank there: name somebody else"
        )
    _done(session, run_id, erasure, link)
    return Cleared(link.id, crm_id)


def _shown(stream: Stream, erasure: Erasure, record: Record | None) -> list[str]:
    """The fields that still show an erased value."""
    if record is None or record.deleted:
        return []
    values = stream.translator.read(record.values).values
    return [
        name
        for name, digests in erasure.fields.items()
        if erasures.is_erased(values.get(name), digests)
    ]


def _done(session: Session, run_id: int, erasure: Erasure, link: Link) -> None:
    blank = dict.fromkeys(erasure.fields, (None, None))
    row = Action(
        link.id,
        link.stream_id,
        "crm",
        runs.ERASE,
        dict(blank),
        REASON,
        state=ActionState.DONE,
        done_at=session.stamp(),
    )
    with session.database.begin() as connection:
        session.fence(connection)
        erasures.cleared(connection, [erasure.id])
        journal.add(connection, run_id, [row])
