"""What an undo would do to each record of a run, from what is stored of both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.domain.values import Values
from prmsync.mapping.translate import PIPELINE
from prmsync.reconcile.record import Present
from prmsync.reconcile.rules import RecordRule
from prmsync.reconcile.undo import (
    CHANGED_SINCE,
    FOUND_THERE,
    Kept,
    Reversal,
    Written,
    held_after,
    reverse,
    together,
)
from prmsync.store import held as held_store
from prmsync.store import links, written
from prmsync.store import records as prm_records
from prmsync.store.columns import COLUMNS
from prmsync.store.held import HeldItem
from prmsync.store.journal import Action, ActionState
from prmsync.store.links import OURS, Link, LinkState
from prmsync.store.runs import UNDO, Run
from prmsync.sync import references
from prmsync.sync.session import HOME, Session, Stream
from prmsync.sync.undo_used import Used

NOT_WRITABLE = "this connection does not write there"
BY_AN_AUTOMATION = "by the CRM itself, or by somebody whom it does not name"


@dataclass(slots=True)
class Undoing:
    """What an undo does to one record: rows to write, rows that say what is kept, and the groups
    that will wait for a person."""

    link: Link
    actions: list[Action] = field(default_factory=list)
    kept: list[Action] = field(default_factory=list)
    held: list[HeldItem] = field(default_factory=list)


@dataclass(slots=True)
class _Known:
    """What is known of one record: our values, what the run wrote by side, who wrote it since, and
    what the run found there already."""

    link: Link
    prm: Values | None
    wrote: Mapping[str, Written]
    since: Mapping[tuple[str, str], int]
    found: Sequence[Action]


def undo_page(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    run: Run,
    link_ids: Sequence[int],
    used: Used,
) -> list[Undoing]:
    """Decide the undo of these links from what is stored; writes nothing."""
    found = links.by_ids(connection, link_ids, lock=True)
    references.resolve_marked(
        connection, stream, session.streams, [one.crm for one in found.values() if one.crm]
    )
    ids = [one.prm_id for one in found.values() if one.prm_id is not None]
    ours = prm_records.read(connection, stream.name, ids)
    done = written.of_run(connection, run.id, link_ids)
    found_there = written.of_run(connection, run.id, link_ids, ActionState.FOUND)
    since = written.last_writers(connection, link_ids, run.id)
    return [
        _undo_record(
            session,
            stream,
            run,
            _Known(
                link,
                ours.get(link.prm_id or ""),
                _by_side(stream, link, done.get(link.id, ())),
                since.get(link.id, {}),
                found_there.get(link.id, ()),
            ),
            used,
        )
        for link in found.values()
    ]


def _by_side(stream: Stream, link: Link, done: Sequence[Action]) -> dict[str, Written]:
    rows: dict[str, list[Written]] = {}
    for one in done:
        after = one.new_values
        if one.op == "create":
            after = {**_given(stream, link, one.side), **after}
        rows.setdefault(one.side, []).append(
            Written(one.op, _without_home(one.old_values), _without_home(after))
        )
    return {side: total for side, parts in rows.items() if (total := together(parts))}


def _without_home(values: Values) -> Values:
    return {name: value for name, value in values.items() if name != HOME}


def _given(stream: Stream, link: Link, side: str) -> Values:
    """What a new record has of itself: our columns' defaults; in the CRM what it insists on."""
    if side == Side.PRM:
        return {name: column.default for name, column in COLUMNS[stream.name].items()}
    filled = stream.translator.resolved.never_blank
    return {name: (link.crm or {}).get(name) for name in filled}


def _undo_record(session: Session, stream: Stream, run: Run, known: _Known, used: Used) -> Undoing:
    link = known.link
    made = Undoing(link)
    made.kept += [_kept(link, one.side, one.error or FOUND_THERE, {}, {}) for one in known.found]
    rule = stream.rule_for(known.prm, session.name)
    crm = link.crm if link.crm is not None and not link.crm_gone else None
    after = {Side.PRM: dict(known.prm or {}), Side.CRM: dict(crm or {})}
    restored: Values = {}
    cut = _is_cut(stream, known)
    for side, wrote in known.wrote.items():
        if side == "base":
            ended = reverse(wrote, Present(None), rule, Side.PRM)
            made.kept += _kept_rows(session, known, "base", ended.kept)
            continue
        there = Side(side)
        values = known.prm if there is Side.PRM else crm
        gone = link.prm_gone if there is Side.PRM else link.crm_gone
        reversal = reverse(
            wrote,
            Present(values, gone),
            rule,
            there,
            whole=stream.spec.relation is not None,
            used=used.of(link, there) != "",
            was_undo=run.kind == UNDO,
        )
        if cut and there is Side.CRM:
            reversal = Reversal(recreate=dict(wrote.before))
        _allow(session, there, reversal)
        _rows(session, stream, run, known, there, values or {}, reversal, made, used)
        back = {**reversal.restore, **(reversal.recreate or {})}
        restored.update(back)
        after[there].update(back)
    if restored and known.prm is not None and (crm is not None or cut):
        made.held = _held(stream, run, link, restored, after, rule)
    return made


