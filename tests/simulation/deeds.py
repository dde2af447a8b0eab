"""What people and admins do now and then: merges, restores, duplicates, answers in a CRM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prmsync.store import quota
from prmsync.sync.undo import undo as take_back
from simulation import handwork, undo
from simulation.known import PERSON
from simulation.renumbering import renumbered
from simulation.versions import Entity
from simulation.weighing import settle
from simulation.words import GROUPS, RELATION, to_crm

if TYPE_CHECKING:
    from simulation.play import Event, Player
    from simulation.sides import View


LIMITS = {"sf": 1_000_000, "hs": 650_000}
"""Calls a day that the simulated accounts allow."""


def twin(player: Player, event: Event) -> None:
    """A CRM user makes a partner again, under the same name and domain."""
    system = event["in"]

    def work() -> None:
        like = player.find("partner", event["who"], "prm").current["prm"]
        values = {"name": like["name"].value[0], "domain": like["domain"].value[0]}
        crm = player.world.crms[system]
        player.oracle.newborn = event["as"]
        crm.create("partner", to_crm(crm.connector, "partner", values))

    player.person(system, f"{event['who']} made again as {event['as']}", work)
    player.oracle.newborn = ""


def merge(player: Player, event: Event) -> None:
    """Whoever merges sees both records, and what they leave is their word on both."""
    system, stream = event["in"], event["stream"]
    both: list[Entity] = []

    def work() -> None:
        both.extend(player.find(stream, event[key], system) for key in ("who", "into"))
        lost, into = (one.ids[system] for one in both)
        crm, anew = player.world.crms[system], bool(event.get("anew"))
        left = handwork.merge(crm, stream, lost, into, anew=anew)
        if left != into:
            renumbered(player.oracle, system, stream, into, left)

    under = " under a new id" if event.get("anew") else ""
    if player.person(system, f"{event['who']} merged into {event['into']}{under}", work):
        _merged(player, system, *both)
        player.outcome.counts["merged"] += 1


def _merged(player: Player, system: str, lost: Entity, winner: Entity) -> None:
    player.oracle.merged |= {lost.label, winner.label}
    for group, version in lost.buried[system].items():
        stands = winner.current[system][group]
        if stands.value == version.value:
            same = player.oracle.book.joined(winner, group, stands, version)
            winner.current[system][group] = same
        settle(lost, group, version)
    if winner.lives("prm"):
        return
    for group, version in winner.current[system].items():
        if not any(version.value):  # nobody emptied it: it was never filled
            blank = player.oracle.book.blank(winner, group, version.value)
            winner.current[system][group] = blank


def restore(player: Player, event: Event) -> None:
    system, stream = event["in"], event["stream"]
    gone = [
        one
        for one in player.oracle.entities
        if one.stream == stream and system in one.died and not one.lives(system)
    ]
    if not gone:
        return
    entity = gone[event["pick"] % len(gone)]

    def work() -> None:
        handwork.restore(player.world.crms[system], stream, entity.ids[system])

    if player.person(system, f"{entity.label} out of the recycle bin", work):
        player.outcome.counts["restored"] += 1


def answer(player: Player, event: Event) -> None:
    """A CRM user answers on the record: for all that it says is waiting."""
    system = event["in"]
    crm = player.world.crms[system]
    asking = sorted(handwork.waiting(crm))
    if not asking:
        return
    stream, record = asking[event["pick"] % len(asking)]
    entity = player.oracle.by_place[(system, stream, record)]

    def work() -> None:
        handwork.answer(crm, stream, record, event["take"])

    if player.person(system, f"{entity.label}: answered “take {event['take']}”", work):
        player.outcome.counts["answers"] += 1
        for row in player.waiting(system):
            asked = player.oracle.by_place.get((system, row.stream, str(row.ids[1])))
            if asked is entity:  # the question may have been put before a merge gave it a new id
                player.oracle.choices.append(replace(row, take=event["take"]))


def lag(player: Player, event: Event) -> None:
    """How long HubSpot's search shows what was there before."""
    portal = player.world.crms[event["in"]].simulator.portal
    portal.settings = replace(portal.settings, index_lag_seconds=float(event["seconds"]))
    player.tell(f"  in {event['in']}: the search lags by {event['seconds']} s")


