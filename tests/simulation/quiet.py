"""The end of a history: no faults, no people, and every promise that can only be seen at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from prmsync.domain.merge import OnDelete
from simulation import handwork
from simulation.known import THERE, YES, LinkRow
from simulation.versions import Broken, Entity
from simulation.words import GROUPS, RELATION
from simulation.world import CONNECTORS, PROFILES

if TYPE_CHECKING:
    from simulation.play import Player

LOOK_BACK = 700
"""Seconds: longer than what the connectors read again, and than a lease."""


APPROVED = 2 * 86_400
"""Seconds: by then what an approval process had locked is tried again."""
AUTOMATED = 12
"""Rounds after which two automations no longer change a field in turn through us."""


def judge(player: Player) -> None:
    """Let everything come to rest and look at it. Raises Broken."""
    player.tell("quiet: nobody works, nothing fails")
    player.world.wait(LOOK_BACK)
    player.world.shares.clear()
    if handwork.unlock(player.world.crms["sf"]):
        player.world.wait(APPROVED)
    _come_to_rest(player)
    for name in player.world.crms:
        _equal(player, name)


def _come_to_rest(player: Player) -> None:
    """Two rounds, and then a run of each connection that writes nothing. HubSpot begins, because
    what is archived there is only seen where everything is read."""
    names = sorted(player.world.crms, key=lambda name: CONNECTORS[name] != "hubspot")
    for name in names:
        full = CONNECTORS[name] == "hubspot"
        player.sync({"do": "sync", "on": name, "release": True, "full": full})
    if player.flows:
        player.world.wait(LOOK_BACK)  # what an automation made of that round, the search shows late
    wrote = [_writes(player, name) for name in names]
    rounds = AUTOMATED if player.flows else 1
    for turn in range(1, rounds + 1):
        player.world.wait(LOOK_BACK)
        for name in names:
            if not any(wrote[-len(names) :]):
                return  # since both have last run nothing has changed for either
            wrote.append(_writes(player, name))
            if wrote[-1] and turn == rounds:
                raise Broken(f"after two quiet rounds a run of {name} still writes: {wrote[-1]}")


def _writes(player: Player, name: str) -> list[Any]:
    """One more run; what it wrote. Raises Broken where it fails although nothing is in its way."""
    calls = player.outcome.counts["write calls"]
    last = player.oracle.prm.ask("SELECT coalesce(max(id), 0) FROM action")[0][0]
    player.sync({"do": "sync", "on": name, "release": True})
    rows = player.oracle.prm.ask(
        "SELECT stream.name, side, op, action.state, fields FROM action "
        "JOIN stream ON stream.id = stream_id WHERE action.id > ? "
        "AND coalesce(error, '') NOT LIKE 'waits for the link of its %'",
        last,
    )
    if not rows and player.outcome.counts["write calls"] != calls:
        rows = ["calls that the journal does not know"]
    state, message, since = player.oracle.prm.ask(
        "SELECT state, message, started_at FROM run ORDER BY id DESC"
    )[0]
    parked = player.oracle.prm.ask("SELECT count(*) FROM parked WHERE since >= ?", since)[0][0]
    if not rows and not parked and state not in ("done", "waiting"):
        raise Broken(f"at rest a run of {name} ends as {state}: {message}")
    return rows


def _equal(player: Player, name: str) -> None:
    """Each thing stands equal on both sides, or what differs waits for a person and is seen."""
    oracle = player.oracle
    explained = _explained(player, name)
    links = {(one.stream, one.prm_id): one for one in oracle.links(name) if one.prm_id is not None}
    for entity in (*oracle.entities, *oracle.relations.values()):
        ours, theirs = entity.current.get("prm"), entity.current.get(name)
        if entity.stream == RELATION:
            _relation_equal(player, entity, name, explained)
        elif ours is not None and theirs is not None:
            link = links.get((entity.stream, entity.ids["prm"]))
            why = explained.get(link.id, set()) if link else None
            _fields_equal(entity, name, why, oracle.unmapped)
        elif ours is not None or theirs is not None:
            _one_sided(player, entity, name, links, explained)


def _fields_equal(
    entity: Entity,
    name: str,
    explained: set[str] | None,
    unmapped: set[tuple[str, str, str]],
) -> None:
    if explained is None:
        raise Broken(f"{entity.label} stands in prm and {name} and nothing links them")
    for group, version in entity.current["prm"].items():
        other = entity.current[name][group]
        members = set(GROUPS[entity.stream][group])
        if (name, entity.stream, group) in unmapped:
            continue
        if version.value != other.value and not ("*" in explained or members & explained):
            raise Broken(
                f"at rest {group} of {entity.label} is {version.value} in prm and {other.value} "
                f"in {name}, and nothing says why"
            )


def _one_sided(
    player: Player,
    entity: Entity,
    name: str,
    links: dict[tuple[str, str | None], LinkRow],
    explained: dict[int, set[str]],
) -> None:
    if name in entity.undone:
        return
    if _left(player, entity, name) and not entity.died.isdisjoint(("prm", name)):
        return
    link = links.get((entity.stream, entity.ids.get("prm")))
    if link is not None and explained.get(link.id):
        return
    if not entity.lives("prm") and entity.stream != "opportunity":
        return  # the mapping makes no partner or registration of what a CRM has
    where, missing = ("prm", name) if entity.lives("prm") else (name, "prm")
    raise Broken(f"at rest {entity.label} stands in {where} and not in {missing}")


def _left(player: Player, entity: Entity, name: str) -> bool:
    """Whether a deletion on one side leaves the other as it is: the mapping says so, or what was
    deleted was a copy of a deal that another CRM owns."""
    return (
        PROFILES[player.history.profile].on_delete is not OnDelete.PROPAGATE
        or player.oracle.policy(entity, THERE, name) == "copy"
    )


def _relation_equal(
    player: Player, entity: Entity, name: str, explained: dict[int, set[str]]
) -> None:
    stands = [
        system in entity.current and entity.current[system][THERE].value == YES
        for system in ("prm", name)
    ]
    if stands[0] == stands[1] or _undone_there(player, entity, name):
        return
    if _ends_apart(player, entity, name) or _relation_explained(player, entity, name, explained):
        return
    raise Broken(
        f"at rest {entity.label}: {'in' if stands[0] else 'not in'} prm, "
        f"{'in' if stands[1] else 'not in'} {name}, and nothing says why"
    )


def _undone_there(player: Player, entity: Entity, name: str) -> bool:
    """Whether somebody has undone a relation of this deal: its link has ended with it, and does
    not follow what is made of it afterwards: another role, or the partner or deal that an end of it
    was merged into."""
    *said, deal = entity.ends
    merged = player.oracle.merged
    return any(
        name in one.undone
        and (one.ends[2] == deal or ([*one.ends[:2]] == said and {one.ends[2], deal} <= merged))
        for one in player.oracle.relations.values()
    )


def _ends_apart(player: Player, entity: Entity, name: str) -> bool:
    """Whether an end of the relation is missing on a side: nothing can be joined to it there."""
    partner, _, deal = entity.label.partition(" as ")
    deal = deal.partition(" on ")[2]
    both = [
        one
        for one in player.oracle.entities
        if (one.stream, one.label) in (("partner", partner), ("opportunity", deal))
    ]
    return not all(one.lives("prm") and one.lives(name) for one in both)


def _relation_explained(
    player: Player, entity: Entity, name: str, explained: dict[int, set[str]]
) -> bool:
    """Whether a link of these two ends waits for a person."""
    partner, _, rest = entity.label.partition(" as ")
    deal = rest.partition(" on ")[2]
    ends = {(one.stream, one.label): one.ids.get("prm") for one in player.oracle.entities}
    deal_id, partner_id = ends.get(("opportunity", deal)), ends.get(("partner", partner))
    rows = player.oracle.prm.ask(
        "SELECT link.id, link.base, link.seen, link.prm_id FROM link "
        "JOIN stream ON stream.id = link.stream_id "
        "WHERE stream.connection = ? AND stream.name = 'relation'",
        name,
    )
    own = player.oracle.prm.ask(
        "SELECT id FROM deal_partner WHERE opportunity = ? AND partner = ?", deal_id, partner_id
    )
    ids = {row[0] for row in own}
    known = {f"crm:{one.crm_id}": one.prm_id for one in player.oracle.links(name)}
    for link_id, base, seen, prm_id in rows:
        if link_id not in explained:
            continue
        agreed, shown = orjson.loads(base or "{}"), orjson.loads(seen or "{}")
        # An end that was gone here when it was read is still told by the CRM's own id.
        said = {**agreed, **{end: known.get(one, one) for end, one in shown.items()}}
        ends_of = [(one.get("opportunity"), one.get("partner")) for one in (agreed, said)]
        if (deal_id, partner_id) in ends_of or prm_id in ids:
            return True
    return False


def _explained(player: Player, name: str) -> dict[int, set[str]]:
    """Link id → fields that wait for a person; "*" for the whole record."""
    found: dict[int, set[str]] = {}
    held = player.oracle.prm.ask(
        "SELECT link_id, members, group_name FROM held JOIN link ON link.id = link_id "
        "JOIN stream ON stream.id = stream_id WHERE held.state = 'open' AND connection = ?",
        name,
    )
    for link_id, members, group in held:
        found.setdefault(link_id, set()).update(
            {"*"} if group.startswith("@") else orjson.loads(members)
        )
    late = (
        "SELECT link_id FROM action WHERE state = 'released' AND error LIKE 'waits for the link%'"
    )
    for (link_id,) in player.oracle.prm.ask(late):  # for a record that itself waits for a person
        found.setdefault(link_id, set()).add("*")
    for (link_id,) in player.oracle.prm.ask("SELECT link_id FROM parked"):
        found.setdefault(link_id, set()).add("*")
    return found
