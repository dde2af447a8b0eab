"""From stored observations to journal rows: reconcile a page of links and say what it means."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import sqlalchemy as sa

from prmsync.connector.values import in_utc
from prmsync.domain.merge import Side
from prmsync.domain.values import Values
from prmsync.mapping.status import DECISION, REASON, STATE, State
from prmsync.mapping.translate import PIPELINE
from prmsync.mapping.translated import Problem
from prmsync.reconcile.record import RECORD, Decision, Held, Op, Present, Winner, reconcile
from prmsync.reconcile.rules import RecordRule, Taken
from prmsync.store import held as held_store
from prmsync.store import journal
from prmsync.store import records as prm_records
from prmsync.store.held import HeldItem, HeldState
from prmsync.store.journal import Action, FieldChange
from prmsync.store.links import Dirty, Link, LinkState
from prmsync.sync import references, relation_ends, second_pass, typed_meanwhile
from prmsync.sync.bookkeeping import bookkeeping, own_keys, row
from prmsync.sync.creating import ONLY_IN_CRM, creations
from prmsync.sync.left import without_left
from prmsync.sync.made_again import name_anew, named_by_old_ids
from prmsync.sync.matching import MATCH
from prmsync.sync.merging import as_written, winners_of
from prmsync.sync.not_taken import Written, keep_held, last_written, withhold
from prmsync.sync.put_back import hold_back, long_written
from prmsync.sync.relation_ends import Fate
from prmsync.sync.returning import come_back
from prmsync.sync.session import HOME, KEY, STOOD_IN, UNREADABLE, Session, Stream
from prmsync.sync.standing import IN_STEP, WAITS_FOR_PARENT, Standing, needs_decision, outcome
from prmsync.sync.unanswered import unanswered
from prmsync.sync.undone import standing


@dataclass(slots=True)
class Verdict:
    """What one link needs. `state` is the link's next state; `waits` names what it waits for."""

    link: Link
    actions: list[Action]
    held: Sequence[Held] = ()
    known: Sequence[HeldItem] = ()
    problems: Sequence[Problem] = ()
    notes: Sequence[Problem] = ()
    """Values of ours for which the CRM takes a stand-in."""
    waits: frozenset[str] = frozenset()
    state: str = ""
    prm: Values | None = None
    ours: Values | None = None
    """Our values as the CRM would show them."""

    @property
    def dirty(self) -> int:
        return Dirty.WAITS if self.waits else Dirty.CLEAN


def decide_page(
    connection: sa.Connection, session: Session, stream: Stream, links: Sequence[Link]
) -> list[Verdict]:
    """Decide these links from what is stored; writes nothing."""
    ours = prm_records.read(
        connection, stream.name, [one.prm_id for one in links if one.prm_id is not None]
    )
    crm_rows = [one.crm for one in links if one.crm is not None]
    outdated = named_by_old_ids(connection, stream, session.streams, links)
    marked = references.resolve_marked(connection, stream, session.streams, crm_rows)
    waiting = held_store.of_links(connection, _stored(links))
    written = last_written(connection, links, session.account.user_id)
    winners = winners_of(connection, stream, links)
    back = come_back(connection, stream, links)
    fates: Mapping[int, Fate] = {}
    if stream.spec.relation is not None:
        going = partial(_going, connection, session)
        fates = relation_ends.fates(connection, session, stream, links, ours, going)
    creation = creations(session, stream, marked=marked)
    asked = waiting.keys() | back
    verdicts = []
    for link in links:
        made = creation(link) if link.id not in asked else None
        if made is not None:
            verdicts.append(Verdict(link, [made], state=link.state))
            continue
        verdict = _decide(
            session,
            stream,
            link,
            ours.get(link.prm_id or ""),
            waiting.get(link.id, ()),
            written.get(link.id),
            winners.get(link.id),
            fates.get(link.id),
            back=link.id in back,
        )
        name_anew(verdict.link, verdict.prm, outdated.get(link.id, ()), verdict.actions)
        verdicts.append(verdict)
    _hold_put_backs(connection, session, stream, verdicts)
    decided = [(one.link, one.actions) for one in verdicts if one.prm is not None]
    later = own_keys(connection, stream, decided) | unanswered(connection, stream, decided)
    for verdict in verdicts if later else ():
        if verdict.link.id in later:
            verdict.actions, verdict.held = [], ()
            verdict.waits |= {RECORD}
    left = journal.left(connection, _stored([one.link for one in verdicts if one.actions]))
    for verdict in verdicts:
        if verdict.link.id in left:
            verdict.actions = without_left(
                verdict.actions,
                stream.rule,
                left[verdict.link.id],
                whole=stream.spec.relation is not None,
            )
    _ask_of_winners(stream, verdicts, winners)
    if stream.translator.status is not None:
        for verdict in verdicts:
            for action in verdict.actions:
                if action.op == "update" and action.side == Side.CRM:
                    _tell_along(session, stream, verdict, action)
                    break
    return verdicts


