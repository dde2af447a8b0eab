"""Nothing is written that was not planned: each change that a write call made in a CRM is in a
journal row that was durable, as sent, before the call left."""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.sync.session import UNRESOLVED
from simulation.known import ActionRow
from simulation.oracle import Oracle
from simulation.relations import ends_live
from simulation.sides import Place, Relation, View
from simulation.versions import Broken
from simulation.words import GROUPS, RELATION, Value


def check(oracle: Oracle, system: str, before: View, now: View) -> None:
    """Compare what a call changed with the intents that stand in the database at this moment."""
    appeared = now.records.keys() - before.records.keys()
    vanished = before.records.keys() - now.records.keys()
    changed = {
        place: groups
        for place, groups in now.records.items()
        if place in before.records and before.records[place] != groups
    }
    relations = now.relations ^ before.relations
    if not (appeared or vanished or changed or relations):
        return
    sent = oracle.actions(system, "action.state = 'sent'")
    for place in appeared:
        _created(place, now, sent)
    for place in vanished:
        _deleted(place, sent)
        _looked(oracle, system, place, sent)
    for place, groups in changed.items():
        stood = before.records[place]
        shown = oracle.shown.get((system, place))
        _updated(place, stood, stood if shown is None else shown.groups, groups, sent)
        _looked(oracle, system, place, sent)
    for one in relations:
        if ends_live(one, now):  # else it went with one of them
            _related(oracle, system, one, sent, present=one in now.relations)


def _created(place: Place, now: View, sent: list[ActionRow]) -> None:
    key = now.keys[place]
    for action in sent:
        link = action.link
        if (link.stream, action.op) == (place[0], "create") and link.prm_id == key:
            written = {name: new for name, (_, new) in action.fields.items()}
            _same(place, now.records[place], written, create=True)
            return
    raise Broken(f"a {place[0]} was created in the CRM without an intent in the journal")


def _deleted(place: Place, sent: list[ActionRow]) -> None:
    if not any(_is(action, place, "delete") for action in sent):
        raise Broken(f"a {place[0]} was deleted in the CRM without an intent in the journal")


def _updated(
    place: Place,
    old: Mapping[str, Value],
    shown: Mapping[str, Value],
    new: Mapping[str, Value],
    sent: list[ActionRow],
) -> None:
    """The journal names what the guard was `shown`; `old` stood there when the call came."""
    actions = [one for one in sent if _is(one, place, "update") or _is(one, place, "create")]
    if not actions:
        raise Broken(f"a {place[0]} was changed in the CRM without an intent in the journal")
    fields = {name: change for one in actions for name, change in one.fields.items()}
    for group, members in GROUPS[place[0]].items():
        for name, stood, was, now in zip(
            members, old[group], shown[group], new[group], strict=True
        ):
            if stood == now:
                continue
            if name not in fields or fields[name][1] != now:
                raise Broken(f"{name} became {now} in the CRM, which no intent says")
            if actions[0].op == "update" and fields[name][0] != was:
                raise Broken(
                    f"{name} was {was} in the CRM when it was overwritten; the journal says "
                    f"{fields[name][0]}"
                )


def _looked(oracle: Oracle, system: str, place: Place, sent: list[ActionRow]) -> None:
    """What is changed or deleted was looked at since that was decided."""
    decided = [one.id for one in sent if _is(one, place, "update") or _is(one, place, "delete")]
    shown = oracle.shown.get((system, place))
    if decided and (shown is None or shown.last < max(decided)):
        raise Broken(f"a {place[0]} was written in {system} without a look right before")


def _is(action: ActionRow, place: Place, op: str) -> bool:
    return (action.link.stream, action.link.crm_id, action.op) == (*place, op)


def _same(
    place: Place, groups: Mapping[str, Value], written: Mapping[str, object], *, create: bool
) -> None:
    for group, members in GROUPS[place[0]].items():
        for name, value in zip(members, groups[group], strict=True):
            if value is not None and written.get(name) != value:
                raise Broken(f"{name} of a new {place[0]} is {value}, which no intent says")


def _related(
    oracle: Oracle, system: str, one: Relation, sent: list[ActionRow], *, present: bool
) -> None:
    deal = oracle.by_place[(system, "opportunity", one[0])]
    partner = oracle.by_place[(system, "partner", one[1])]
    linked = {link.crm_id: link.prm_id for link in oracle.links(system)}  # also since a merge
    wanted = {
        "opportunity": (deal.ids.get("prm"), linked.get(one[0]), f"{UNRESOLVED}{one[0]}"),
        "partner": (partner.ids.get("prm"), linked.get(one[1]), f"{UNRESOLVED}{one[1]}"),
        "role": (one[2],),
    }
    side = 1 if present else 0
    ops = ("create", "update") if present else ("delete", "update")
    for action in sent:
        if action.link.stream != RELATION or action.op not in ops:
            continue
        said = {name: change[side] for name, change in action.fields.items()}
        if all(said.get(name) in values for name, values in wanted.items()):
            return
    raise Broken(
        f"{partner.label} was {'made' if present else 'taken away as'} {one[2]} on {deal.label} "
        f"in {system} without an intent in the journal"
    )
