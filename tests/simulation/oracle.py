"""Watches all systems and says at once when a promise is broken.

It is told who has just worked in which system, a person or a run of a connection, looks at what is
different there, and judges a run's changes by `simulation.versions` and by the journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from simulation.sides import CrmSide, Place, PrmSide, Relation, View
from simulation.versions import Book, Broken, Entity, Version
from simulation.words import FIRST, GROUPS, POLICIES, RANK, RELATION, Value

PERSON = "a person"
UNNAMED = "the "
DECISION = "a decision"
THERE = "there"
YES: Value = (True,)
NO: Value = (False,)


@dataclass(frozen=True)
class LinkRow:
    """A link as stored: what the oracle needs of it."""

    id: int
    connection: str
    stream: str
    prm_id: str | None
    crm_id: str | None
    state: str
    base: str | None


@dataclass(frozen=True)
class ActionRow:
    """A journal row that the oracle looks at."""

    id: int
    link: LinkRow
    side: str
    op: str
    fields: Mapping[str, tuple[Any, Any]]
    reason: str


@dataclass(frozen=True)
class Shown:
    """What a CRM has shown of a record to the run that is under way."""

    groups: Mapping[str, Value]
    versions: Mapping[str, Version]
    last: int
    """The newest journal row at that moment: later ones were decided without this look."""


_LINKS = (
    "SELECT link.id, stream.connection, stream.name, prm_id, crm_id, link.state, base "
    "FROM link JOIN stream ON stream.id = link.stream_id"
)
_ACTIONS = (
    "SELECT action.id, link_id, side, op, fields, reason FROM action "
    "JOIN stream ON stream.id = action.stream_id WHERE stream.connection = ? AND "
)


@dataclass
class Oracle:
    """`crms` by name. `tell` adds a line to the story."""

    prm: PrmSide
    crms: Mapping[str, CrmSide]
    book: Book = field(default_factory=Book)
    entities: list[Entity] = field(default_factory=list)
    by_place: dict[tuple[str, str, str], Entity] = field(default_factory=dict)
    """(system, stream, id) → entity; also of records that are gone."""
    relations: dict[str, Entity] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    shown: dict[tuple[str, Place], Shown] = field(default_factory=dict)
    """(CRM, place) → what it has last shown of it to the run that is under way."""
    names: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """(system, stream, id) → what people call the record."""
    newborn: str = ""
    """What people will call the record that is being created."""
    _stood: dict[tuple[str, str, str], Version] = field(default_factory=dict)
    """(relation, connection, system) → what its last whole run has left there."""
    _bases: dict[int, str | None] = field(default_factory=dict)

    # --- the database's own tables -----------------------------------------------------------

    def links(self, connection: str | None = None) -> Iterator[LinkRow]:
        where = "" if connection is None else " WHERE stream.connection = ?"
        values = () if connection is None else (connection,)
        for row in self.prm.ask(_LINKS + where, *values):
            yield LinkRow(*row)

    def actions(self, connection: str, where: str, *values: Any) -> list[ActionRow]:
        known = {one.id: one for one in self.links(connection)}
        return [
            ActionRow(row[0], known[row[1]], row[2], row[3], _fields(row[4]), row[5] or "")
            for row in self.prm.ask(_ACTIONS + where, connection, *values)
            if row[1] in known
        ]

    # --- looking -----------------------------------------------------------------------------

    def side(self, system: str) -> PrmSide | CrmSide:
        return self.prm if system == "prm" else self.crms[system]

    def begin(self) -> None:
        """Take what stands everywhere as known to everybody: the world before the history."""
        systems = ("prm", *self.crms)
        for system in systems:
            self.views[system] = self.side(system).view()
            self._look_at_records(system, View(), self.views[system], PERSON)
        self._match()
        for system in systems:
            self._look_at_relations(system, View(), self.views[system], PERSON)
        for entity in (*self.entities, *self.relations.values()):
            for group, versions in entity.versions.items():
                top = max(versions, key=lambda one: one.number)
                top.seen = frozenset(one.number for one in versions)
                for standing in entity.current.values():
                    if group in standing and standing[group].value == top.value:
                        standing[group] = top

    def shows(self, system: str, body: bytes) -> None:
        """A CRM has answered a read of the run that is under way."""
        view = self.views[system]
        (last,) = self.prm.ask("SELECT coalesce(max(id), 0) FROM action")[0]
        for place, groups in view.records.items():
            if f'"{place[1]}"'.encode() in body:
                versions = self.by_place[(system, *place)].current[system]
                self.shown[system, place] = Shown(groups, dict(versions), last)

    def look(self, system: str, who: str) -> None:
        """See what `who` (a person, or the connection that runs) has changed in a system."""
        before = self.views[system]
        now = self.side(system).view()
        if now is before:
            return
        self.views[system] = now
        if who != PERSON:
            self._match()
            if now.doubles > before.doubles:
                raise Broken(f"a relation was created in {system} a second time")
        self._look_at_records(system, before, now, who)
        self._look_at_relations(system, before, now, who)

    def _look_at_records(self, system: str, before: View, now: View, who: str) -> None:
        for place in sorted(now.records.keys() - before.records.keys()):
            self._appeared(system, place, now, who)
        for place in sorted(before.records.keys() - now.records.keys()):
            self._vanished(system, place, who)
        for place, groups in now.records.items():
            old = before.records.get(place)
            if old is not None and old is not groups and old != groups:
                self._changed(system, place, old, groups, who)

    def _look_at_relations(self, system: str, before: View, now: View, who: str) -> None:
        for one in sorted(now.relations ^ before.relations):
            self._related(system, one, one in now.relations, now, who)

    def _match(self) -> None:
        """Join what a link says is one thing."""
        for link in self.links():
            if link.prm_id is None or link.crm_id is None or link.stream == RELATION:
                continue
            ours = self.by_place.get(("prm", link.stream, link.prm_id))
            theirs = self.by_place.get((link.connection, link.stream, link.crm_id))
            if ours is not None and theirs is not None and ours is not theirs:
                self._join(ours, theirs, link.connection)

    def _join(self, ours: Entity, theirs: Entity, system: str) -> None:
        for name in theirs.current:
            if ours.lives(name):
                raise Broken(
                    f"{theirs.label} was linked to {ours.label}, which has a record in {name}"
                )
        if ours.label.startswith(UNNAMED):
            ours.label = theirs.label
        ours.ids.update(theirs.ids)
        ours.current.update(theirs.current)
        ours.buried.update(theirs.buried)
        ours.shown.update(theirs.shown)
        for group, versions in theirs.versions.items():
            ours.versions.setdefault(group, []).extend(versions)
        ours.first.add(system)
        self.entities.remove(theirs)
        for place, entity in list(self.by_place.items()):
            if entity is theirs:
                self.by_place[place] = ours

    # --- records -----------------------------------------------------------------------------

    def _appeared(self, system: str, place: Place, now: View, who: str) -> None:
        stream, record = place
        known = self.by_place.get((system, stream, record))
        entity = known or (
            Entity(stream, self._name(system, place))
            if who == PERSON
            else self._source(system, place, now, who)
        )
        if who != PERSON:
            self._may_create(entity, system, who)
        if entity not in self.entities:
            self.entities.append(entity)
        self.by_place[(system, stream, record)] = entity
        entity.ids[system] = record
        entity.current[system] = {}
        buried = entity.buried.pop(system, {})
        if who != PERSON:
            self._brought_back(entity, system, buried)
        for group, value in now.records[place].items():
            old = buried.get(group)
            if old is not None and old.value == value:
                version = old
            elif who == PERSON:
                version = self.book.typed(entity, group, value, system)
            else:
                version = self._version(entity, group, value, system, who)
            entity.show(system, group, version)

    def _brought_back(self, entity: Entity, system: str, buried: Mapping[str, Version]) -> None:
        """As somebody has decided: what was deleted is out of the question, and deletions in other
        CRMs that were known by then are overruled."""
        for group, version in buried.items():
            settle(entity, group, version)
        if system == "prm":
            for link in self.links():
                ours = (link.stream, link.prm_id) == (entity.stream, entity.ids.get("prm"))
                if ours and link.state == "ended":
                    entity.buried.pop(link.connection, None)

    def _name(self, system: str, place: Place) -> str:
        known = self.names.get((system, *place))
        return known or self.newborn or f"{UNNAMED}{place[0]} {place[1]} of {system}"

    def _source(self, system: str, place: Place, now: View, who: str) -> Entity:
        """Of which thing a run has made a record: by our key, or by the link in our database."""
        stream, record = place
        if system != "prm":
            found = self.by_place.get(("prm", stream, str(now.keys[place])))
        else:
            links = (one for one in self.links(who) if (one.stream, one.prm_id) == place)
            crm_id = next((one.crm_id for one in links), None)
            found = self.by_place.get((who, stream, str(crm_id)))
        if found is None:
            raise Broken(f"a {stream} was created in {system} that comes from no record: {record}")
        return found

    def _may_create(self, entity: Entity, system: str, who: str) -> None:
        if entity.lives(system):
            raise Broken(f"{entity.label} was created in {system} a second time")
        if system in entity.buried and not self._decided_record(entity, system, who):
            raise Broken(f"{entity.label} was deleted in {system} by a person, and is back")

    def _decided_record(self, entity: Entity, system: str, who: str) -> bool:
        take = "crm" if system == "prm" else "prm"
        return any(row[0] == take for row in self._decisions(entity, who) if row[1] == ["@record"])

    def _vanished(self, system: str, place: Place, who: str) -> None:
        entity = self.by_place[(system, *place)]
        stood = entity.current.pop(system)
        if who != PERSON:
            stood = {**stood, **self._seen_at_guard(entity, system)}
        entity.died.add(system)
        if who == PERSON:
            entity.buried[system] = stood
            return
        if self._decided_record(entity, system, who):
            entity.buried[DECISION] = stood  # whoever decided was shown this
            return
        graves = [seen for name, seen in entity.buried.items() if name != system]
        for group, version in stood.items():
            if not any(_over(seen.get(group), version) for seen in graves):
                raise Broken(
                    f"{entity.label} was deleted in {system}, and with it {group} = "
                    f"{_told(version.value)}, which nobody who deleted it had seen"
                )

    def _changed(
        self,
        system: str,
        place: Place,
        old: Mapping[str, Value],
        new: Mapping[str, Value],
        who: str,
    ) -> None:
        entity = self.by_place[(system, *place)]
        for group, value in new.items():
            if old[group] == value:
                continue
            if who == PERSON:
                version = self.book.typed(entity, group, value, system)
            else:
                version = self._overwritten(entity, group, value, system, who)
            entity.show(system, group, version)

    def _overwritten(
        self, entity: Entity, group: str, value: Value, system: str, who: str
    ) -> Version:
        """A run's write is judged by what the CRM showed at the guard. What a person typed
        between the guard and the write is lost: no CRM here can prevent that, and it is known."""
        stands = entity.current[system][group]
        seen = self._seen_at_guard(entity, system).get(group, stands)
        late = seen is not stands
        try:
            version = self._version(entity, group, value, system, who)
        except Broken:
            if not late:
                raise
            # One half is theirs, one half what was sent: as ours is meant, which is judged.
            meant = entity.current[_other(system, who)][group]
            version = self.book.mixed(entity, group, value, meant, stands)
        self._judge(entity, group, system, who, seen, version)
        if late:
            settle(entity, group, stands)
        return version

    def _seen_at_guard(self, entity: Entity, system: str) -> Mapping[str, Version]:
        shown = self.shown.get((system, (entity.stream, entity.ids[system])))
        return {} if shown is None else shown.versions

    def _version(self, entity: Entity, group: str, value: Value, system: str, who: str) -> Version:
        """The version that a run has written: what stands at its source, if that is it."""
        source = entity.current.get(_other(system, who), {}).get(group)
        if source is not None and source.value == value:
            return source
        found = [one for one in entity.versions.get(group, ()) if one.value == value]
        if found:
            return found[-1]
        if not any(part for part in value):
            return self.book.blank(entity, group, value)
        raise Broken(
            f"{system} shows {group} = {_told(value)} of {entity.label}, which nobody typed"
        )

    def _judge(
        self, entity: Entity, group: str, system: str, who: str, old: Version, new: Version
    ) -> None:
        policy = self.policy(entity, group, who)
        if (
            system == "prm"
            and policy in ("prm", "copy")
            and not self._decided(entity, group, system, who, old, new)
        ):
            raise Broken(
                f"{group} of {entity.label} belongs to the partner database, and a run of {who} "
                f"wrote {_told(new.value)} over {_told(old.value)}"
            )
        if _over(new, old):
            return
        allowed = (
            policy in ("prm", "copy")
            or (policy == "stage" and _further(old, new))
            or (
                group in FIRST and who in entity.first and FIRST[group] == "crm" and system == "prm"
            )
            or self._decided(entity, group, system, who, old, new)
        )
        if not allowed:
            raise Broken(
                f"lost in {system}: {group} of {entity.label} = {_told(old.value)} (typed in "
                f"{old.author}) was overwritten with {_told(new.value)} (typed in {new.author}, by "
                f"somebody who had not seen it); policy {policy}, run of {who}"
            )
        settle(entity, group, old)

    def policy(self, entity: Entity, group: str, who: str) -> str:
        if entity.stream == "opportunity":
            place = ("opportunity", entity.ids.get("prm", ""))
            home = self.views["prm"].keys.get(place)
            if home not in (None, who):
                return "copy"
        return POLICIES.get(group, "hold")

    def _decided(
        self, entity: Entity, group: str, system: str, who: str, old: Version, new: Version
    ) -> bool:
        """Whether a person who was shown both values chose this one."""
        take = "crm" if system == "prm" else "prm"
        ours, theirs = (old, new) if system == "prm" else (new, old)
        members = GROUPS[entity.stream][group]
        for taken, _, fields, prm, crm in self._decisions(entity, who):
            if taken != take or not set(members) <= set(fields) or prm is None or crm is None:
                continue
            shown = [dict(zip(fields, side, strict=True)) for side in (prm, crm)]
            values = [tuple(side[name] for name in members) for side in shown]
            if values == [ours.value, theirs.value]:
                return True
        return False

    def _decisions(self, entity: Entity, who: str) -> Iterator[tuple[Any, ...]]:
        for link in self.links(who):
            ours = (link.stream, link.prm_id) == (entity.stream, entity.ids.get("prm"))
            theirs = (link.stream, link.crm_id) == (entity.stream, entity.ids.get(who))
            if not ours and not theirs:
                continue
            text = (
                "SELECT take, group_name, members, prm, crm FROM held "
                "WHERE link_id = ? AND take IS NOT NULL"
            )
            for take, group, members, prm, crm in self.prm.ask(text, link.id):
                sides = (None if one is None else orjson.loads(one) for one in (prm, crm))
                yield (take, [group], orjson.loads(members), *sides)

    # --- relations ---------------------------------------------------------------------------

    def _related(self, system: str, one: Relation, present: bool, now: View, who: str) -> None:
        entity = self._relation(system, one)
        value = YES if present else NO
        old = entity.current.get(system, {}).get(THERE)
        if who == PERSON:
            version = self.book.typed(entity, THERE, value, system)
        else:
            version = self._meant(entity, system, who, old, value)
            if old is not None and not _over(version, old):
                allowed = (
                    not ends_live(one, now)  # it went with one of its ends
                    or self._unseen(entity, system, who, old)
                    or self._decided_relation(system, one, who, present=present)
                )
                if not allowed:
                    raise Broken(
                        f"{entity.label} was {'added to' if present else 'taken from'} {system} "
                        f"by a run of {who}, although the last word there was another"
                    )
                settle(entity, THERE, old)
        entity.show(system, THERE, version)

    def _relation(self, system: str, one: Relation) -> Entity:
        deal = self.by_place[(system, "opportunity", one[0])]
        partner = self.by_place[(system, "partner", one[1])]
        label = f"{partner.label} as {one[2]} on {deal.label}"
        entity = self.relations.get(label)
        if entity is None:
            entity = self.relations[label] = Entity(RELATION, label)
        return entity

    def _decided_relation(self, system: str, one: Relation, who: str, *, present: bool) -> bool:
        """Whether a person was shown both sides of this pair and has chosen what stands now."""
        ends = [
            self.by_place[(system, "opportunity", one[0])],
            self.by_place[(system, "partner", one[1])],
        ]
        ids = {entity.ids.get("prm") for entity in ends}
        text = (
            "SELECT take, held.prm, held.crm FROM held JOIN link ON link.id = link_id "
            "JOIN stream ON stream.id = stream_id "
            "WHERE take IS NOT NULL AND stream.name = ? AND connection = ?"
        )
        source, receiver = ("crm", "prm") if system == "prm" else ("prm", "crm")
        showing = source if present else receiver
        wanted = {*ids, one[2]}
        for take, prm, crm in self.prm.ask(text, RELATION, who):
            sides = {"prm": prm, "crm": crm}
            if take == source and wanted <= set(orjson.loads(sides[showing] or "[]")):
                return True
        return False

    def _unseen(self, entity: Entity, system: str, who: str, old: Version) -> bool:
        """There and away again between two reads: nothing that a read could see."""
        stood = self._stood.get((entity.label, who, system))
        before = NO if stood is None else stood.value
        return stood is not old and before == old.value

    def _meant(
        self, entity: Entity, system: str, who: str, old: Version | None, value: Value
    ) -> Version:
        source = entity.current.get(_other(system, who), {}).get(THERE)
        if source is not None and source.value == value:
            return source
        found = [one for one in entity.versions.get(THERE, ()) if one.value == value]
        for one in reversed(found):
            if old is None or one.knows(old):
                return one
        if found:
            return found[-1]
        if value == YES:
            raise Broken(f"{entity.label} was added to {system}, which nobody wanted")
        return self.book.blank(entity, THERE, value)

    # --- after a run -------------------------------------------------------------------------

    def agree(self, who: str) -> None:
        """After a whole run: where both sides show the same, both are known to be the same."""
        for entity in (*self.entities, *self.relations.values()):
            ours, theirs = entity.current.get("prm"), entity.current.get(who)
            if ours is None or theirs is None:
                continue
            for group in ours.keys() & theirs.keys():
                one, other = ours[group], theirs[group]
                if one is not other and one.value == other.value:
                    ours[group] = theirs[group] = self.book.agreed(entity, group, one, other)
        for entity in self.relations.values():
            for system in ("prm", who):
                if system in entity.current:
                    self._stood[entity.label, who, system] = entity.current[system][THERE]

    def bases(self, who: str) -> None:
        """The base is never ahead: each agreed value stood on our side, and in the CRM or in a
        write that the CRM acknowledged."""
        for link in self.links(who):
            if self._bases.get(link.id) == link.base or link.stream == RELATION:
                continue
            self._bases[link.id] = link.base
            if link.base is None or link.prm_id is None or link.crm_id is None:
                continue
            entity = self.by_place.get((who, link.stream, link.crm_id))
            if entity is None:
                raise Broken(f"a base of {who} names {link.crm_id}, which was never there")
            self._base_of(entity, link, orjson.loads(link.base), who)

    def _base_of(self, entity: Entity, link: LinkRow, base: Mapping[str, Any], who: str) -> None:
        for group, members in GROUPS[link.stream].items():
            if any(name not in base for name in members):
                continue
            value = tuple(base[name] for name in members)
            ours = entity.shown.get(("prm", group), set())
            theirs = entity.shown.get((who, group), set())
            if value not in ours or (value not in theirs and not self._acknowledged(link, value)):
                raise Broken(
                    f"the base of {group} of {entity.label} in {who} is {_told(value)}, which "
                    f"{'our side' if value not in ours else 'the CRM'} never showed"
                )

    def _acknowledged(self, link: LinkRow, value: Value) -> bool:
        text = "SELECT fields FROM action WHERE link_id = ? AND side = 'crm' AND state = 'done'"
        written: set[Any] = set()
        for (fields,) in self.prm.ask(text, link.id):
            written.update(change[1] for change in orjson.loads(fields).values())
        return all(part is None or part in written for part in value)


def settle(entity: Entity, group: str, version: Version) -> None:
    """A person or a rule has decided against this value, and so against all that led to it."""
    for one in entity.versions.get(group, ()):
        one.settled = one.settled or version.knows(one)


def ends_live(one: Relation, view: View) -> bool:
    """Whether the deal and the partner of a relation stand in a system."""
    return ("opportunity", one[0]) in view.records and ("partner", one[1]) in view.records


def _fields(text: str) -> dict[str, tuple[Any, Any]]:
    return {name: (change[0], change[1]) for name, change in orjson.loads(text).items()}


def _other(system: str, who: str) -> str:
    return who if system == "prm" else "prm"


def _over(new: Version | None, old: Version) -> bool:
    """Whether `new` may stand over `old` without losing what anybody typed."""
    return new is not None and (
        new is old or new.knows(old) or new.value == old.value or old.settled or _empty(old)
    )


def _empty(version: Version) -> bool:
    return version.author == "nobody"


def _further(old: Version, new: Version) -> bool:
    """Both went forward and neither was lost: the further stage wins."""
    before, after = RANK.get(str(old.value[0]), -1), RANK.get(str(new.value[0]), -1)
    return after > before >= 0 and "closed_lost" not in (old.value[0], new.value[0])


def _told(value: Value) -> str:
    return " · ".join("blank" if part is None else str(part) for part in value)