def _stored(links: Sequence[Link]) -> list[int]:
    """The ids of those of which the database may know more: nothing names one that it lacks."""
    return [one.id for one in links if not one.unsaved]


def _ask_of_winners(
    stream: Stream, verdicts: Sequence[Verdict], winners: Mapping[int, Winner]
) -> None:
    if not winners:
        return
    written = {
        str(one.link.crm_id): action.new_values
        for one in verdicts
        for action in one.actions
        if (action.side, action.op) == (Side.CRM, "update")
    }
    for one in verdicts:
        winner = winners.get(one.link.id)
        if winner is not None and winner.id in written:
            one.held = [as_written(stream, asked, written[winner.id]) for asked in one.held]


def _going(
    connection: sa.Connection, session: Session, stream: Stream, links: Sequence[Link]
) -> set[int]:
    """The ids of those links whose record is deleted where it is left."""
    verdicts = decide_page(connection, session, stream, links)
    return {one.link.id for one in verdicts if any(row.op == "delete" for row in one.actions)}


def _tell_along(session: Session, stream: Stream, verdict: Verdict, written: Action) -> None:
    """A record that is written anyway is told in the same write how it stands then."""
    crm, codec = verdict.link.crm or {}, stream.translator.status
    decided = [one for one in verdict.known if one.state == HeldState.DECIDED]
    now: Standing | None = None
    if verdict.held:
        now = needs_decision(stream, verdict.held, session.connector_title)
    elif decided and crm.get(DECISION):
        by = str(decided[0].decided_by)
        now = Standing(State.IN_STEP, outcome(decided, str(decided[0].take), by))
        written.fields[DECISION] = (crm[DECISION], None)
    elif STATE in crm or KEY in written.fields:
        now = WAITS_FOR_PARENT if verdict.waits else IN_STEP
    if now is None or codec is None:
        return
    values: Values = {STATE: now.state.value, REASON: now.reason}
    wanted = codec.fitting({key: one for key, one in values.items() if key in codec.fields})
    first = KEY in written.fields and STATE not in wanted
    for key, value in values.items():
        if key in codec.fields and (crm.get(key) != wanted.get(key) or (first and key == STATE)):
            written.fields[key] = (crm.get(key), value)


def _hold_put_backs(
    connection: sa.Connection, session: Session, stream: Stream, verdicts: Sequence[Verdict]
) -> None:
    """Groups that were put back often enough become held."""
    if stream.spec.relation is not None:
        return
    actions = [action for verdict in verdicts for action in verdict.actions]
    writes = long_written(connection, actions)
    asked = held_store.last_asked(connection, sorted(writes)) if writes else {}
    for verdict in verdicts if writes else ():
        if verdict.link.id not in writes:
            continue
        decided = asked.get(verdict.link.id, {})
        put_back = hold_back(
            verdict.actions,
            stream.rule.groups,
            verdict.link,
            writes[verdict.link.id],
            {group: in_utc(since) for group, since in decided.items()},
            session.connector_title,
            session.people,
        )
        verdict.held = [*verdict.held, *put_back]
        verdict.actions = [one for one in verdict.actions if one.fields or one.op != "update"]


