"""A record that is there when it is to be made, or looked for again: a write whose answer was lost,
or somebody else's."""

from __future__ import annotations

import sqlalchemy as sa

from prmsync.connector.protocol import Record
from prmsync.domain.values import Values
from prmsync.store import journal, links, lost_links, tallies
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import Dirty, Link, LinkState
from prmsync.sync import references
from prmsync.sync.made_again import leave_behind
from prmsync.sync.observe import translated
from prmsync.sync.outcome import Outcome, collision, refuse
from prmsync.sync.overwritten import hold_overwritten
from prmsync.sync.session import Session, Stream

UNSURE = "the answer was lost, and the CRM does not tell whether this run made it"


def accept(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    action: Action,
    link: Link,
    record: Record,
    *,
    ours: bool | None,
) -> None:
    """The CRM shows the record of a write; store what it shows. `ours`: this write has made it, or
    did not; None: nobody knows."""
    (values,) = translated(stream, [record])
    references.to_prm(connection, stream, session.streams, [values])
    standing = {one: new for one, new in action.field_values.items() if values.get(one) == new}
    other = links.by_crm_ids(connection, stream.id, [record.id]).get(record.id)
    if other is not None and other.id != link.id and links.give_up(connection, [other]):
        refuse(connection, session, action, collision(), Outcome())
        hold_overwritten(connection, session, stream, other, standing, record.version)
        return
    if action.op == "create" and stream.spec.relation is None and record.id != link.crm_id:
        link.base = first_base(stream, action)
    else:  # this record may have been there before, and the write have never arrived
        link.base = {**(link.base or {}), **standing}
    before = None if stream.spec.relation is not None else lost_links.replaced(link, record.id)
    link.crm_id, link.crm, link.state = record.id, values, LinkState.LIVE
    link.crm_version, link.crm_gone, link.dirty = record.version, False, Dirty.CHANGED
    links.save(connection, [link])
    if before is not None:
        leave_behind(connection, session, stream, {str(link.prm_id): before})
    if ours:
        journal.mark(connection, [action.id], ActionState.DONE, done_at=session.stamp())
        tallies.created(connection, [action])
    else:
        journal.found(connection, action, session.stamp(), None if ours is False else UNSURE)


def first_base(stream: Stream, action: Action) -> Values:
    """What both sides have in common once a creation has arrived: what it sent, and blanks for the
    rest. What the CRM shows beside that is an edit, whether a user's or an automation's."""
    return {**dict.fromkeys(stream.translator.to_crm), **action.field_values}


def made_by_us(session: Session, stream: Stream, link: Link, record: Record) -> bool | None:
    """Whether a write without an answer has made what the CRM shows now. A record with our key is
    ours, unless it was there before and somebody has restored it. A relation has no key: the CRM
    may name who wrote it, and None is told where it does not."""
    if stream.spec.relation is None:
        return record.id != link.crm_id
    user = session.account.user_id
    return record.modified_by == user if record.modified_by and user else None
