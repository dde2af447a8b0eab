"""What mappings need against what an org has: what to make, what to grant, what not to touch.

Pure. Only what is not there at all is made; whatever is there stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from prmsync.connector.provisioning import (
    FieldNeed,
    ObjectNeed,
    ProvisionPlan,
    RecordTypeNeed,
    Step,
    StepKind,
)
from prmsync.connector.schema import FieldSchema
from prmsync.errors import Finding
from prmsync_salesforce.provision.fit import misfits, writable
from prmsync_salesforce.provision.granting import Grants, grants_for
from prmsync_salesforce.provision.making import (
    can_be_made,
    made_field,
    made_object,
    made_record_type,
    with_values,
)
from prmsync_salesforce.provision.org import LiveObject, LiveOrg, find
from prmsync_salesforce.provision.package import Parts, can_filter
from prmsync_salesforce.provision.source import PEOPLE_SET, SERVICE_SET, Source
from prmsync_salesforce.provision.words import about, standard_hint
from prmsync_salesforce.provision.xml import Node


@dataclass(frozen=True, slots=True)
class Comparison:
    """`assign`: the user that syncs lacks the service permission set."""

    plan: ProvisionPlan
    parts: Parts
    grants: Grants
    assign: bool


def compare(needs: Sequence[ObjectNeed], org: LiveOrg, source: Source) -> Comparison:
    """Everything that is missing, in the order in which it is made."""
    return _Comparing(needs, org, source).done()


class _Comparing:
    def __init__(self, needs: Sequence[ObjectNeed], org: LiveOrg, source: Source) -> None:
        self._needs = needs
        self._org = org
        self._source = source
        self._steps: list[Step] = []
        self._findings: list[Finding] = []
        self._present = 0
        self._objects: dict[str, Node] = {}
        self._fields: dict[tuple[str, str], Node] = {}
        self._types: dict[tuple[str, str], tuple[Node, ...]] = {}
        self._wanted: dict[str, bool] = {}
        """Fields that the user that syncs does not see or may not write → is to be edited."""

    def done(self) -> Comparison:
        for need in self._needs:
            self._object(need)
        parts = self._parts()
        grants = grants_for(self._needs, self._org, parts, self._source, self._wanted)
        assign = not self._org.assigned
        self._more_steps(parts, grants, assign)
        plan = ProvisionPlan(
            tuple(self._steps), tuple(self._findings), self._present, self._org.unread
        )
        return Comparison(plan, parts, grants, assign)

    def _object(self, need: ObjectNeed) -> None:
        live = self._org.object(need.object)
        if live is None and not self._make_object(need):
            return
        for field in need.fields:
            self._field(need, live, field)
        for record_type in need.record_types:
            self._record_type(need, live, record_type)

    def _make_object(self, need: ObjectNeed) -> bool:
        if self._org.hides(need.object):
            self._find(
                need.object,
                "is there, but hidden from the user that syncs",
                "prmsync provision apply with an admin's sign-in grants it; or assign the "
                f"permission set {SERVICE_SET}.",
            )
            return False
        if not can_be_made(need.object):
            self._find(need.object, *standard_hint(need.object, need.at))
            return False
        name = need.object
        definition = self._source.objects.get(name) or made_object(name, need.stream)
        self._objects[name] = definition
        self._steps.append(Step(StepKind.OBJECT, name, definition.said("label"), need.stream))
        return True

    def _field(self, need: ObjectNeed, live: LiveObject | None, field: FieldNeed) -> None:
        found = self._found(live, field.name)
        if found is not None and live is not None:
            wrong = misfits(live.schema.name, field, found)
            self._findings += wrong
            self._present += not wrong
            if not wrong:
                self._permit(need, live, replace(field, name=found.name), found)
        elif live is not None and live.hides(field.name):
            self._present += 1
            self._want(f"{live.schema.name}.{field.name}", field)
        elif not self._comes_by_itself(need, live, field):
            self._make_field(need, field)

    def _found(self, live: LiveObject | None, name: str) -> FieldSchema | None:
        """A field as whoever looks sees it, or else as the user that syncs does."""
        if live is None:
            return None
        seen = self._org.service.get(live.schema.name.lower())
        return find(live.schema, name) or (find(seen, name) if seen is not None else None)

    def _comes_by_itself(self, need: ObjectNeed, live: LiveObject | None, field: FieldNeed) -> bool:
        """The name of a new object, and the record type field of an object with record types."""
        if field.name.lower() == "recordtypeid":
            return bool(need.record_types)
        return live is None and field.name in ("Name", "OwnerId")

    def _make_field(self, need: ObjectNeed, field: FieldNeed) -> None:
        name = f"{need.object}.{field.name}"
        if not can_be_made(field.name):
            self._find(name, *standard_hint(name, field.at))
            return
        shipped = self._source.fields.get((need.object, field.name))
        definition = (
            with_values(shipped, field.values)
            if shipped is not None
            else made_field(need.object, field)
        )
        self._fields[need.object, field.name] = definition
        self._steps.append(Step(StepKind.FIELD, name, about(definition), field.use))

    def _permit(
        self, need: ObjectNeed, live: LiveObject, field: FieldNeed, found: FieldSchema
    ) -> None:
        """Whether the user that syncs may use a field that fits."""
        seen = self._org.service.get(live.schema.name.lower())
        theirs = seen.fields.get(field.name) if seen is not None else None
        if theirs is not None and writable(field, theirs, created=need.created):
            return
        full = f"{live.schema.name}.{field.name}"
        hidden = live.hides(field.name)
        granted_as = field.name if hidden else live.permission.get(field.name)
        if not hidden and not writable(field, found, created=need.created):
            self._find(full, f"cannot be written; {field.use} is", _READ_ONLY)
        elif granted_as is None:
            self._find(full, "is not shown to the user that syncs, or not for editing", _NO_GRANT)
        else:
            self._want(f"{live.schema.name}.{granted_as}", field)

    def _want(self, name: str, field: FieldNeed) -> None:
        """A permission that the set lacks; one that it holds for reading only is an admin's."""
        if field.written and self._org.granted.get(name) is False:
            self._find(
                name,
                f"may only be read by {SERVICE_SET}; {field.use} is written",
                "Tick Edit in the permission set, or read it only: `direction: to_prm`.",
            )
        else:
            self._wanted[name] = field.written

    def _record_type(
        self, need: ObjectNeed, live: LiveObject | None, wanted: RecordTypeNeed
    ) -> None:
        known = live.schema.record_types if live is not None else {}
        if wanted.name.lower() in {one.lower() for one in known}:
            return
        missing = [one for one in wanted.stages if one.casefold() not in self._org.stages]
        if missing:
            self._find(
                f"{need.object}.{wanted.name}",
                f"cannot be made: the org has no stage {', '.join(missing)}",
                "Add the stages in Setup, or change the mapping's stages.",
            )
            return
        self._types[need.object, wanted.name] = made_record_type(wanted)
        what = f"sales process of {len(wanted.stages)} stages"
        name = f"{need.object}.{wanted.name}"
        self._steps.append(Step(StepKind.RECORD_TYPE, name, what, need.stream))

    def _parts(self) -> Parts:
        live = list(self._org.objects.values())
        parts = Parts(
            objects=self._objects,
            fields=self._fields,
            record_types=self._types,
            value_sets=self._value_sets(),
            layouts=tuple(
                name for name in self._source.layouts if name.partition("-")[0] in self._objects
            ),
            tabs=tuple(name for name in self._source.tabs if name in self._objects),
            permission_sets=tuple(
                one for one in (SERVICE_SET, PEOPLE_SET) if one not in self._org.permission_sets
            ),
            present=frozenset(
                f"{one.schema.name}.{name}"
                for one in live
                for name in (*one.schema.fields, *one.hidden)
            ),
            present_objects=frozenset(one.schema.name for one in live),
        )
        return replace(parts, list_views=self._list_views(parts))

    def _value_sets(self) -> tuple[str, ...]:
        used = {one.said("valueSet", "valueSetName") for one in self._fields.values()} - {""}
        return tuple(sorted(used - self._org.value_sets))

    def _list_views(self, parts: Parts) -> tuple[tuple[str, str], ...]:
        return tuple(
            (on, name)
            for (on, name), view in self._source.list_views.items()
            if parts.has_object(on)
            and (on, name) not in self._org.list_views
            and can_filter(view, on, parts)
        )

    def _more_steps(self, parts: Parts, grants: Grants, assign: bool) -> None:
        source, add = self._source, self._steps.append
        for name in parts.value_sets:
            count = len(list(source.value_sets[name].all("customValue")))
            add(
                Step(
                    StepKind.VALUES,
                    name,
                    f"{count} values",
                    source.value_sets[name].said("masterLabel"),
                )
            )
        for name in parts.layouts:
            add(Step(StepKind.LAYOUT, name, "for the new object"))
        for name in parts.tabs:
            add(Step(StepKind.TAB, name, "for the new object"))
        for on, name in parts.list_views:
            add(Step(StepKind.LIST_VIEW, f"{on}.{name}", source.list_views[on, name].said("label")))
        for name in parts.permission_sets:
            add(Step(StepKind.PERMISSION_SET, name, source.permission_sets[name].said("label")))
        for name, delete in grants.objects.items():
            what = "read, create, edit, delete" if delete else "read, create, edit"
            add(Step(StepKind.PERMISSION, name, what, SERVICE_SET))
        for name, edit in grants.fields.items():
            add(Step(StepKind.PERMISSION, name, "edit" if edit else "read", SERVICE_SET))
        if assign:
            add(Step(StepKind.ASSIGNMENT, SERVICE_SET, "to the user that syncs"))

    def _find(self, where: str, message: str, hint: str) -> None:
        self._findings.append(Finding(where, message, hint))


_READ_ONLY = (
    "It is a formula, a roll-up or another read-only field: map another one, or read it only with "
    "`direction: to_prm`."
)
_NO_GRANT = "Salesforce grants it by the profile: give the user's profile edit on the object."
