"""What mappings need against what an account has: what to make, what not to touch.

Pure. Only what is not there at all is made; whatever is there stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from prmsync.connector.provisioning import (
    FieldNeed,
    LabelNeed,
    ObjectNeed,
    ProvisionPlan,
    RecordTypeNeed,
    Step,
    StepKind,
)
from prmsync.connector.schema import FieldSchema, ObjectSchema
from prmsync.connector.schema import Pipeline as LivePipeline
from prmsync.errors import Finding
from prmsync_hubspot.provision.fit import misfits
from prmsync_hubspot.provision.making import (
    can_be_made,
    object_can_be_made,
    object_words,
    said,
)
from prmsync_hubspot.provision.portal import LivePortal
from prmsync_hubspot.provision.views import views_of
from prmsync_hubspot.provision.words import GROUP, GROUP_LABEL

_ALIKE = 0.85
WITHOUT_OBJECTS = (
    "Let the mapping keep registrations on their deals: docs/crm-admin.md, Without custom objects."
)


@dataclass(slots=True)
class Parts:
    """What is made, by the object's name in the mapping, in the order in which it is made."""

    objects: dict[str, ObjectNeed] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    properties: dict[str, list[FieldNeed]] = field(default_factory=dict)
    pipelines: list[tuple[str, RecordTypeNeed, int]] = field(default_factory=list)
    labels: list[tuple[str, LabelNeed]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A plan, and the same as parts to make."""

    plan: ProvisionPlan
    parts: Parts


def compare(needs: Sequence[ObjectNeed], portal: LivePortal) -> Comparison:
    """Everything that is missing, in the order in which it is made."""
    return _Comparing(needs, portal).done()


class _Comparing:
    def __init__(self, needs: Sequence[ObjectNeed], portal: LivePortal) -> None:
        self._needs = needs
        self._portal = portal
        self._parts = Parts()
        self._steps: list[Step] = []
        self._findings: list[Finding] = []
        self._present = 0
        self._seen: set[tuple[str, str]] = set()

    def done(self) -> Comparison:
        for need in self._needs:
            live = self._portal.objects.get(need.object)
            if live is not None:
                self._fields(need, live)
            elif not need.labels and need.object not in self._portal.hidden:
                self._make_object(need)
        self._groups()
        for need in self._needs:
            self._pipelines(need)
            self._labels(need)
        plan = ProvisionPlan(
            tuple(self._steps),
            tuple(self._findings),
            self._present,
            self._portal.unread,
            tuple(views_of(self._needs)),
        )
        return Comparison(plan, self._parts)

    def _make_object(self, need: ObjectNeed) -> None:
        name = need.object
        if not object_can_be_made(name):
            hint = "Check the name in the mapping: API name, type id or fully qualified name."
            self._find(name, "is not there, or not visible to whoever signed in", hint)
            return
        if self._portal.custom_left is not None and self._portal.custom_left <= 0:
            says = "cannot be made: the account has no custom object left, or its plan has none"
            self._find(name, says, WITHOUT_OBJECTS)
            return
        wrong = [one for one in need.fields if not can_be_made(one.name)]
        for one in wrong:
            self._find(f"{name}.{one.name}", *_NO_NAME)
        if wrong:
            return
        known = self._parts.objects.get(name)
        if known is None:
            self._parts.objects[name] = need
            self._steps.append(Step(StepKind.OBJECT, name, object_words(name, need.stream)[1]))
            new = need.fields
        else:  # another stream of the same object
            there = {one.name for one in known.fields}
            new = tuple(one for one in need.fields if one.name not in there)
            self._parts.objects[name] = replace(known, fields=known.fields + new)
        for one in new:
            self._steps.append(Step(StepKind.FIELD, f"{name}.{one.name}", said(one), one.use))

    def _fields(self, need: ObjectNeed, live: ObjectSchema) -> None:
        by_name = {name.lower(): one for name, one in live.fields.items()}
        for one in need.fields:
            found = by_name.get(one.name.lower())
            if found is not None:
                self._present_field(need, one, found)
            elif (need.object, one.name) not in self._seen:
                self._seen.add((need.object, one.name))
                self._make_field(need, one, live)

    def _present_field(self, need: ObjectNeed, one: FieldNeed, found: FieldSchema) -> None:
        wrong = misfits(need.object, one, found)
        self._findings += wrong
        self._present += not wrong

    def _make_field(self, need: ObjectNeed, one: FieldNeed, live: ObjectSchema) -> None:
        name = f"{need.object}.{one.name}"
        if not can_be_made(one.name):
            self._find(name, *_NO_NAME)
            return
        alike = get_close_matches(one.name, live.fields, 1, _ALIKE)
        if alike and "prm" not in one.name:
            hint = f"Did you mean `{alike[0]}` ({live.fields[alike[0]].label})? {one.at}".rstrip()
            self._find(name, "is not there, and another property is called almost the same", hint)
            return
        self._parts.properties.setdefault(need.object, []).append(one)
        self._steps.append(Step(StepKind.FIELD, name, said(one), one.use))

    def _groups(self) -> None:
        for name in self._parts.properties:
            if name not in self._portal.grouped:
                self._parts.groups.append(name)
                self._steps.append(Step(StepKind.GROUP, f"{name}.{GROUP}", GROUP_LABEL))

    def _pipelines(self, need: ObjectNeed) -> None:
        live = self._portal.objects.get(need.object)
        if live is None:
            return
        by_label = {one.label.casefold(): one for one in live.pipelines}
        for wanted in need.record_types:
            found = by_label.get(wanted.name.casefold())
            if found is not None:
                self._stages(need, wanted, found)
                continue
            place = len(live.pipelines) + len(self._parts.pipelines)
            self._parts.pipelines.append((need.object, wanted, place))
            name = f"{need.object}.{wanted.name}"
            what = f"{len(wanted.stages)} stages: {', '.join(wanted.stages)}"
            self._steps.append(Step(StepKind.PIPELINE, name, what))

    def _stages(self, need: ObjectNeed, wanted: RecordTypeNeed, found: LivePipeline) -> None:
        known = {one.label.casefold() for one in found.stages}
        missing = [one for one in wanted.stages if one.casefold() not in known]
        if missing:
            there = ", ".join(one.label for one in found.stages)
            self._find(
                f"{need.object}.{found.label}",
                f"has no stage {', '.join(missing)}; it has {there}",
                f"Write the labels that are there into the mapping ({wanted.at}), or add the "
                "stages in Settings > Objects > Deals > Pipelines.",
            )

    def _labels(self, need: ObjectNeed) -> None:
        for wanted in need.labels:
            known = self._portal.labels.get((need.object, wanted.to_object))
            if known is None:
                continue
            if wanted.label.casefold() in known:
                continue
            self._parts.labels.append((need.object, wanted))
            name = f"{need.object} – {wanted.to_object}: {wanted.label}"
            self._steps.append(Step(StepKind.LABEL, name, "reads the same from both", wanted.use))

    def _find(self, where: str, message: str, hint: str) -> None:
        self._findings.append(Finding(where, message, hint))


_NO_NAME = (
    "is not there, and no account can make a property of this name",
    "Check the name in the mapping. Names of your own are lower-case letters, digits and _, and do "
    "not begin with hs_.",
)
