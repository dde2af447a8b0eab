"""CRM records that no read ever showed: met by listing, a few pages beside each slice of verify.

A slice asks for linked records by their ids, so it cannot meet one that has no link. Listing goes
on where the last slice stopped and begins again when it has come to the end.
"""

from __future__ import annotations

from prmsync.connector.protocol import Lister, RelationReader
from prmsync.store import pairs, verification
from prmsync.store.verification import Verification
from prmsync.sync.comparing import StreamReport
from prmsync.sync.observe import store_records
from prmsync.sync.session import Session, Stream

PAGES = 20
"""Calls that a slice may spend on listing, over all streams."""
MORE = 100
"""Records that are listed beyond as many as were compared: the CRM may have more than are linked,
and listing is to come round all the same."""


def list_on(
    session: Session,
    stream: Stream,
    state: Verification,
    compared: int,
    pages: int,
    report: StreamReport,
) -> int:
    """List about as many records as were compared, in at most `pages` calls, and store those that
    are not known: the next run decides them. Returns how many calls that took."""
    connector = session.connector
    in_turn = stream.spec.relation is not None and isinstance(connector, RelationReader)
    if not isinstance(connector, Lister) or in_turn:  # runs read those relations in turn
        return 0
    wanted, made = compared + MORE, 0
    while wanted > 0 and made < pages:
        page = connector.listed(stream.spec, state.listed_to)
        made += 1
        wanted -= len(page.records)
        with session.database.begin() as connection:
            session.fence(connection)
            known = pairs.by_crm_ids(connection, stream.id, [one.id for one in page.records])
            fresh = [one for one in page.records if one.id not in known]
            store_records(connection, session, stream, fresh)
            report.only_in_crm += len(fresh)
            state.listed_to = page.cursor or ""
            verification.save(connection, state)
        if not state.listed_to:
            break
    return made
