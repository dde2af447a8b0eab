"""Watches all systems and says at once when a promise is broken.

It is told who has just worked in which system, a person or a run of a connection, looks at what is
different there, and judges a run's changes by `simulation.versions` and by the journal.
"""

from __future__ import annotations

from simulation import bases, records, relations
from simulation.known import PERSON, UNNAMED, Known, Shown
from simulation.parting import parted
from simulation.sides import View
from simulation.versions import Broken, Entity
from simulation.words import RELATION

_ALIKE = 9
"""Characters with which many ids of a CRM begin: an answer without them names none of those."""


class Oracle(Known):
    """The oracle at work."""

    def begin(self, *, synced: bool) -> None:
        """Take what stands everywhere as known to everybody: the world before the history."""
        self.first_run = self.run()
        systems = ("prm", *self.crms)
        for system in systems:
            self.views[system] = self.side(system).view()
            self._look_at_records(system, View(), self.views[system], PERSON)
        self.homes.update(self.views["prm"].keys)
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
        for name in self.crms if synced else ():
            bases.left(self, name)

    def shows(self, system: str, body: bytes) -> None:
        """A CRM has answered a read of the run that is under way."""
        view = self.views[system]
        begins = {place[1][:_ALIKE] for place in view.records}
        begin = {one for one in begins if f'"{one}'.encode() in body}
        named = [
            (place, groups)
            for place, groups in view.records.items()
            if place[1][:_ALIKE] in begin and f'"{place[1]}"'.encode() in body
        ]
        if not named:
            return
        (last,) = self.prm.ask("SELECT coalesce(max(id), 0) FROM action")[0]
        for place, groups in named:
            versions = self.by_place[(system, *place)].current[system]
            self.shown[system, place] = Shown(groups, dict(versions), last)

    def look(self, system: str, who: str) -> None:
        """See what `who` (a person, or the connection that runs) has changed in a system."""
        before = self.views[system]
        now = self.side(system).view()
        if now is before:
            return
        self.views[system] = now
        if system == "prm":
            self.homes.update(now.keys)
        if who != PERSON:
            self._match()
            if now.doubles > before.doubles:
                raise Broken(f"a relation was created in {system} a second time")
        self._look_at_records(system, before, now, who)
        self._look_at_relations(system, before, now, who)

    def _look_at_records(self, system: str, before: View, now: View, who: str) -> None:
        for place in sorted(now.records.keys() - before.records.keys()):
            records.appeared(self, system, place, now, who)
        for place in sorted(before.records.keys() - now.records.keys()):
            records.vanished(self, system, place, who)
        for place, groups in now.records.items():
            old = before.records.get(place)
            if old is not None and old is not groups and old != groups:
                records.changed(self, system, place, old, groups, who)

    def _look_at_relations(self, system: str, before: View, now: View, who: str) -> None:
        for one in sorted(now.twice - before.twice if who == PERSON else ()):
            relations.doubled(self, system, one)
        for one in sorted(before.twice - now.twice if who != PERSON and self.undoing else ()):
            relations.halved(self, system, one, who)
        for one in sorted(now.relations ^ before.relations):
            relations.related(self, system, one, one in now.relations, now, who)

    def _match(self) -> None:
        """Join what a link says is one thing."""
        for link in self.links():
            if link.prm_id is None or link.crm_id is None or link.stream == RELATION:
                continue
            ours = self.by_place.get(("prm", link.stream, link.prm_id))
            theirs = self.by_place.get((link.connection, link.stream, link.crm_id))
            if ours is not None and theirs is not None and ours is not theirs:
                part = parted(self, theirs, link.connection)
                self._join(ours, part, link.connection)

    def _join(self, ours: Entity, theirs: Entity, system: str) -> None:
        for name in theirs.current:
            if ours.lives(name):
                raise Broken(
                    f"{theirs.label} was linked to {ours.label}, which has a record in {name}"
                )
        if ours.label.startswith(UNNAMED):
            ours.label = theirs.label
        living = {name: theirs.ids[name] for name in theirs.current}
        ours.ids = {**theirs.ids, **ours.ids, **living}
        ours.current.update(theirs.current)
        ours.buried.update(theirs.buried)
        for place, values in theirs.shown.items():
            ours.shown.setdefault(place, set()).update(values)
        for group, versions in theirs.versions.items():
            ours.versions.setdefault(group, []).extend(versions)
        ours.first.add(system)
        for name in theirs.current:
            ours.buried.pop(name, None)  # a merge: it lives on as this one
        self.entities.remove(theirs)
        for place, entity in list(self.by_place.items()):
            if entity is theirs:
                self.by_place[place] = ours
        relations.rejoined(self, theirs.label, ours.label, theirs.current)

    def agree(self, who: str, *, whole: bool) -> None:
        """After a run of a connection, `whole` where it came to its end."""
        if whole:
            bases.agree(self, who)
        else:
            bases.agree_on_bases(self, who)

    def bases(self, who: str) -> None:
        """After any run of a connection."""
        bases.bases(self, who)
