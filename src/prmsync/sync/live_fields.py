"""The fields of a mapping against an object's live schema."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prmsync.connector.schema import FieldSchema, FieldType, ObjectSchema
from prmsync.domain.merge import Direction, Policy
from prmsync.errors import Finding
from prmsync.mapping.fields import CATALOGUE, FORECAST
from prmsync.mapping.model import FieldMap, Position, StreamMapping
from prmsync.mapping.spelling import near

KEY_LENGTH = 36
"""Characters of a UUID, our external key."""
_CUSTOM = "__c"
_OURS = "prm_"

_T = FieldType
FITTING: Mapping[str, tuple[FieldType, ...]] = {
    "text": (_T.TEXT, _T.PICKLIST),
    "code": (_T.TEXT, _T.PICKLIST),
    "domain": (_T.TEXT,),
    "number": (_T.NUMBER,),
    "money": (_T.NUMBER,),
    "boolean": (_T.BOOLEAN,),
    "date": (_T.DATE,),
    "datetime": (_T.DATETIME,),
    "day_in_zone": (_T.DATETIME,),
    "picklist": (_T.PICKLIST, _T.TEXT),
    "multi_picklist": (_T.MULTI_PICKLIST, _T.TEXT),
    "stage": (_T.PICKLIST, _T.TEXT),
    "owner": (_T.REFERENCE,),
    "reference": (_T.REFERENCE, _T.TEXT),
}
"""Transform → types of CRM fields that it can read and write."""
_BETTER = {("date", _T.DATETIME): "day_in_zone", ("day_in_zone", _T.DATE): "date"}


STREAM, CREATE, STATUS, TOLD = "@stream", "@create", "@status", "@forecast"
"""Parts of a stream besides its groups: all of it, creation in the CRM, the status fields, and
the fields that the forecast fills."""
OPTIONAL = (STATUS, TOLD)
"""Parts that may be missing in the CRM: everything else is synced all the same."""


@dataclass(frozen=True, slots=True)
class Misfit(Finding):
    """A finding of a mapping against a CRM, and the parts of the stream it keeps from use:
    names of groups, or `STREAM`, `CREATE`, `STATUS`, `TOLD`, joined by commas. `gone`: the field is
    not there at all."""

    part: str = STREAM
    gone: bool = False


_UNTOLD = (
    "`prmsync provision` makes what is missing; until then the forecast is not told there, and "
    "everything else is synced"
)


class FieldResolver:
    """Looks up each mapped field; afterwards its tables hold what the translator needs."""

    def __init__(self, mapping: StreamMapping, schema: ObjectSchema) -> None:
        self.findings: list[Misfit] = []
        self.names: dict[str, str] = {}
        self.scales: dict[str, int] = {}
        self.lengths: dict[str, int] = {}
        self.never_blank: set[str] = set()
        self.required: set[str] = set()
        self.picklists: dict[str, Mapping[str, tuple[str, ...]]] = {}
        self._mapping = mapping
        self._schema = schema
        self._part = STREAM
        self._by_lower = {name.lower(): one for name, one in schema.fields.items()}

    def check(self) -> None:
        untold: list[FieldMap] = []
        for mapped in self._mapping.fields.values():
            self._part = TOLD if mapped.prm in FORECAST else mapped.group
            if self._part == TOLD and mapped.crm.lower() not in self._by_lower:
                untold.append(mapped)
                continue
            found = self._find(mapped.crm, mapped.at, FITTING[mapped.transform])
            if found is not None:
                self._check_field(mapped, found)
        if untold:
            self._part = TOLD
            names = ", ".join(f"`{one.crm}`" for one in untold)
            message = f"no field {names} on {self._schema.name} to tell the forecast in"
            self._report(untold[0].at, message, _UNTOLD, gone=True)
        self._part = parts_of(self._mapping, "stage")
        self._check_pipeline_field()
        self._part = STREAM
        self._check_key()
        if self._mapping.create_crm:
            self._part = CREATE
            self._check_required()

    def _report(self, at: Position, message: str, hint: str = "", *, gone: bool = False) -> None:
        self.findings.append(Misfit(str(at), message, hint, self._part, gone))

    def _find(
        self, name: str, at: Position, fitting: Container[FieldType] = tuple(FieldType)
    ) -> FieldSchema | None:
        found = self._by_lower.get(name.lower())
        if found is None:
            message = f"unknown field `{name}` on {self._schema.name}"
            self._report(at, message, self._suggestion(name, fitting), gone=True)
        elif found.name != name:
            self.names[name] = found.name
        return found

    def _suggestion(self, name: str, fitting: Container[FieldType]) -> str:
        """A field of a like name is meant only where what the mapping puts there would fit: what
        somebody hid this morning may be like any other by chance."""
        known = self._schema.fields
        labels = {one.label: one for one in known.values()}
        close = _near(name, (one.name for one in known.values() if one.type in fitting))
        found = known[close] if close is not None else labels.get(name)
        if found is None:
            return f"check the name, and that the signed-in user may see `{name}`"
        writable = "writable" if found.updateable else "read-only"
        kind = found.type.value.replace("_", " ")
        near_by = f"did you mean `{found.name}`? (exists, {kind}, {writable})"
        if close is None:
            return near_by
        return f"{near_by}; else check that the signed-in user may see `{name}`"

    def _check_field(self, mapped: FieldMap, found: FieldSchema) -> None:
        if found.type not in FITTING[mapped.transform]:
            self._report(mapped.at, *_misfit(mapped, found))
            return
        self._check_access(mapped, found)
        if not found.nullable and found.type is not FieldType.BOOLEAN:
            self.never_blank.add(mapped.prm)
        if found.required:
            self.required.add(mapped.prm)
        if found.scale is not None and mapped.transform in ("number", "money"):
            self.scales[mapped.prm] = found.scale
        if found.length is not None and found.type is FieldType.TEXT:
            self.lengths[mapped.prm] = found.length
        if mapped.transform in ("picklist", "multi_picklist"):
            self._check_picklist(mapped, found)

    def _check_access(self, mapped: FieldMap, found: FieldSchema) -> None:
        group = self._mapping.groups[mapped.group]
        if group.direction is Direction.TO_PRM:
            return
        updated = group.policy is not Policy.CRM and self._mapping.relation is None
        if updated and not found.updateable:
            self._report(
                mapped.at,
                f"`{found.name}` on {self._schema.name} cannot be written by the signed-in user",
                "grant edit rights on the field, or read it only: "
                "`policy: crm` with `direction: to_prm`",
            )
        elif self._mapping.create_crm and not found.createable:
            self._report(
                mapped.at,
                f"`{found.name}` on {self._schema.name} cannot be set on new records",
                "grant edit rights on the field, or read it only: `direction: to_prm`",
            )

    def _check_picklist(self, mapped: FieldMap, found: FieldSchema) -> None:
        codes = CATALOGUE[self._mapping.stream][mapped.prm].codes
        table = mapped.picklist or ({code: (code,) for code in codes} if codes else None)
        if found.type is FieldType.TEXT:
            return
        if table is None:
            if found.restricted:
                self.picklists[mapped.prm] = {code: (code,) for code in found.picklist}
            return
        known = _known_codes(found)
        self.picklists[mapped.prm] = {
            code: tuple(self._codes(mapped, found, known, theirs)) for code, theirs in table.items()
        }
        self._check_unambiguous(mapped, found)

    def _codes(
        self,
        mapped: FieldMap,
        found: FieldSchema,
        known: Mapping[str, str],
        wanted: tuple[str, ...],
    ) -> Iterator[str]:
        for label in wanted:
            code = label if label in found.picklist else known.get(label.casefold())
            if code is not None:
                yield code
            elif found.restricted:
                close = near(label, [*found.picklist, *found.picklist.values()])
                hint = f"did you mean `{close}`?" if close else "add it to the CRM's picklist"
                self._report(
                    mapped.at, f"`{label}` is not in the restricted picklist `{found.name}`", hint
                )
            else:
                yield label

    def _check_unambiguous(self, mapped: FieldMap, found: FieldSchema) -> None:
        seen: dict[str, str] = {}
        for code, theirs in self.picklists[mapped.prm].items():
            for their in theirs:
                if seen.setdefault(their, code) != code:
                    self._report(
                        mapped.at,
                        f"`{their}` of `{found.name}` stands for `{seen[their]}` and `{code}`",
                        "a CRM code reads back as one of ours",
                    )

    def _check_key(self) -> None:
        name = self._mapping.key
        found = None if name is None else self._find(name, self._mapping.place("key"))
        if found is None:
            return
        wrong = [
            text
            for bad, text in (
                (found.type is not FieldType.TEXT, "is not a text field"),
                (not found.unique, "is not unique, so a repeated create could make two records"),
                (found.length is not None and found.length < KEY_LENGTH, "is too short"),
                (not found.createable, "cannot be written by the signed-in user"),
            )
            if bad
        ]
        for text in wrong:
            self._report(
                self._mapping.place("key"),
                f"key field `{found.name}` on {self._schema.name} {text}",
                f"make one that is text, unique (HubSpot: chosen when it is made), {KEY_LENGTH} "
                "characters or more, writable",
            )

    def _check_pipeline_field(self) -> None:
        stages = self._mapping.stages
        if stages is not None and stages.field is not None:
            self._find(stages.field, stages.at)

    def _check_required(self) -> None:
        for one in self._schema.fields.values():
            if one.required and one.createable and one.name.lower() not in self._filled():
                self._report(
                    self._mapping.at,
                    f"{self._schema.name} requires `{one.name}`, and nothing fills it on create",
                    "map it, give it a default in the CRM, or set `create: {crm: false}`",
                )

    def _filled(self) -> set[str]:
        mapping = self._mapping
        names = [
            mapped.crm
            for mapped in mapping.fields.values()
            if mapping.groups[mapped.group].direction is not Direction.TO_PRM
        ]
        if mapping.key is not None:
            names.append(mapping.key)
        if mapping.stages is not None and mapping.stages.field is not None:
            names.append(mapping.stages.field)
        return {name.lower() for name in names}


def parts_of(mapping: StreamMapping, transform: str) -> str:
    """The groups with a field of this transform, the whole stream where there is none."""
    groups = [one.group for one in mapping.fields.values() if one.transform == transform]
    return ",".join(dict.fromkeys(groups)) or STREAM


def _known_codes(found: FieldSchema) -> dict[str, str]:
    """Labels and codes without regard to case → code; labels first, as admins write them."""
    known = {label.casefold(): code for code, label in found.picklist.items()}
    return {code.casefold(): code for code in found.picklist} | known


def _misfit(mapped: FieldMap, found: FieldSchema) -> tuple[str, str]:
    kind = found.type.value.replace("_", " ")
    message = f"`{found.name}` is a {kind} field; `{mapped.prm}` crosses as `{mapped.transform}`"
    better = _BETTER.get((mapped.transform, found.type))
    if better is not None:
        return message, f"write it long with `transform: {better}`"
    fitting = ", ".join(one.value.replace("_", " ") for one in FITTING[mapped.transform])
    return message, f"that needs a field of type {fitting}"


def _near(name: str, choices: Iterable[str]) -> str | None:
    """How our own fields begin and custom ones end makes them all alike: it does not count."""
    begin = name[: len(_OURS)] if name.lower().startswith(_OURS) else ""
    end = _CUSTOM if name.endswith(_CUSTOM) else ""
    by_stem = {one.removesuffix(end).removeprefix(begin): one for one in sorted(choices)}
    found = near(name.removesuffix(end).removeprefix(begin), by_stem)
    return None if found is None else by_stem[found]
