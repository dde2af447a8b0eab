"""Who sees which objects and fields: what permission sets grant on what needs a grant.

Everything an org starts with is open to all. What is deployed later, or locked by the control path
`field_security`, is invisible until a permission set that is assigned to the user grants it, as in
Salesforce; an administrator needs grants for fields, but not for objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from prmsync_salesforce.simulator.database import Database, Row, Table
from prmsync_salesforce.simulator.schema import FieldDefinition, ObjectDefinition

ADMIN_PROFILE = "System Administrator"


class Access:
    """Views of objects by user. Cheap for objects on which nothing needs a grant."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fields: dict[str, set[str]] = {}
        self._objects: set[str] = set()
        self._views: dict[tuple[str, str], ObjectDefinition | None] = {}
        self._revision = -1

    def need_grant(self, object_name: str, fields: Iterable[str], *, whole: bool = False) -> None:
        """These fields, and with `whole` the object itself, are seen only with a grant now."""
        self._fields.setdefault(object_name, set()).update(fields)
        if whole:
            self._objects.add(object_name)
        self._database.revision += 1

    def view(self, table: Table, user_id: str) -> ObjectDefinition | None:
        """The object as this user sees it; None when it does not exist for them."""
        definition = table.definition
        name = definition.name
        if name not in self._fields and name not in self._objects:
            return definition
        if self._revision != self._database.revision:
            self._views.clear()
            self._revision = self._database.revision
        key = (user_id, name)
        if key not in self._views:
            self._views[key] = self._seen(definition, user_id)
        return self._views[key]

    def is_admin(self, user_id: str) -> bool:
        """Whether the user may deploy metadata and manage permissions."""
        user = self._database.row(user_id) or {}
        profile = self._database.row(str(user.get("ProfileId"))) or {}
        return profile.get("Name") == ADMIN_PROFILE

    def dump(self) -> dict[str, Any]:
        """What needs a grant, as JSON."""
        return {
            "objects": sorted(self._objects),
            "fields": {name: sorted(fields) for name, fields in self._fields.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Replace by what `dump` gave."""
        self._objects = set(state.get("objects", ()))
        self._fields = {name: set(fields) for name, fields in state.get("fields", {}).items()}
        self._database.revision += 1

    def _seen(self, definition: ObjectDefinition, user_id: str) -> ObjectDefinition | None:
        sets = self._assigned(user_id)
        allowed = self._object_rights(definition.name, user_id, sets)
        if not allowed["Read"]:
            return None
        rights = self._field_rights(definition.name, sets)
        governed = self._fields.get(definition.name, set())
        fields = [
            _restricted(field, rights.get(field.name)) if field.name in governed else field
            for field in definition.fields.values()
        ]
        return definition.copied(
            [field for field in fields if field is not None],
            createable=definition.createable and allowed["Create"],
            updateable=definition.updateable and allowed["Edit"],
            deletable=definition.deletable and allowed["Delete"],
        )

    def _assigned(self, user_id: str) -> set[str]:
        found = self._rows("PermissionSetAssignment")
        return {row["PermissionSetId"] for row in found if row.get("AssigneeId") == user_id}

    def _object_rights(self, name: str, user_id: str, sets: set[str]) -> dict[str, bool]:
        everything = name not in self._objects or self.is_admin(user_id)
        granted = dict.fromkeys(("Read", "Create", "Edit", "Delete"), everything)
        for row in self._rows("ObjectPermissions"):
            if row.get("SobjectType") == name and row.get("ParentId") in sets:
                for right in granted:
                    granted[right] |= bool(row.get(f"Permissions{right}"))
        return granted

    def _field_rights(self, name: str, sets: set[str]) -> dict[str, bool]:
        """Readable fields by name, and whether they may be edited."""
        rights: dict[str, bool] = {}
        for row in self._rows("FieldPermissions"):
            if row.get("SobjectType") == name and row.get("ParentId") in sets:
                field = str(row.get("Field")).partition(".")[2]
                if row.get("PermissionsRead"):
                    rights[field] = rights.get(field, False) or bool(row.get("PermissionsEdit"))
        return rights

    def _rows(self, object_name: str) -> Iterable[Row]:
        table = self._database.table(object_name)
        return table.live() if table is not None else ()


def _restricted(field: FieldDefinition, editable: bool | None) -> FieldDefinition | None:
    if editable is None:
        return None
    if editable:
        return field
    return replace(field, createable=False, updateable=False)
