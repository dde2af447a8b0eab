"""Associations: their types per ordered pair of object types, and who is associated to whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Protocol

from prmsync_hubspot.simulator.problems import JSON
from prmsync_hubspot.simulator.shapes import is_number

HUBSPOT_DEFINED = "HUBSPOT_DEFINED"
USER_DEFINED = "USER_DEFINED"

Pair = tuple[str, str]
"""From and to object type ids."""


@dataclass(slots=True)
class LinkType:
    """One direction of an association type; `inverse` is the type id of the other direction."""

    type_id: int
    category: str
    label: str | None
    name: str
    inverse: int

    def as_json(self) -> JSON:
        return {"category": self.category, "typeId": self.type_id, "label": self.label}


class Observer(Protocol):
    """Is told of each direction of an association that comes or goes."""

    def __call__(
        self, pair: Pair, from_id: int, to_id: int, type_id: int, *, removed: bool
    ) -> None: ...


class Links:
    """Both directions of every association are kept, so that either side reads at once."""

    def __init__(self) -> None:
        self.types: dict[Pair, dict[int, LinkType]] = {}
        self._unlabeled: dict[Pair, int] = {}
        self._primary: dict[Pair, int] = {}
        self._held: dict[Pair, dict[int, dict[int, set[int]]]] = {}
        self.observer: Observer | None = None

    def define(self, pair: Pair, forward: LinkType, backward: LinkType, kind: str = "") -> None:
        """Make a type of both directions; `kind` is "unlabeled", "primary" or a label's ""."""
        for its_pair, item in ((pair, forward), (pair[::-1], backward)):
            self.types.setdefault(its_pair, {})[item.type_id] = item
            if kind == "unlabeled":
                self._unlabeled[its_pair] = item.type_id
            elif kind == "primary":
                self._primary[its_pair] = item.type_id

    def forget(self, pair: Pair, type_id: int) -> None:
        """Remove a label in both directions, from the records too."""
        sources = self._held.get(pair, {})
        for from_id, to_id in [(one, other) for one, others in sources.items() for other in others]:
            self._drop(pair, from_id, to_id, {type_id})
        found = self.types[pair].pop(type_id)
        self.types[pair[::-1]].pop(found.inverse, None)
        if self._unlabeled.get(pair) == type_id:
            for its_pair in (pair, pair[::-1]):
                self._unlabeled.pop(its_pair, None)

    def unlabeled(self, pair: Pair) -> LinkType | None:
        type_id = self._unlabeled.get(pair)
        return None if type_id is None else self.types[pair][type_id]

    def find(self, pair: Pair, category: object, type_id: object) -> LinkType | None:
        """The type that an association spec names; its id may be a number or text."""
        if not is_number(str(type_id)):
            return None
        found = self.types.get(pair, {}).get(int(str(type_id)))
        return found if found is not None and found.category == category else None

    def associate(self, pair: Pair, from_id: int, to_id: int, kinds: Iterable[LinkType]) -> None:
        """Add types to a pair of records. The unlabeled type always comes along, and the first
        record associated becomes the primary one where there is such a type."""
        chosen = {kind.type_id for kind in kinds}
        unlabeled, primary = self._unlabeled.get(pair), self._primary.get(pair)
        if unlabeled is not None:
            chosen.add(unlabeled)
        if primary is not None:
            others = self._held.get(pair, {}).get(from_id, {})
            if primary in chosen:
                for other in [other for other, types in others.items() if primary in types]:
                    self._drop(pair, from_id, other, {primary})
            elif not any(primary in types for types in others.values()):
                chosen.add(primary)
        for type_id in chosen:
            self._set(pair, from_id, to_id, type_id)

    def dissociate(self, pair: Pair, from_id: int, to_id: int) -> None:
        """Remove everything between two records."""
        held = self._held.get(pair, {}).get(from_id, {}).get(to_id)
        if held:
            self._drop(pair, from_id, to_id, set(held))

    def remove_types(self, pair: Pair, from_id: int, to_id: int, kinds: Iterable[LinkType]) -> None:
        """Remove labels between two records; removing the unlabeled type removes them all."""
        chosen = {kind.type_id for kind in kinds}
        if self._unlabeled.get(pair) in chosen:
            self.dissociate(pair, from_id, to_id)
        else:
            self._drop(pair, from_id, to_id, chosen)

    def of(self, pair: Pair, from_id: int) -> dict[int, list[LinkType]]:
        """To-id → types, both in ascending order."""
        types = self.types.get(pair, {})
        held = self._held.get(pair, {}).get(from_id, {})
        return {to: [types[item] for item in sorted(held[to])] for to in sorted(held)}

    def move(self, type_id: str, old: int, new: int) -> None:
        """Give all associations of a record to another one of its type (a merge)."""
        for pair in [pair for pair in self._held if pair[0] == type_id]:
            for to_id, kinds in self.of(pair, old).items():
                self.dissociate(pair, old, to_id)
                if (pair[1], to_id) != (type_id, new):
                    self.associate(pair, new, to_id, kinds)

    def everything(self) -> Iterator[tuple[Pair, int, int, list[int]]]:
        """All associations, in both directions."""
        for pair, sources in self._held.items():
            for from_id, others in sources.items():
                for to_id, types in others.items():
                    yield pair, from_id, to_id, sorted(types)

    def dump(self) -> JSON:
        """Types and associations as JSON."""
        return {
            "types": [
                [*pair, asdict(item), self._kind_of(pair, item.type_id)]
                for pair, types in self.types.items()
                for item in types.values()
            ],
            "held": [[*pair, one, other, types] for pair, one, other, types in self.everything()],
        }

    @classmethod
    def restored(cls, raw: JSON) -> Links:
        """What `dump` gave, as it was."""
        made = cls()
        for one, other, item, kind in raw["types"]:
            link = LinkType(**item)
            made.types.setdefault((one, other), {})[link.type_id] = link
            if kind == "unlabeled":
                made._unlabeled[one, other] = link.type_id
            elif kind == "primary":
                made._primary[one, other] = link.type_id
        for one, other, from_id, to_id, types in raw["held"]:
            sources = made._held.setdefault((one, other), {})
            sources.setdefault(int(from_id), {})[int(to_id)] = set(types)
        return made

    def _kind_of(self, pair: Pair, type_id: int) -> str:
        if self._unlabeled.get(pair) == type_id:
            return "unlabeled"
        return "primary" if self._primary.get(pair) == type_id else ""

    def _set(self, pair: Pair, from_id: int, to_id: int, type_id: int) -> None:
        inverse = self.types[pair][type_id].inverse
        for its_pair, one, other, kind in (
            (pair, from_id, to_id, type_id),
            (pair[::-1], to_id, from_id, inverse),
        ):
            sources = self._held.setdefault(its_pair, {})
            held = sources.setdefault(one, {}).setdefault(other, set())
            if kind not in held:
                held.add(kind)
                self._tell(its_pair, one, other, {kind}, removed=False)

    def _drop(self, pair: Pair, from_id: int, to_id: int, type_ids: set[int]) -> None:
        types = self.types[pair]
        inverses = {types[item].inverse for item in type_ids if item in types}
        self._discard(pair, from_id, to_id, type_ids)
        self._discard(pair[::-1], to_id, from_id, inverses)

    def _discard(self, pair: Pair, one: int, other: int, type_ids: set[int]) -> None:
        others = self._held.get(pair, {}).get(one)
        if others is None or other not in others:
            return
        gone = others[other] & type_ids
        others[other] -= gone
        self._tell(pair, one, other, gone, removed=True)
        if not others[other]:
            del others[other]
            if not others:
                del self._held[pair][one]

    def _tell(self, pair: Pair, one: int, other: int, type_ids: set[int], *, removed: bool) -> None:
        if self.observer is not None:
            for type_id in sorted(type_ids):
                self.observer(pair, one, other, type_id, removed=removed)
