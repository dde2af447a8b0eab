"""Both directions between the partner database's fields and a CRM's, by one mapping.

Pure: the CRM's live schema reaches it as `Resolved` tables, built in `prmsync.sync.live_schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter

from prmsync.domain.merge import Direction
from prmsync.domain.stage import Stage
from prmsync.domain.values import Scalar, Values, as_rows
from prmsync.mapping import transforms
from prmsync.mapping.fields import CATALOGUE
from prmsync.mapping.model import FieldMap, StreamMapping
from prmsync.mapping.status import StatusCodec, StatusField
from prmsync.mapping.transforms import Codec, MoneyCodec, StageCodec, Untranslatable
from prmsync.mapping.translated import Columns, Rows, Translated

PIPELINE = "@pipeline"
"""Extra key in read values: the CRM id of the record's pipeline or record type."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Names of a mapping resolved in one account; ids appear nowhere else.

    `stages` is pipeline id → neutral stage → CRM stage ids (first is written); `picklists` is
    prm field → our code → CRM codes; `scales` prm field → decimal places; `lengths` prm field →
    characters; `people` our e-mail → CRM id; `emails` CRM id → e-mail; both lower case, and of
    active people only where there is a fallback owner. `names` is the mapping's CRM field name →
    the CRM's own spelling, where they differ.
    """

    default_pipeline: str = ""
    stages: Mapping[str, Mapping[Stage, tuple[str, ...]]] = field(default_factory=dict)
    picklists: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    scales: Mapping[str, int] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    never_blank: frozenset[str] = frozenset()
    """prm fields whose CRM field cannot be cleared."""
    required: frozenset[str] = frozenset()
    """prm fields without which the CRM makes no record."""
    people: Mapping[str, str] = field(default_factory=dict)
    emails: Mapping[str, str] = field(default_factory=dict)
    fallback_owner: str | None = None
    """CRM id of the connection's fallback owner."""
    nobody: str | None = None
    """CRM id of the owner that the CRM puts where we name none; None where it leaves a blank."""
    status: Mapping[str, StatusField] = field(default_factory=dict)
    """The status fields that the account has, by their keys (`prmsync.mapping.status`)."""
    time_zone: str = "UTC"
    names: Mapping[str, str] = field(default_factory=dict)


_Row = tuple[str, str, Callable[[Scalar], Scalar]]
_MoneyRow = tuple[str, str, str | None, MoneyCodec]