def _decide(
    session: Session,
    stream: Stream,
    link: Link,
    prm: Values | None,
    known: Sequence[HeldItem],
    written: Written | None,
    winner: Winner | None,
    fate: Fate | None,
    *,
    back: bool,
) -> Verdict:
    verdict = Verdict(link, [], known=known, state=link.state)
    if link.state == LinkState.ENDED or (known and _unclear(known)):
        return verdict
    if stream.spec.relation is not None and _with_its_end(session, stream, verdict, prm, fate):
        return verdict
    if not _admitted(stream, link, prm, verdict):
        return verdict
    rule = _rule(session, stream, prm, back=back)
    projected, skip = _comparable(stream, link, prm, rule, verdict)
    verdict.prm, verdict.ours = prm, projected
    undone = standing(known, rule, projected, link.crm, skip) if known else []
    if undone and not link.crm_gone:  # else there is nothing to tell ours from: it is made whole
        skip |= {one.group for one in undone}
    late = second_pass.left_out(stream, link.base)
    decision = reconcile(
        second_pass.as_blank(link.base, late),
        Present(projected, link.prm_gone),
        Present(None if link.crm_gone else link.crm, link.crm_gone, winner),
        rule,
        _taken(known) if known else None,
        skip,
    )
    lacking = verdict.waits
    if lacking and decision.op is Op.CREATE_PRM and second_pass.requires(stream, lacking):
        return verdict
    if decision.op is Op.CREATE_CRM and skip and _lacks_required(stream, rule, skip):
        return verdict
    if late and decision.op is Op.NONE:
        second_pass.take_over(decision, late, projected, link.crm, skip)
    if winner is not None and _waits_for(winner, decision, verdict):
        return verdict
    _spare_blanks(decision, rule, stream.translator.resolved.never_blank)
    if written:
        withhold(decision, rule, link, projected, written)
    if known:
        keep_held(decision, rule, link, projected, known)
        typed_meanwhile.carry_on(decision, rule, projected, link.crm, known)
    verdict.held = _told_why(stream, link, decision.held) + undone
    if link.state == LinkState.NEW and link.prm_id and link.crm_id:
        verdict.state = LinkState.LIVE
    verdict.actions = _actions(session, stream, link, prm, decision, rule)
    _tell_stand_ins(verdict)
    return verdict


def _lacks_required(stream: Stream, rule: RecordRule, skip: Collection[str]) -> bool:
    """Whether what is left out is something that the CRM makes no record without: sent all the
    same, it would be refused for what is missing, and nobody be told why it is."""
    required = stream.translator.resolved.required
    return any(not required.isdisjoint(one.members) for one in rule.groups if one.name in skip)


def _waits_for(winner: Winner, decision: Decision, verdict: Verdict) -> bool:
    """Whether nothing happens before something becomes of the winner: it may be let go, and then
    the link follows; and while it shows the key of its loser, that is not made again under it."""
    keyless = decision.op is Op.CREATE_CRM and winner.values.get(KEY) == verdict.link.prm_id
    if keyless or decision.op in (Op.NONE, Op.FOLLOW):
        verdict.waits |= {RECORD}
    return keyless or decision.op is Op.FOLLOW


def _rule(session: Session, stream: Stream, prm: Values | None, *, back: bool) -> RecordRule:
    rule = stream.rule_for(prm, session.name)
    return replace(rule, create_crm=True, create_prm=True) if back else rule


def _tell_stand_ins(verdict: Verdict) -> None:
    """A write says that it carries a stand-in, and why: in the plan and in history."""
    if not verdict.notes and STOOD_IN not in (verdict.link.crm or ()):
        return
    theirs = str((verdict.link.crm or {}).get(STOOD_IN) or "").split("; ")
    for action in verdict.actions:
        told = [str(one) for one in verdict.notes] if action.side == Side.CRM else theirs
        if action.op in ("create", "update"):
            told = [one for one in told if one.partition(": ")[0] in action.fields]
            action.reason = "; ".join([action.reason, *told])


