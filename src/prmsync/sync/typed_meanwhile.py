"""What somebody typed in the CRM between our look at a record and the write that followed.

The look right before a write leaves a few milliseconds in which an edit goes under. Where the CRM
keeps a history of its fields, and the mapping says `guard: history`, it is read after each update:
a value that was replaced without having been seen waits for a person, beside ours. Both sides show
ours meanwhile. Who edits the field on either side has decided; a decision for the CRM's value
writes it to both sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from prmsync.connector.protocol import HistoryReader, Record, Sent, WriteResult
from prmsync.domain.merge import Guard, Side
from prmsync.domain.values import Values
from prmsync.errors import (
    AuthError,
    ConnectorError,
    Finding,
    OutcomeUnknownError,
    QuotaError,
    RejectedError,
    SchemaError,
)
from prmsync.mapping.model import StreamMapping
from prmsync.reconcile.record import Decision, Held
from prmsync.reconcile.rules import RecordRule
from prmsync.store import held as held_store
from prmsync.store.held import HeldItem, HeldState
from prmsync.sync import references
from prmsync.sync.observe import translated
from prmsync.sync.outcome import Outcome
from prmsync.sync.session import UNREADABLE, Session, Stream
from prmsync.sync.write import Write

TYPED_MEANWHILE = "typed in the CRM at the moment of our write, which replaced it"


Lost = Mapping[int, Values]
"""Link id → CRM field → the value that was replaced."""


def require_history(connector: object, mappings: Sequence[StreamMapping]) -> list[Finding]:
    """A finding for each mapping that asks for a history which this CRM does not keep."""
    if isinstance(connector, HistoryReader):
        return []
    asking = [one for one in mappings if one.guard is Guard.HISTORY]
    return [
        Finding(str(one.at), "guard: history, but this CRM keeps none", "write guard: look")
        for one in asking
    ]


def reader_of(session: Session, stream: Stream) -> HistoryReader | None:
    """Who reads the history of a stream's records; None where nobody is to."""
    asked = stream.mapping.guard is Guard.HISTORY and stream.spec.relation is None
    connector = session.connector
    return connector if asked and isinstance(connector, HistoryReader) else None


def look(session: Session, stream: Stream, written: Sequence[Write]) -> Lost:
    """What these updates, which the CRM took, replaced unseen. Raises ConnectorError."""
    reader = reader_of(session, stream)
    if reader is None:
        return {}
    names = {one.crm for one in stream.mapping.fields.values()}
    fields = {stream.translator.crm_name(one) for one in names}
    rows = {
        str(one.link.crm_id): (one, _sent(one, fields))
        for one in written
        if not fields.isdisjoint(one.values)
    }
    found = reader.replaced(stream.spec, [sent for _, sent in rows.values()]) if rows else {}
    return {rows[crm_id][0].link.id: values for crm_id, values in found.items()}


def look_back(
    session: Session,
    stream: Stream,
    op: str,
    batch: Sequence[Write],
    results: list[WriteResult],
    outcome: Outcome,
) -> tuple[list[WriteResult], Lost]:
    """The results of a batch, and what its updates replaced unseen. Where that cannot be told just
    now, its rows count as unknown: the next run reads what became of them, and looks then."""
    if op != "update":
        return results, {}
    pairs = zip(batch, results, strict=True)
    try:
        return results, look(session, stream, [one for one, told in pairs if told.error is None])
    except RejectedError as error:  # the next run would be told the same
        outcome.errors.append(f"written, but not looked at since: {error.message}")
        return results, {}
    except ConnectorError as error:
        if isinstance(error, AuthError | QuotaError | SchemaError):
            outcome.stopped = error
        told = f"written, but not looked at since: {error.message}"
        unknown = WriteResult(error=OutcomeUnknownError(told, hint=error.hint))
        return [one if one.error is not None else unknown for one in results], {}


def _sent(one: Write, fields: set[str]) -> Sent:
    values = {name: value for name, value in one.values.items() if name in fields}
    before = {name: one.shown.get(name) for name in values}
    return Sent(str(one.link.crm_id), values, before, one.version)


def hold(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    written: Sequence[Write],
    lost: Lost,
) -> int:
    """Open an item for each group of which something was replaced unseen; how many."""
    found = [one for one in written if one.link.id in lost]
    if not found:
        return 0
    shown = [{**one.shown, **lost[one.link.id]} for one in found]
    records = [
        Record(str(one.link.crm_id), "", values) for one, values in zip(found, shown, strict=True)
    ]
    rows = translated(stream, records)
    references.to_prm(connection, stream, session.streams, rows)
    waiting = held_store.of_links(connection, [one.link.id for one in found])
    items: list[HeldItem] = []
    for one, row, raw in zip(found, rows, shown, strict=True):
        unreadable = str(row.get(UNREADABLE) or "").split(",")
        for name in unreadable:  # an option that is gone since: told as it stands
            if name in stream.mapping.fields:
                row[name] = raw.get(stream.translator.crm_name(stream.mapping.fields[name].crm))
        known = {
            item.group for item in waiting.get(one.link.id, ()) if item.state == HeldState.OPEN
        }
        items += [item for item in _items(stream, one, row) if item.group not in known]
    run_id = found[0].action.run_id or None
    held_store.open_items(connection, items, run_id, session.now())
    return len(items)


def _items(stream: Stream, one: Write, row: Values) -> list[HeldItem]:
    link, old, new = one.link, one.action.old_values, one.action.new_values
    items = []
    for group in stream.rule.groups:
        if not any(name in new for name in group.members):
            continue
        # What is written of a group but does not change is no field of the row.
        stands = link.base or {}
        before, ours, theirs = (
            tuple(side.get(name, stands.get(name)) for name in group.members)
            for side in (old, new, row)
        )
        if theirs not in (before, ours):
            items.append(
                held_store.new_item(
                    link.id, group.name, group.members, TYPED_MEANWHILE, ours, theirs, before
                )
            )
    return items


def carry_on(
    decision: Decision,
    rule: RecordRule,
    prm: Values | None,
    crm: Values | None,
    known: Sequence[HeldItem],
) -> None:
    """Keep what waits while both sides show our value, and carry a decision out."""
    if prm is None or crm is None:
        return
    for item in known:
        group = next((one for one in rule.groups if one.name == item.group), None)
        if item.kind != TYPED_MEANWHILE or group is None or item.crm is None:
            continue
        ours, theirs = (tuple(side.get(name) for name in group.members) for side in (prm, crm))
        if not ours == theirs == item.prm:
            continue
        if item.state == HeldState.OPEN:
            decision.held.append(Held(group.name, item.kind, item.base, item.prm, item.crm))
        elif item.take == Side.CRM and group.flows_to(Side.CRM) and group.flows_to(Side.PRM):
            values = dict(zip(group.members, item.crm, strict=True))
            decision.to_prm.update(values)
            decision.to_crm.update(values)
            decision.reasons[group.name] = f"decision of {item.decided_by}"
