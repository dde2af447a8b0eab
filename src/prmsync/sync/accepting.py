"""A write whose answer was lost and that turns out to have happened."""

from __future__ import annotations

import sqlalchemy as sa

from prmsync.connector.protocol import Record
from prmsync.store import journal, links, tallies
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import Dirty, Link, LinkState
from prmsync.sync import references
from prmsync.sync.observe import translated
from prmsync.sync.outcome import Outcome, collision, refuse
from prmsync.sync.overwritten import hold_overwritten
from prmsync.sync.session import Session, Stream


def accept(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    action: Action,
    link: Link,
    record: Record,
) -> None:
    """A write is known to have happened because the CRM shows its record; store what it shows."""
    (values,) = translated(stream, [record])
    references.to_prm(connection, stream, session.streams, [values])
    taken = {
        name: value
        for name, value in action.new_values.items()
        if not name.startswith("@") and values.get(name) == value
    }
    other = links.by_crm_ids(connection, stream.id, [record.id]).get(record.id)
    if other is not None and other.id != link.id and links.give_up(connection, [other]):
        refuse(connection, session, action, collision(), Outcome())
        hold_overwritten(connection, session, stream, other, taken, record.version)
        return
    if action.op == "create":  # a create leaves blanks out, and both sides agree on them
        for name in stream.translator.to_crm:
            if name not in action.fields and name in values and values[name] is None:
                taken[name] = None
    link.crm_id, link.crm, link.state = record.id, values, LinkState.LIVE
    link.base = {**(link.base or {}), **taken}
    link.crm_version, link.crm_gone, link.dirty = record.version, False, Dirty.CHANGED
    links.save(connection, [link])
    journal.mark(connection, [action.id], ActionState.DONE, done_at=session.stamp())
    tallies.created(connection, [action])
