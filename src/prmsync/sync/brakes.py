"""Brakes of one connection's run: whose writes they are, how many, and what has to wait.

Counts are of the whole run and of what waits already; totals are kept counters, never counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.reconcile.brakes import Cell, Limits, Trip, tripped
from prmsync.reconcile.causes import Cause, by_crm_user, by_import, cause_of_update
from prmsync.store import brakes, imports, journal, links, runs, sending, tallies
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import OURS, Dirty, Link
from prmsync.store.runs import RunState
from prmsync.sync.plan import Created, Plan
from prmsync.sync.session import Session, Stream


def created_before(connection: sa.Connection, session: Session) -> Created:
    """(stream, side) of which some record was made by prmsync already."""
    known = tallies.of_streams(connection, [one.id for one in session.streams.values()])
    return frozenset(
        (stream.name, side.value)
        for stream in session.streams.values()
        for side in Side
        if known[stream.id].made_on(side)
    )


def name_causes(
    session: Session,
    stream: Stream,
    link: Link,
    actions: Sequence[Action],
    created: Created,
    imported: str | None = None,
) -> None:
    """Say of each write who or what led to it; `link.dirty` still says why it is decided.
    `imported` tells of the import that changed our record last."""
    for action in actions:
        if action.op != "base":
            action.cause = _cause(session, stream, link, action, created)
            if imported is not None and action.side != Side.PRM:
                _by_import(action, imported)


def _by_import(action: Action, imported: str) -> None:
    """History tells the import too, also where a first creation has a cause of its own."""
    if action.cause == Cause.PRM:
        action.cause = by_import(imported)
    elif action.op != "create":
        return
    action.reason = f"{action.reason}; {imported}"


def imports_of(
    connection: sa.Connection, session: Session, stream: Stream, prm_ids: Sequence[str]
) -> dict[str, str]:
    """Our ids → the import that changed the record last, where nobody has edited it since."""
    if session.imports is None:
        session.imports = imports.are_there(connection)
    if not session.imports or not prm_ids:
        return {}
    return imports.of_records(connection, stream.name, prm_ids)


def _cause(
    session: Session, stream: Stream, link: Link, action: Action, created: Created
) -> str | None:
    if action.op in ("delete", "end"):
        return _removal(link, action)
    if action.op == "rest":
        return _leaving(session, link, action)
    if action.op == "create" and (stream.name, action.side) not in created:
        return _FIRST
    if link.dirty == Dirty.REMAPPED:
        return Cause.MAPPING.value
    if action.reason.startswith(_DECISION):
        return Cause.DECISION.value
    if action.op == "create":
        to_crm = action.side == Side.CRM
        return Cause.PRM.value if to_crm else by_crm_user(_who(session, link))
    return cause_of_update(action.side, action.fields, link.base, _who(session, link))


_DECISION = "decision of "
_FIRST = Cause.FIRST.value


def _removal(link: Link, action: Action) -> str | None:
    """None where no pair is broken: only one side ever had the record, or none has it now."""
    if action.reason.startswith(_DECISION):
        return Cause.DECISION.value
    if link.prm_gone == link.crm_gone or not link.prm_id or not link.crm_id:
        return None
    return Cause.GONE_PRM.value if link.prm_gone else Cause.GONE_CRM.value


def _leaving(session: Session, link: Link, action: Action) -> str:
    """Who moved a record out of the filter: our value differs from what both sides agreed on, or
    came from the CRM before."""
    if link.dirty == Dirty.REMAPPED:
        return Cause.MAPPING.value
    if any(old != new for old, new in action.fields.values()):
        return Cause.PRM.value
    who = _who(session, link)
    return by_crm_user(who) if who else Cause.PRM.value


def _who(session: Session, link: Link) -> str | None:
    """Whom the CRM names; what stands after our own writes names nobody new."""
    who = link.crm_modified_by
    if not who or who.startswith(OURS) or who == session.account.user_id:
        return None
    return who


def count(
    cells: Counter[Cell], session: Session, stream: Stream, actions: Sequence[Action]
) -> None:
    """Add a page of writes that the connection may carry out."""
    page: Counter[tuple[str, str | None]] = Counter()
    allowed = session.sides or journal.SIDES
    for action in actions:
        if action.side not in allowed or action.op == "base":
            continue
        if action.op == "create":  # the common case of a large page
            page[action.side, action.cause] += 1
        else:
            cells.update(brakes.cells_of(stream.name, action))
    for (side, cause), number in page.items():
        cells[Cell(stream.name, side, "create", "", cause or "")] += number


def forget_unwritten(connection: sa.Connection, session: Session, plan: Plan) -> None:
    """What this run planned in an earlier round and did not write is decided again, and must not
    count twice."""
    for stream in session.streams.values():
        after = plan.counted_to.get(stream.id, 0)
        while page := journal.page(
            connection, plan.run_id, [ActionState.SUPERSEDED], stream_id=stream.id, after=after
        ):
            after = page[-1].id
            for action in page:
                if action.side in session.sides:
                    plan.cells.subtract(brakes.cells_of(stream.name, action))
        plan.counted_to[stream.id] = journal.last_id(connection)


def brake(session: Session, plan: Plan, *, only_tell: bool) -> None:
    """Find what must wait, and let it wait unless the plan is only to be told."""
    with session.database.begin() as connection:
        session.fence(connection)
        waiting = [
            one
            for one in runs.in_state(connection, session.name, RunState.WAITING)
            if one.kind != runs.UNDO
        ]
        plan.waiting_run = plan.waiting_run or (waiting[0].id if waiting else None)
        if not plan.cells:
            return
        names = {one.id: one.name for one in session.streams.values()}
        counts = Counter({cell: number for cell, number in plan.cells.items() if number > 0})
        held = brakes.waiting_cells(connection, names)
        counts.update({cell: held[cell] for cell in counts})
        _trip(connection, session, plan, counts, only_tell=only_tell)


def brake_alone(session: Session, plan: Plan, *, only_tell: bool) -> None:
    """Brake a plan that waits, if it must, as a run of its own."""
    with session.database.begin() as connection:
        session.fence(connection)
        _trip(connection, session, plan, plan.cells, only_tell=only_tell)


def _trip(
    connection: sa.Connection,
    session: Session,
    plan: Plan,
    counts: Mapping[Cell, int],
    *,
    only_tell: bool,
) -> None:
    names = {one.id: one.name for one in session.streams.values()}
    known = tallies.of_streams(connection, list(names))
    trips = tripped(
        counts,
        {names[key]: one.linked for key, one in known.items()},
        created_before(connection, session),
        {one.name: limits_of(one) for one in session.streams.values()},
    )
    plan.trips |= trips
    if trips and not only_tell:
        _hold(connection, session, plan, trips)


def limits_of(stream: Stream) -> Limits:
    """What the mapping's `brakes` say of this stream."""
    limits = stream.mapping.brakes
    return Limits(
        limits.absolute,
        limits.percent,
        limits.creates,
        limits.deletes,
        limits.ends,
        limits.blanks,
        limits.regressions,
        limits.empty,
    )