def _is_cut(stream: Stream, known: _Known) -> bool:
    """A relation that an interrupted undo took away, and did not make again in its old form yet."""
    link, wrote = known.link, known.wrote.get(Side.CRM)
    return (
        stream.spec.relation is not None
        and link.crm_id is None
        and link.state == LinkState.NEW
        and known.prm is not None
        and wrote is not None
        and wrote.op == "update"
    )


def _allow(session: Session, side: Side, reversal: Reversal) -> None:
    """What this connection may not write is listed instead."""
    if session.may_write(side):
        return
    if reversal.restore:
        reversal.kept.append(Kept("", NOT_WRITABLE, {}, dict(reversal.restore)))
    elif reversal.remove or reversal.recreate is not None:
        reversal.kept.append(Kept("", NOT_WRITABLE))
    reversal.restore, reversal.remove, reversal.recreate = {}, False, None


def _rows(
    session: Session,
    stream: Stream,
    run: Run,
    known: _Known,
    side: Side,
    now: Values,
    reversal: Reversal,
    made: Undoing,
    used: Used,
) -> None:
    link = known.link
    if reversal.restore:
        values = reversal.restore
        if side is Side.CRM and stream.spec.relation is not None:
            values = {name: values.get(name, now.get(name)) for name in stream.members}
        made.actions.append(_row(link, side, "update", now, values, run))
    elif reversal.remove:
        made.actions.append(_row(link, side, "delete", now, dict.fromkeys(stream.members), run))
    elif reversal.recreate is not None:
        _recreate(stream, run, known, side, reversal.recreate, made)
    made.kept += _kept_rows(session, known, side, reversal.kept, used.of(link, side))


def _recreate(
    stream: Stream, run: Run, known: _Known, side: Side, values: Values, made: Undoing
) -> None:
    """Only while the other side still has its record: the two are one again."""
    link = known.link
    other = link.prm_id if side is Side.CRM else link.crm_id
    there = known.prm is not None if side is Side.CRM else not link.crm_gone
    if other is None or not there:
        made.kept.append(_kept(link, side, "both sides of this record are gone", {}, {}))
        return
    flows = stream.rule.taken_by[side]
    given = {name: values[name] for name in flows if values.get(name) is not None}
    made.actions.append(_row(link, side, "create", {}, given, run))


def _row(link: Link, side: Side, op: str, old: Values, new: Values, run: Run) -> Action:
    fields = {name: (old.get(name), value) for name, value in new.items()}
    return Action(link.id, link.stream_id, side.value, op, fields, f"undo of run {run.id}")


def _kept_rows(
    session: Session, known: _Known, side: str, kept: Sequence[Kept], used: str = ""
) -> list[Action]:
    rows = []
    for one in kept:
        why = one.why
        if used and not one.before:
            why = used
        elif why == CHANGED_SINCE:
            why = f"{why} {_by(session, known, side, one)}"
        rows.append(_kept(known.link, side, why, one.now, one.before))
    return rows


def _kept(link: Link, side: str, why: str, now: Values, before: Values) -> Action:
    names = dict.fromkeys([*now, *before])
    fields = {name: (now.get(name), before.get(name)) for name in names}
    op = "update" if before else "create"
    return Action(
        link.id, link.stream_id, str(side), op, fields, f"kept: {why}", state=ActionState.KEPT
    )


def _by(session: Session, known: _Known, side: str, kept: Kept) -> str:
    """Who changed it since, as far as the journal or the CRM can say."""
    later = {known.since[side, name] for name in kept.now if (side, name) in known.since}
    if later:
        return f"by run {max(later)}"
    if side == Side.PRM:
        return "in the partner database"
    who = known.link.crm_modified_by
    if not who or who.startswith(OURS) or who == session.account.user_id:
        return BY_AN_AUTOMATION
    return f"in the CRM; record last modified by {session.person(who)}"


def _held(
    stream: Stream,
    run: Run,
    link: Link,
    restored: Values,
    after: Mapping[Side, Values],
    rule: RecordRule,
) -> list[HeldItem]:
    """The groups that the next sync would put back, with both values as they will stand."""
    if link.state == LinkState.ENDED:
        return []
    pipeline = after[Side.CRM].get(PIPELINE)
    mapped = {name: after[Side.PRM].get(name) for name in stream.members}
    ours = stream.translator.project(mapped, str(pipeline) if pipeline else None).values
    members = {group.name: group.members for group in rule.groups}
    return [
        held_store.new_item(
            link.id, one.group, members[one.group], one.kind, one.prm, one.crm, one.base
        )
        for one in held_after(run.id, restored, ours, after[Side.CRM], rule)
    ]