def undone(player: Player, event: Event) -> None:
    """Somebody takes back one of a connection's last runs."""
    name, oracle = event["on"], player.oracle
    text = (
        "SELECT DISTINCT run_id FROM action JOIN run ON run.id = run_id WHERE connection = ? "
        "AND run_id > ? AND action.state = 'done' AND side IN ('prm', 'crm') "
        "ORDER BY run_id DESC LIMIT 6"
    )
    runs = [row[0] for row in oracle.prm.ask(text, name, oracle.first_run)]
    if not runs:
        return
    wanted = runs[min(event["back"], len(runs) - 1)]
    for system in ("prm", name):
        oracle.look(system, PERSON)
    due = [
        one
        for one in undo.due(oracle, name, wanted)
        if one.group != "name" or (one.system, one.entity.stream) not in player.flows
    ]
    oracle.undoing = wanted
    try:
        report = player.run(
            event,
            f"undo of run {wanted} of {name}",
            lambda session: take_back(session, wanted, release=True),
        )
        if report is not None and report.state == "done" and not event["wire"]:
            undo.check(oracle, due, wanted)
            player.outcome.counts["undone"] += len(due)
    finally:
        oracle.undoing = 0
    player.outcome.counts["undos"] += report is not None


def lock(player: Player, event: Event) -> None:
    """An approval process takes a Salesforce record, or gives it back."""
    crm = player.world.crms["sf"]

    def work() -> None:
        record = player.find(event["stream"], event["who"], "sf").ids["sf"]
        crm.control("POST", "approval_locks", {"id": record, "locked": event["locked"]})

    word = "locked" if event["locked"] else "unlocked"
    player.person("sf", f"{event['who']} {word} by an approval process", work)


def flow(player: Player, event: Event) -> None:
    """An admin has a field rewritten whenever the API has written it; or no longer."""
    place = (event["in"], event["stream"])
    player.flows.pop(place, None)
    if event["does"]:
        player.flows[place] = event["does"]
    player.tell(f"  in {event['in']}: automation on {event['stream']} names: {event['does']}")


def flows_run(player: Player, system: str, before: View, now: View) -> None:
    """What the automations make of a write call, after it was answered."""
    for place, groups in now.records.items():
        does = player.flows.get((system, place[0]))
        stood = before.records.get(place)
        if does is None or stood is groups or (stood and stood["name"] == groups["name"]):
            continue
        name = groups["name"][0]
        text = name.upper() if does == "upper" else name.lower()
        if name and text != name:
            entity = player.oracle.by_place[(system, *place)]
            player.world.wire.met.append("automation")
            values = {"name": text}
            player.edit({"in": system, "stream": place[0], "who": entity.label, "set": values})


def meet(player: Player, event: Event) -> None:
    """Somebody makes in a CRM the very relations that the run is about to make there."""
    system, oracle = player.runs, player.oracle
    there = player.world.crms[system].view().relations
    planned = "action.state IN ('planned', 'released') AND op = 'create'"
    for action in oracle.actions(system, planned):
        if action.link.stream != RELATION or action.side != "crm":
            continue
        said = {name: str(change[1]) for name, change in action.fields.items()}
        deal = oracle.by_place.get(("prm", "opportunity", said["opportunity"]))
        partner = oracle.by_place.get(("prm", "partner", said["partner"]))
        if deal is None or partner is None:
            continue
        if (deal.ids.get(system), partner.ids.get(system), said["role"]) not in there:
            ends = {"deal": deal.label, "partner": partner.label, "role": said["role"]}
            player.relate({"in": system, **ends})


def share(player: Player, event: Event) -> None:
    """An admin gives a connection so many more calls a day."""
    name = event["on"]
    with player.world.database.read() as connection:
        made = quota.calls_made(connection, name, player.world.now())
    limit = LIMITS[name]
    player.world.shares[name] = (made + event["calls"] + 0.5) / limit
    player.spent[name] = (player.world.now(), event["calls"])
    player.world.wire.calls[name] = 0
    player.tell(f"{name} may make {event['calls']} calls more a day")


def remap(player: Player, event: Event) -> None:
    """An admin takes a field out of a mapping or back in, or gives it another policy."""
    name, stream, group = event["on"], event["stream"], event["group"]
    member, place = GROUPS[stream][group][0], (name, stream, group)
    others = {one for one in player.world.edits.get(name, ()) if one[:2] != (stream, member)}
    player.oracle.unmapped.discard(place)
    player.oracle.policies.pop(place, None)
    if event["to"] == "gone":
        player.oracle.unmapped.add(place)
    elif event["to"]:
        player.oracle.policies[place] = event["to"]
    added = {(stream, member, event["to"])} if event["to"] else set()
    player.world.edits[name] = frozenset(others | added)
    player.tell(f"mapping of {name}: {member} {event['to'] or 'as shipped'}")


DEEDS: Mapping[str, Callable[[Any, Any], None]] = {
    one.__name__: one
    for one in (twin, merge, restore, answer, lag, lock, flow, meet, share, remap, undone)
}