def _hold(
    connection: sa.Connection, session: Session, plan: Plan, trips: Mapping[Cell, Trip]
) -> None:
    """Move what tripped a brake aside; a run that waits already takes it in."""
    target = plan.waiting_run or plan.run_id
    plan.waiting_run = target
    tripping = {cell.stream for cell in trips}
    staying: dict[str, set[str]] = {}
    for stream in session.streams.values():
        if stream.name not in tripping and not _names_any(stream, staying):
            continue
        after = 0
        while page := journal.page(
            connection,
            plan.run_id,
            [ActionState.PLANNED],
            stream_id=stream.id,
            sides=session.sides,
            after=after,
        ):
            after = page[-1].id
            rows = [
                one
                for one in page
                if any(cell in trips for cell in brakes.cells_of(stream.name, one))
                or _goes_with(stream, one, staying)
            ]
            if not rows:
                continue
            staying.setdefault(stream.name, set()).update(_staying(connection, rows))
            place = (stream.id, stream.name)
            held = brakes.hold(connection, target, place, rows, trips, session.now())
            sending.hold(connection, rows, target)
            plan.cells.subtract(held)


def _staying(connection: sa.Connection, held: Sequence[Action]) -> set[str]:
    """Our ids of the records whose deletion is held."""
    ids = {one.link_id for one in held if one.op == "delete"}
    found = links.by_ids(connection, ids) if ids else {}
    return {str(one.prm_id) for one in found.values()}


def _names_any(stream: Stream, staying: Mapping[str, set[str]]) -> bool:
    return stream.spec.relation is not None and any(
        staying.get(parent) for parent in stream.references.values()
    )


def _goes_with(stream: Stream, action: Action, staying: Mapping[str, set[str]]) -> bool:
    """Whether a relation is deleted only because a record is whose deletion waits."""
    if action.op != "delete" or stream.spec.relation is None:
        return False
    return any(
        action.fields[name][0] in staying.get(parent, ())
        for name, parent in stream.references.items()
        if name in action.fields
    )
