"""Puts one component into the org, or says why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from prmsync_salesforce.simulator.database import Table
from prmsync_salesforce.simulator.fields import audit_fields, currency_code, owner, text
from prmsync_salesforce.simulator.formulas.parse import BadFormula
from prmsync_salesforce.simulator.metadata.fields import choices, custom_field
from prmsync_salesforce.simulator.metadata.package import Component
from prmsync_salesforce.simulator.metadata.permissions import apply_permission_set
from prmsync_salesforce.simulator.metadata.problem import Problem
from prmsync_salesforce.simulator.metadata.setup import upsert_setup
from prmsync_salesforce.simulator.metadata.xmltree import Node
from prmsync_salesforce.simulator.org import Org
from prmsync_salesforce.simulator.rollups import SUMMARY, Rollup
from prmsync_salesforce.simulator.schema import Choice, FieldDefinition, ObjectDefinition

_OBJECT_NAME = re.compile(r"[A-Za-z]\w*__c")
_LIST_COLUMNS = re.compile(r"[A-Z][A-Z0-9_.]*")
"""Standard columns of list views go by names of their own, such as NAME and ACCOUNT.NAME."""


class Applier:
    """Applies components in order; each says whether it was `created` or changed."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._value_sets: dict[str, tuple[Choice, ...]] = org.value_sets
        self._works: dict[str, Callable[[Component], bool]] = {
            "BusinessProcess": self._business_process,
            "CustomApplication": self._accepted,
            "CustomField": self._field,
            "CustomObject": self._object,
            "CustomTab": self._tab,
            "GlobalValueSet": self._value_set,
            "Layout": self._layout,
            "ListView": self._list_view,
            "PermissionSet": self._permission_set,
            "RecordType": self._record_type,
            "ValidationRule": self._validation_rule,
        }

    def apply(self, item: Component) -> bool:
        """Whether the component is new. Raises Problem."""
        return self._works[item.type](item)

    def _object(self, item: Component) -> bool:
        known = self._org.database.table(item.full_name)
        if known is not None:
            self._relabel(known, item.node)
            return False
        if not _OBJECT_NAME.fullmatch(item.full_name):
            raise Problem(f"Entity of type 'CustomObject' named '{item.full_name}' cannot be found")
        for name in ("label", "pluralLabel", "nameField", "deploymentStatus", "sharingModel"):
            if item.node.first(name) is None:
                raise Problem(f"Required field is missing: {name}")
        definition = self._new_object(item.full_name, item.node)
        self._org.database.define(definition)
        self._org.access.need_grant(definition.name, (), whole=True)
        upsert_setup(self._org, "CustomObject", {"DeveloperName": _developer(definition.name)})
        return True

    def _new_object(self, name: str, node: Node) -> ObjectDefinition:
        name_field = node.first("nameField") or node
        numbered = name_field.text("type") == "AutoNumber"
        fixed = {"createable": not numbered, "updateable": not numbered}
        fields = [
            *audit_fields(node.text("label")),
            text(
                "Name",
                name_field.text("label") or "Name",
                80,
                name_field=True,
                defaulted_on_create=True,
                **fixed,
            ),
        ]
        master = any(field.text("type") == "MasterDetail" for field in node.all("fields"))
        if not master:
            fields.append(owner(queues=True))
        if self._org.multi_currency:
            fields.append(currency_code())
        raw = {"labelPlural": node.text("pluralLabel"), "description": node.text("description")}
        prefix = self._org.database.free_prefix()
        return ObjectDefinition(name, node.text("label"), prefix, fields, raw=raw)

    def _relabel(self, table: Table, node: Node) -> None:
        """An object file that only carries parts leaves the object itself alone."""
        definition = table.definition
        if node.text("label") and definition.name.endswith("__c"):
            raw = {**definition.raw, "labelPlural": node.text("pluralLabel")}
            changed = definition.copied(list(definition.fields.values()), raw=raw)
            changed.label = node.text("label")
            self._org.database.define(changed)

    def _field(self, item: Component) -> bool:
        table = self._table(item)
        field = custom_field(item.node, self._value_sets)
        for target in field.reference_to:
            if self._org.database.table(target) is None:
                raise Problem(
                    f"referenceTo value of '{target}' does not resolve to a valid sObject type"
                )
        definition = table.definition
        old = definition.field(field.name)
        if old is not None:
            _check_change(definition, old, field)
        kept = [one for one in definition.fields.values() if one is not old]
        self._check_relationship(field, old)
        self._check_formula(definition, field.raw.get("calculatedFormula"))
        self._org.database.define(definition.copied([*kept, field]))
        self._check_summary(definition, field)
        if old is None:
            if field.nillable or field.type == "boolean":
                self._org.access.need_grant(definition.name, [field.name])
            names = {"DeveloperName": _developer(field.name), "TableEnumOrId": definition.name}
            upsert_setup(
                self._org,
                "CustomField",
                {**names, "EntityDefinitionId": definition.name, "FullName": item.full_name},
            )
        return old is None

    def _check_summary(self, before: ObjectDefinition, field: FieldDefinition) -> None:
        told = field.raw.get(SUMMARY)
        try:
            if told:
                self._org.rollups.check(Rollup(before.name, field.name, **told))
        except ValueError as error:
            self._org.database.define(before)
            raise Problem(f"In field: summaryForeignKey - {error}") from error

    def _check_formula(self, definition: ObjectDefinition, text: str | None) -> None:
        try:
            if text:
                self._org.formulas.compiled(definition, text)
        except BadFormula as error:
            raise Problem(str(error)) from error

    def _check_relationship(self, field: FieldDefinition, old: FieldDefinition | None) -> None:
        if field.children is None:
            return
        for table in self._org.database.tables.values():
            for other in table.definition.references:
                same = other.children == field.children
                if same and other.reference_to == field.reference_to and other is not old:
                    raise Problem(
                        f"There is already a Child Relationship named "
                        f"{field.children.removesuffix('__r')} on {field.reference_to[0]}."
                    )

    def _business_process(self, item: Component) -> bool:
        """A sales process: it names stages that there are; the API lets every record have any."""
        stages = self._org.database.tables["OpportunityStage"].live()
        known = {str(row["MasterLabel"]) for row in stages}
        for value in item.node.all("values"):
            if value.text("fullName") not in known:
                raise Problem(f"Picklist value: {value.text('fullName')} not found")
        return True

    def _record_type(self, item: Component) -> bool:
        table = self._table(item)
        for name in ("label", "active"):
            if not item.node.text(name):
                raise Problem(f"Required field is missing: {name}")
        if table.definition.field("RecordTypeId") is None:
            self._add_record_type_field(table)
        return upsert_setup(
            self._org,
            "RecordType",
            {"SobjectType": table.definition.name, "DeveloperName": item.node.text("fullName")},
            Name=item.node.text("label"),
            IsActive=item.node.flag("active"),
            Description=item.node.text("description") or None,
        )

    def _add_record_type_field(self, table: Table) -> None:
        field = FieldDefinition(
            "RecordTypeId",
            "Record Type ID",
            "reference",
            18,
            reference_to=("RecordType",),
            relationship="RecordType",
        )
        fields = [*table.definition.fields.values(), field]
        self._org.database.define(table.definition.copied(fields))

    def _list_view(self, item: Component) -> bool:
        table = self._table(item)
        for name in ("label", "filterScope"):
            if not item.node.text(name):
                raise Problem(f"Required field is missing: {name}")
        columns = [column.value for column in item.node.all("columns")]
        filters = [found.text("field") for found in item.node.all("filters")]
        _check_columns(table, [*columns, *filters])
        return upsert_setup(
            self._org,
            "ListView",
            {"SobjectType": table.definition.name, "DeveloperName": item.node.text("fullName")},
            Name=item.node.text("label"),
        )

    def _validation_rule(self, item: Component) -> bool:
        table = self._table(item)
        for name in ("active", "errorConditionFormula", "errorMessage"):
            if not item.node.text(name):
                raise Problem(f"Required field is missing: {name}")
        self._check_formula(table.definition, item.node.text("errorConditionFormula"))
        return upsert_setup(
            self._org,
            "ValidationRule",
            {"EntityDefinitionId": table.definition.name, "FullName": item.full_name},
            ValidationName=item.node.text("fullName"),
            Active=item.node.flag("active"),
            ErrorMessage=item.node.text("errorMessage"),
            ErrorDisplayField=item.node.text("errorDisplayField") or None,
            ErrorConditionFormula=item.node.text("errorConditionFormula"),
        )

    def _layout(self, item: Component) -> bool:
        name, _, label = item.full_name.partition("-")
        table = self._org.database.table(name)
        if table is None or not label:
            raise Problem(f"In field: layout - no CustomObject named {name} found")
        for found in item.node.below("layoutItems"):
            field = found.text("field")
            if field and table.definition.field(field) is None and "__" in field:
                raise Problem(f"In field: field - no CustomField named {name}.{field} found")
        return upsert_setup(
            self._org,
            "Layout",
            {"TableEnumOrId": table.definition.name, "Name": label.replace("%2B", "+")},
            EntityDefinitionId=table.definition.name,
            LayoutType="Standard",
        )

    def _tab(self, item: Component) -> bool:
        custom = item.node.flag("customObject")
        if custom and self._org.database.table(item.full_name) is None:
            raise Problem(f"In field: customObject - no CustomObject named {item.full_name} found")
        names = {"DeveloperName": _developer(item.full_name)}
        return upsert_setup(self._org, "CustomTab", names, Type="customObject" if custom else "web")

    def _value_set(self, item: Component) -> bool:
        if not item.node.text("masterLabel"):
            raise Problem("Required field is missing: masterLabel")
        self._value_sets[item.full_name] = choices(item.node, "customValue")
        names = {"DeveloperName": item.full_name}
        return upsert_setup(
            self._org, "GlobalValueSet", names, MasterLabel=item.node.text("masterLabel")
        )

    def _permission_set(self, item: Component) -> bool:
        return apply_permission_set(self._org, item)

    def _accepted(self, _item: Component) -> bool:
        """An app is for people's eyes; the simulator has no pages to show it on."""
        return False

    def _table(self, item: Component) -> Table:
        name = item.full_name.partition(".")[0]
        table = self._org.database.table(name)
        if table is None or table.definition.tooling:
            raise Problem(f"Entity of type 'CustomObject' named '{name}' cannot be found")
        return table


def _check_change(definition: ObjectDefinition, old: FieldDefinition, new: FieldDefinition) -> None:
    if old.type != new.type:
        raise Problem(
            f"Cannot change the type of {definition.name}.{old.name} from {old.type} to {new.type}"
        )
    if old.type == "reference" and old.reference_to != new.reference_to:
        raise Problem("Cannot update referenceTo")


def _check_columns(table: Table, names: Iterable[str]) -> None:
    for name in names:
        if table.definition.field(name) is None and not _LIST_COLUMNS.fullmatch(name):
            raise Problem(f"Could not resolve list view column: {name}")


def _developer(name: str) -> str:
    return name.removesuffix("__c")
