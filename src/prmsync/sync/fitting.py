"""What of the mappings fits the CRM as it is: the rest is paused part by part, with its remedy.

A field that is gone keeps its group from use, a required field that nobody fills keeps records
from being created, an object that is gone keeps its stream from use. What is paused is read and
decided again when the CRM or the mapping is put right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from prmsync.connector.schema import Account, ObjectSchema, Person
from prmsync.mapping.fields import CATALOGUE, FORECAST
from prmsync.mapping.model import StreamMapping
from prmsync.mapping.translate import Resolved
from prmsync.sync.live_fields import CREATE, STATUS, STREAM, TOLD, Misfit
from prmsync.sync.live_schema import resolve

TRIES = 5
"""How often what is left is looked at: leaving a field out may leave another requirement open."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A stream's mapping without what is paused; `mapping` None: all of it is."""

    mapping: StreamMapping | None
    resolved: Resolved
    misfits: tuple[Misfit, ...]

    @property
    def paused(self) -> frozenset[str]:
        return frozenset(part for one in self.misfits for part in one.part.split(","))

    @property
    def gone(self) -> frozenset[str]:
        """Parts of which the CRM has a field no more."""
        return frozenset(part for one in self.misfits if one.gone for part in one.part.split(","))


def fit_all(
    mappings: Sequence[StreamMapping],
    objects: Mapping[str, ObjectSchema | Misfit],
    account: Account,
    people: Sequence[Person],
) -> dict[str, Fitted]:
    """Every stream by name, parents first; what refers to a paused stream is paused with it."""
    fitted: dict[str, Fitted] = {}
    for mapping in mappings:
        schema = objects[mapping.object]
        if isinstance(schema, Misfit):
            wrong = replace(schema, where=str(mapping.place("object")))
            fitted[mapping.stream] = Fitted(None, Resolved(), (wrong,))
            continue
        away = {name for name, one in fitted.items() if one.mapping is None}
        fitted[mapping.stream] = _fit(mapping, schema, account, people, away)
    return fitted


def _fit(
    mapping: StreamMapping,
    schema: ObjectSchema,
    account: Account,
    people: Sequence[Person],
    away: set[str],
) -> Fitted:
    misfits = [
        Misfit(
            str(one.at),
            f"`{one.prm}` refers to {one.to} records, which are paused",
            "it goes on with them",
            one.group,
        )
        for one in mapping.fields.values()
        if one.to in away
    ]
    current = _without(mapping, misfits)
    resolved = Resolved()
    for _ in range(TRIES):
        if current is None:
            break
        resolved, found = resolve(current, schema, account, people)
        if not found:
            return Fitted(current, resolved, tuple(misfits))
        misfits += [one for one in found if one not in misfits]
        current = _without(current, found)
    return Fitted(None, resolved, tuple(misfits))


def without_forecast(mapping: StreamMapping) -> StreamMapping:
    """The mapping as if it had no field for the forecast."""
    lost = {one.group for name, one in mapping.fields.items() if name in FORECAST}
    return replace(
        mapping,
        fields={name: one for name, one in mapping.fields.items() if one.group not in lost},
        groups={name: one for name, one in mapping.groups.items() if name not in lost},
    )


def _without(mapping: StreamMapping, misfits: Sequence[Misfit]) -> StreamMapping | None:
    """The mapping without these parts; None where nothing of use is left."""
    parts = {part for one in misfits for part in one.part.split(",")}
    if not parts:
        return mapping
    if STREAM in parts or (mapping.relation is not None and parts - {CREATE}):
        return None
    if STATUS in parts:
        mapping = replace(mapping, status=None)
    if TOLD in parts:
        mapping = without_forecast(mapping)
    if CREATE in parts:
        mapping = replace(mapping, create_crm=False)
    lost = {name for name, one in mapping.fields.items() if one.group in parts}
    if not lost:
        return mapping
    fields = {name: one for name, one in mapping.fields.items() if name not in lost}
    required = {name for name, one in CATALOGUE[mapping.stream].items() if one.required}
    staged = any(one.transform == "stage" for one in fields.values())
    return replace(
        mapping,
        fields=fields,
        groups={name: one for name, one in mapping.groups.items() if name not in parts},
        match=tuple(names for names in mapping.match if lost.isdisjoint(names)),
        create_prm=mapping.create_prm and required.isdisjoint(lost),
        stages=mapping.stages if staged else None,
    )