def _with_its_end(
    session: Session, stream: Stream, verdict: Verdict, prm: Values | None, fate: Fate | None
) -> bool:
    """Whether the fate of its deal or partner decides about a relation."""
    link = verdict.link
    if link.state == LinkState.DORMANT and link.prm_gone and link.crm_gone:
        return True  # what was taken away here meanwhile may come back with its end
    if fate is None or fate is Fate.FOLLOWS:
        if link.state == LinkState.DORMANT:
            verdict.state = LinkState.LIVE
        return False
    verdict.prm = prm
    if fate is Fate.WAITS:
        verdict.state = LinkState.DORMANT
        verdict.waits |= {RECORD}
    elif fate is Fate.RESTS:
        row = Action(link.id, link.stream_id, "base", "end", {}, relation_ends.ENDED)
        verdict.actions = [row]
    elif fate is Fate.ASKS:
        _ask(session, stream, verdict)
    elif fate is Fate.AGAIN:
        there = Present(None if link.crm_gone else link.crm)
        decision = reconcile(None, Present(prm), there, stream.rule)
        decision.reasons[RECORD] = relation_ends.AGAIN
        verdict.actions = _actions(session, stream, link, prm, decision, stream.rule)
    return True


def _told_why(stream: Stream, link: Link, held: list[Held]) -> list[Held]:
    """A relation on which nothing counts as agreed any more is asked about for its own reason."""
    if stream.spec.relation is None or link.base != {}:
        return held
    return [replace(one, kind=relation_ends.BACK_THERE) for one in held]


def _ask(session: Session, stream: Stream, verdict: Verdict) -> None:
    """Nobody has said a word on a relation that is here no more while its deal and its partner
    are: it waits, unless a row of ours comes to say the same."""
    link, rule = verdict.link, stream.rule
    decision = reconcile(
        {}, Present(None, gone=True), Present(link.crm), rule, _taken(verdict.known)
    )
    verdict.held = [replace(one, kind=relation_ends.BACK) for one in decision.held]
    verdict.actions = _actions(session, stream, link, None, decision, rule)


def _spare_blanks(decision: Decision, rule: RecordRule, never_blank: frozenset[str]) -> None:
    """What the CRM insists on is not cleared because we know nothing: a copy's owner, say."""
    if decision.op is not Op.NONE or never_blank.isdisjoint(decision.to_crm):
        return
    for group in rule.groups:
        if any(
            name in never_blank and name in decision.to_crm and decision.to_crm[name] is None
            for name in group.members
        ):
            for name in group.members:
                decision.to_crm.pop(name, None)
            decision.reasons.pop(group.name, None)


def _unclear(known: Sequence[HeldItem]) -> bool:
    """Whether a person has yet to say which record of the other side this one is."""
    return any(item.group == MATCH and item.state == HeldState.OPEN for item in known)


def _admitted(stream: Stream, link: Link, prm: Values | None, verdict: Verdict) -> bool:
    """Whether the record passes the mapping's filter; a live link that leaves it is dormant."""
    shown = prm if prm is not None else link.crm
    if not stream.mapping.filter or shown is None:
        return True
    inside = _passes(stream, shown) or _comes_back(stream, link)
    if link.state == LinkState.LIVE and not inside:
        verdict.actions = [_rest(stream, link, shown)]
    elif link.state == LinkState.DORMANT and inside:
        verdict.state = LinkState.LIVE
    return inside


def _rest(stream: Stream, link: Link, shown: Values) -> Action:
    """A record that leaves the filter is a row like others: braked, and told in history."""
    base = link.base or {}
    fields: dict[str, FieldChange] = {
        name: (base.get(name), shown.get(name)) for name in stream.mapping.filter
    }
    reason = f"left the mapping's filter: {', '.join(fields)}"
    return Action(link.id, link.stream_id, "base", "rest", fields, reason)


def _passes(stream: Stream, values: Values) -> bool:
    return all(values.get(name) in codes for name, codes in stream.mapping.filter.items())


def _comes_back(stream: Stream, link: Link) -> bool:
    """Whether somebody edited a dormant record in the CRM so that it passes again."""
    crm, base = link.crm, link.base or {}
    if link.state != LinkState.DORMANT or crm is None or link.crm_gone:
        return False
    edited = any(crm.get(name) != base.get(name) for name in stream.mapping.filter)
    return edited and _passes(stream, crm)