class Translator:
    """Reads, writes and projects values of one stream.

    References stay ids of the side they came from; the engine swaps them through links. Values
    are prm field → canonical value on our side and CRM field → canonical value on theirs. Only
    fields that are given are translated; fields of a group are to be given together (an amount
    is translated by the currency beside it).

    `crm_fields` are the CRM fields to read, key and pipeline included; `references` prm field →
    stream; `to_crm` and `to_prm` the prm fields whose direction lets them flow that way.
    """

    def __init__(self, mapping: StreamMapping, resolved: Resolved) -> None:
        self.mapping = mapping
        self.resolved = resolved
        self.references: Mapping[str, str] = {
            name: one.to for name, one in mapping.fields.items() if one.to is not None
        }
        self.to_crm = _flowing(mapping, Direction.TO_PRM)
        self.to_prm = _flowing(mapping, Direction.TO_CRM)
        self.status = StatusCodec(resolved.status) if resolved.status else None
        self._compile()
        self.crm_fields = self._crm_fields()
        names = self.crm_fields
        # One name twice, so that the getter gives a tuple for a single field too.
        self._cells = itemgetter(*names, names[0]) if names else None

    def read(self, crm: Values) -> Translated:
        """CRM values → prm fields (references as CRM ids, `PIPELINE` added where staged)."""
        done = Translated({})
        values = done.values
        for prm, name, convert in self._reads:
            if name in crm:
                try:
                    values[prm] = convert(crm[name])
                except Untranslatable as error:
                    done.without(prm, prm, error)
        for prm, name, currency, codec in self._money:
            if name in crm:
                try:
                    values[prm] = codec.read(crm[name], self._currency(values, currency))
                except Untranslatable as error:
                    done.without(prm, prm, error)
        if self._stage is not None:
            self._read_stage(self._stage, crm, done)
        return done

    def read_page(self, rows: Sequence[Values]) -> Rows:
        """As `read` for each row, but field by field and each distinct value once: a call for
        each cell would be a good part of what a first load costs."""
        if self._cells is None or not rows:
            return Rows([{} for _ in rows], {}, {})
        try:
            cells = zip(*map(self._cells, rows), strict=True)
            return self._read_columns(dict(zip(self.crm_fields, cells, strict=False))).rows()
        except (KeyError, TypeError):  # a field is missing, or holds what is no scalar
            return Rows.of([self.read(row) for row in rows])

    def read_columns(self, crm: Mapping[str, Sequence[Scalar]], count: int) -> Rows:
        """As `read_page` for so many records whose values stand field by field."""
        if self._cells is None or not crm:
            return Rows([{} for _ in range(count)], {}, {})
        try:
            return self._read_columns(crm).rows()
        except (KeyError, TypeError):  # as above
            return self.read_page(as_rows(list(crm), crm.values()))

    def _read_columns(self, crm: Mapping[str, Sequence[Scalar]]) -> Columns:
        page = Columns()
        for prm, name, convert in self._reads:
            page.add(prm, crm[name], convert)
        for prm, name, currency, codec in self._money:
            page.add(
                prm, list(zip(crm[name], _codes(page, currency), strict=False)), _amount(codec)
            )
        if self._stage is not None:
            stages, default = crm[self._stage_name], self.resolved.default_pipeline
            named = crm[self._pipeline_field] if self._pipeline_field else repeat(None, len(stages))
            pipelines = [str(one or default) for one in named]
            page.values[PIPELINE] = pipelines
            page.add(self._stage.prm, list(zip(stages, pipelines, strict=True)), self._stage_of)
        return page

    def _stage_of(self, cell: tuple[Scalar, str]) -> Scalar:
        return self._stages.read(*cell)

    def write(self, prm: Values, pipeline: str | None = None) -> Translated:
        """prm fields (references already CRM ids) → CRM values. `pipeline` is the record's
        present one; None writes the default pipeline beside the stage."""
        done = Translated({})
        values = done.values
        for name, crm, convert in self._writes:
            if name in prm:
                try:
                    values[crm] = convert(prm[name])
                except Untranslatable as error:
                    done.without(crm, name, error)
        for name, crm, currency, codec in self._money:
            if name in prm:
                try:
                    values[crm] = codec.write(prm[name], self._currency(prm, currency))
                except Untranslatable as error:
                    done.without(crm, name, error)
        if self._stage is not None:
            self._write_stage(self._stage, prm, pipeline, done)
        return done

    def project(self, prm: Values, pipeline: str | None = None) -> Translated:
        """What `prm` would read back as after a write: `canon ∘ read ∘ write`, idempotent.
        References pass through unchanged."""
        done = Translated({})
        values = done.values
        for name, _, convert in self._projects:
            if name in prm:
                try:
                    values[name] = convert(prm[name])
                except Untranslatable as error:
                    done.without(name, name, error)
        for name, _, currency, codec in self._money:
            if name in prm:
                try:
                    values[name] = codec.write(prm[name], self._currency(prm, currency))
                except Untranslatable as error:
                    done.without(name, name, error)
        if self._stage is not None and self._stage.prm in prm:
            name = self._stage.prm
            try:
                values[name] = self._stages.project(
                    prm[name], pipeline or self.resolved.default_pipeline
                )
            except Untranslatable as error:
                done.without(name, name, error)
        return done

    def relation_values(self, prm: Values) -> Values:
        """A relation's CRM values (both ends as CRM ids, the role's CRM code), as a connector's
        `relation_key` takes them; a role without counterpart is left out."""
        return self.write(prm).values

    def crm_name(self, name: str) -> str:
        """A CRM field name of the mapping in the CRM's own spelling."""
        return self.resolved.names.get(name, name)

    def _currency(self, prm: Values, currency: str | None) -> Scalar:
        return transforms.canon_code(prm.get(currency)) if currency else None

    def _read_stage(self, stage: FieldMap, crm: Values, done: Translated) -> None:
        pipeline = self.resolved.default_pipeline
        if self._pipeline_field is not None:
            if self._pipeline_field not in crm and self._stage_name not in crm:
                return
            pipeline = str(crm.get(self._pipeline_field) or pipeline)
        done.values[PIPELINE] = pipeline
        if self._stage_name in crm:
            try:
                done.values[stage.prm] = self._stages.read(crm[self._stage_name], pipeline)
            except Untranslatable as error:
                done.without(stage.prm, stage.prm, error)

    def _write_stage(
        self,
        stage: FieldMap,
        prm: Values,
        pipeline: str | None,
        done: Translated,
    ) -> None:
        if stage.prm not in prm:
            return
        target = pipeline or self.resolved.default_pipeline
        try:
            done.values[self._stage_name] = self._stages.write(prm[stage.prm], target)
        except Untranslatable as error:
            done.without(self._stage_name, stage.prm, error)
            return
        if pipeline is None and self._pipeline_field is not None:
            done.values[self._pipeline_field] = target

    def _compile(self) -> None:
        reads: list[_Row] = []
        writes: list[_Row] = []
        projects: list[_Row] = []
        money: list[_MoneyRow] = []
        self._stage: FieldMap | None = None
        for prm, mapped in self.mapping.fields.items():
            crm = self.crm_name(mapped.crm)
            if mapped.transform == "stage":
                self._stage = mapped
            elif mapped.transform == "money":
                money.append((prm, crm, self._sibling(prm), self._money_codec(prm)))
            else:
                codec = _codec(self.mapping.stream, mapped, self.resolved)
                reads.append((prm, crm, codec.read))
                writes.append((prm, crm, codec.write))
                projects.append((prm, crm, codec.project))
        self._reads, self._writes = tuple(reads), tuple(writes)
        self._projects, self._money = tuple(projects), tuple(money)
        stages = self.mapping.stages
        self._stages = StageCodec(self.resolved.stages, str(stages.at) if stages else "")
        self._stage_name = self.crm_name(self._stage.crm) if self._stage else ""
        named = stages.field if stages and self._stage else None
        self._pipeline_field = self.crm_name(named) if named else None

    def _sibling(self, prm: str) -> str | None:
        currency = CATALOGUE[self.mapping.stream][prm].currency
        return currency if currency in self.mapping.fields else None

    def _money_codec(self, prm: str) -> MoneyCodec:
        return MoneyCodec(self.resolved.scales.get(prm))

    def _crm_fields(self) -> tuple[str, ...]:
        names = [self.mapping.key] if self.mapping.key else []
        names += [mapped.crm for mapped in self.mapping.fields.values()]
        if self._pipeline_field is not None:
            names.append(self._pipeline_field)
        names += [one.name for one in self.resolved.status.values()]
        return tuple(dict.fromkeys(self.crm_name(name) for name in names))


def _flowing(mapping: StreamMapping, against: Direction) -> tuple[str, ...]:
    groups = mapping.groups
    return tuple(
        name
        for name, mapped in mapping.fields.items()
        if groups[mapped.group].direction is not against
    )


def _codes(page: Columns, currency: str | None) -> Iterable[Scalar]:
    if currency is None:
        return repeat(None)
    codes = {one: transforms.canon_code(one) for one in set(page.values[currency])}
    return [codes[one] for one in page.values[currency]]


def _amount(codec: MoneyCodec) -> Callable[[tuple[Scalar, Scalar]], Scalar]:
    return lambda cell: codec.read(*cell)


def _codec(stream: str, mapped: FieldMap, resolved: Resolved) -> Codec:
    name = mapped.prm
    length = resolved.lengths.get(name)
    match mapped.transform:
        case "text":
            return transforms.text_codec(transforms.canon_text, length)
        case "code":
            return transforms.text_codec(transforms.canon_code, length)
        case "domain":
            return transforms.text_codec(transforms.canon_domain, length)
        case "number":
            return transforms.number_codec(resolved.scales.get(name))
        case "day_in_zone":
            return transforms.day_codec(resolved.time_zone)
        case "picklist":
            return transforms.limited(
                transforms.picklist_codec(_table(stream, mapped, resolved)), length
            )
        case "multi_picklist":
            return transforms.limited(
                transforms.multi_picklist_codec(_table(stream, mapped, resolved)), length
            )
        case "owner":
            return transforms.owner_codec(
                resolved.people, resolved.emails, resolved.fallback_owner, resolved.nobody
            )
        case other:
            canon = _SIMPLE[other]
            return transforms.same_both_ways(canon, canon)


_SIMPLE: Mapping[str, Callable[[Scalar], Scalar]] = {
    "boolean": transforms.canon_boolean,
    "date": transforms.canon_date,
    "datetime": transforms.canon_datetime,
    "reference": transforms.same_id,
}


def _table(
    stream: str, mapped: FieldMap, resolved: Resolved
) -> Mapping[str, tuple[str, ...]] | None:
    table = resolved.picklists.get(mapped.prm) or mapped.picklist
    if table is not None:
        return table
    codes = CATALOGUE[stream][mapped.prm].codes
    return {code: (code,) for code in codes} if codes else None