def _comparable(
    stream: Stream, link: Link, prm: Values | None, rule: RecordRule, verdict: Verdict
) -> tuple[Values | None, frozenset[str]]:
    """Our values as the CRM would show them, and the groups that cannot be compared just now."""
    projected: Values | None = None
    unfit: set[str] = set()
    if prm is not None:
        pipeline = link.crm.get(PIPELINE) if link.crm else None
        mapped = {name: prm.get(name) for name in stream.members}
        result = stream.translator.project(mapped, str(pipeline) if pipeline else None)
        projected = result.values
        verdict.problems, verdict.notes = result.problems, result.notes
        unfit.update(one.field for one in result.problems)
    crm = link.crm or {}
    if crm:  # a field new in the mapping is no blank: it was never read
        unfit.update(stream.fields.difference(crm))
    if UNREADABLE in crm:
        unfit.update(str(crm[UNREADABLE]).split(","))
    for name in stream.references:
        if references.is_marked(crm.get(name)):
            verdict.waits |= {name}
            unfit.add(name)
    if not unfit:
        return projected, frozenset()
    return projected, frozenset(
        group.name for group in rule.groups if not unfit.isdisjoint(group.members)
    )


def _taken(known: Sequence[HeldItem]) -> Mapping[str, Taken]:
    return {
        item.group: Taken(Side(item.take), item.prm or (), item.crm or (), item.decided_by or "")
        for item in known
        if item.state == HeldState.DECIDED and item.take and item.group != MATCH
    }


def _actions(
    session: Session,
    stream: Stream,
    link: Link,
    prm: Values | None,
    decision: Decision,
    rule: RecordRule,
) -> list[Action]:
    crm = link.crm or {}
    made: list[Action] = []
    if decision.op in (Op.CREATE_PRM, Op.CREATE_CRM):
        made.append(_creation(session, stream, link, decision))
    elif decision.op is not Op.NONE:
        made.append(_removal(stream, link, prm, decision))
    else:
        if decision.to_prm:
            reason = _reasons(rule, decision, decision.to_prm)
            made.append(row(link, Side.PRM, "update", prm or {}, decision.to_prm, reason))
        if decision.to_crm:
            written = decision.to_crm
            if stream.spec.relation is not None:  # never updated: made anew, so it is told whole
                written = {name: (prm or {}).get(name) for name in stream.members}
            reason = _reasons(rule, decision, decision.to_crm)
            made.append(row(link, Side.CRM, "update", crm, written, reason))
        if decision.base:
            reason = _reasons(rule, decision, decision.base)
            made.append(row(link, "base", "base", link.base or {}, decision.base, reason))
    bookkeeping(session, stream, link, prm, made)
    return made


def _creation(session: Session, stream: Stream, link: Link, decision: Decision) -> Action:
    to_crm = decision.op is Op.CREATE_CRM
    chosen = decision.to_crm if to_crm else decision.to_prm
    fields: dict[str, FieldChange] = {
        name: (None, value) for name, value in chosen.items() if value is not None
    }
    if not to_crm and stream.mapping.home:
        fields[HOME] = (None, session.name)
    reason = decision.reasons.get(RECORD, "only in prm" if to_crm else ONLY_IN_CRM)
    side = "crm" if to_crm else "prm"
    return Action(link.id, link.stream_id, side, "create", fields, reason)


def _removal(stream: Stream, link: Link, prm: Values | None, decision: Decision) -> Action:
    """The values that go are told: to be seen in history, and to be sure that they still stand."""
    reason = decision.reasons.get(RECORD, "")
    if decision.op is Op.END:
        return Action(link.id, link.stream_id, "base", "end", {}, reason)
    side, shown = (Side.PRM, prm) if decision.op is Op.DELETE_PRM else (Side.CRM, link.crm)
    lost: Values = dict.fromkeys(stream.members)
    return row(link, side, "delete", shown or {}, lost, reason)


def _reasons(rule: RecordRule, decision: Decision, written: Values) -> str:
    """Why these fields are written: one sentence where all groups agree, else one a group."""
    reasons = {
        group.name: decision.reasons[group.name]
        for group in rule.groups
        if group.name in decision.reasons and group.members[0] in written
    }
    distinct = set(reasons.values())
    if len(distinct) == 1:
        return distinct.pop()
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
