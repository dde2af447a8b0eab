"""The org: its schema, its records, and the rules every write goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prmsync.connector.simulator.automations import LATER_SECONDS, Automations
from prmsync_salesforce.simulator import field_history, opportunity_history
from prmsync_salesforce.simulator.access import Access
from prmsync_salesforce.simulator.assignment import assign
from prmsync_salesforce.simulator.checks import check_references, check_unique
from prmsync_salesforce.simulator.cleaning import Cleaner, known_field
from prmsync_salesforce.simulator.database import GRANTS, Database, Row, Table
from prmsync_salesforce.simulator.deployed import Deployed
from prmsync_salesforce.simulator.derived import Derived
from prmsync_salesforce.simulator.duplicates import DuplicateRules
from prmsync_salesforce.simulator.failure import ApiError, bad_data, unknown_type
from prmsync_salesforce.simulator.formulas.fields import FormulaFields
from prmsync_salesforce.simulator.formulas.rules import FormulaRules
from prmsync_salesforce.simulator.ids import long_id
from prmsync_salesforce.simulator.rollups import Rollups
from prmsync_salesforce.simulator.schema import Choice, FieldDefinition, ObjectDefinition
from prmsync_salesforce.simulator.validation import ValidationRules
from prmsync_salesforce.simulator.values import convert, stamp

_MOMENTS = ("CreatedDate", "LastModifiedDate", "SystemModstamp")
_PEOPLE = ("CreatedById", "LastModifiedById")


_HISTORIES = (opportunity_history.HISTORY, field_history.FIELD_HISTORY)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, and with which modified time; None is the org's clock. `unbound`: past the API,
    where neither field-level security nor the API's bounds on set-up objects hold.
    `allow_duplicates`: save what a duplicate rule only warns of. `assigns`: an active assignment
    rule decides the owner."""

    user_id: str
    moment: datetime | None = None
    unbound: bool = False
    allow_duplicates: bool = False
    assigns: bool = False


class Org:
    """Reads and writes of records, checked as Salesforce checks them."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self.database = database
        self.now = now
        self.access = Access(database)
        self.duplicates = DuplicateRules(database)
        self.rollups = Rollups(database, now)
        self.formulas = FormulaFields(database, now)
        self._formula_rules = FormulaRules(database, self.formulas)
        self.locked: set[str] = set()
        self.tracked: tuple[str, ...] = ()
        self.automations = Automations()
        self.rules = ValidationRules(database, now)
        self._cleaner = Cleaner(database)
        self._derived = Derived(database)
        self.value_sets: dict[str, tuple[Choice, ...]] = {}
        self.deployed = Deployed(database, self.access, self.value_sets)

    @property
    def multi_currency(self) -> bool:
        return self.database.table("CurrencyType") is not None

    def create(self, table: Table, values: Mapping[str, Any], writer: Writer) -> str:
        """A new record's id. Raises ApiError."""
        definition = self._seen(table, writer)
        if not (definition.createable or writer.unbound):
            raise _not_supported(definition, "insert")
        cleaned = self._cleaner.cleaned(definition, values, creating=True)
        row: Row = {**definition.defaults, **cleaned, "IsDeleted": False}
        self._fill_defaults(definition, row, writer)
        if writer.assigns:
            assign(self.database, definition.name, row)
        missing = [field.name for field in definition.required if row.get(field.name) is None]
        if missing:
            raise _required(missing)
        row["Id"] = self.database.new_id(table)
        self._finish(table, row, cleaned, None)
        self.duplicates.check(table, row, allow_save=writer.allow_duplicates or writer.unbound)
        moment = stamp(writer.moment or self.now())
        row.update(dict.fromkeys(_MOMENTS, moment))
        row.update(dict.fromkeys(_PEOPLE, writer.user_id))
        self.database.put(table, row)
        self._note(table, {}, row)
        self.rollups.follow(table, {}, row, writer.user_id)
        self._automate(table, {}, row, writer)
        return str(row["Id"])

    def update(
        self, table: Table, record_id: str, values: Mapping[str, Any], writer: Writer
    ) -> None:
        """Changes the named fields. Raises ApiError."""
        definition = self._seen(table, writer)
        if not (definition.updateable or writer.unbound):
            raise _not_supported(definition, "update")
        old = self.existing(table, record_id)
        self.check_lock(old, writer)
        cleaned = self._cleaner.cleaned(definition, values, creating=False)
        if old.get("HasOpportunityLineItem"):
            # Salesforce takes the sum of the products and says nothing about the amount sent.
            cleaned.pop("Amount", None)
        missing = [
            field.name
            for field in definition.never_blank
            if field.name in cleaned and cleaned[field.name] is None
        ]
        if missing:
            raise _required(missing)
        row = {**old, **cleaned}
        if writer.assigns:
            assign(self.database, definition.name, row)
        self._finish(table, row, cleaned, old)
        self.duplicates.check(table, row, allow_save=writer.allow_duplicates or writer.unbound)
        moment = stamp(writer.moment or self.now())
        row["LastModifiedDate"] = row["SystemModstamp"] = moment
        row["LastModifiedById"] = writer.user_id
        self.database.put(table, row)
        self._note(table, old, row)
        self.rollups.follow(table, old, row, writer.user_id)
        self.formulas.follow(table, record_id)
        self._automate(table, old, row, writer)

    def _note(self, table: Table, old: Row, row: Row) -> None:
        if table.definition.name == "Opportunity":
            opportunity_history.note(self.database, old, row)
            field_history.track(self.database, self.tracked, old, row)

    def check_lock(self, row: Row, writer: Writer) -> None:
        """Nobody edits what waits for an approval, but past the API; nobody a converted lead."""
        if row.get("IsConverted") is True:
            raise bad_data("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        if row["Id"] in self.locked and not writer.unbound:
            raise bad_data("ENTITY_IS_LOCKED", "the entity is locked for editing")

    def _seen(self, table: Table, writer: Writer) -> ObjectDefinition:
        """The object as the writer sees it. Raises INVALID_TYPE for one they do not."""
        if writer.unbound:
            return table.definition
        found = self.access.view(table, writer.user_id)
        if found is None:
            raise unknown_type(table.definition.name)
        if found.name in GRANTS and not self.access.is_admin(writer.user_id):
            raise bad_data(
                "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"
            )
        return found

    def _automate(self, table: Table, old: Row, row: Row, writer: Writer) -> None:
        """What the admin's automations make of a write; no rule stands in their way."""
        found = self.automations.rewrites((table.definition.name.lower(),), old, row)
        for user, values in found:
            moment = writer.moment or self.now()
            if user is not None:
                moment += timedelta(seconds=LATER_SECONDS)
            row = {**row, **values, "LastModifiedById": user or writer.user_id}
            row["LastModifiedDate"] = row["SystemModstamp"] = stamp(moment)
            self.database.put(table, {name: one for name, one in row.items() if one is not None})

    def delete(self, table: Table, record_id: str, writer: Writer) -> None:
        """To the recycle bin, with what hangs on it by cascade. Raises ApiError."""
        if not (self._seen(table, writer).deletable or writer.unbound):
            raise _not_supported(table.definition, "delete")
        row = self.existing(table, record_id)
        self.check_lock(row, writer)
        moment = stamp(writer.moment or self.now())
        audit = {"LastModifiedById": writer.user_id, "LastModifiedDate": moment}
        self.database.put(table, {**row, **audit, "IsDeleted": True, "SystemModstamp": moment})
        self.rollups.follow(table, row, {}, writer.user_id)
        self._let_go(table, record_id, writer)

    def merge(self, table: Table, loser: str, master: str, writer: Writer) -> None:
        """Deletes the loser, names its master on it, and moves its children to the master."""
        if table.definition.field("MasterRecordId") is None or loser == master:
            raise _not_supported(table.definition, "merge")
        row = self.existing(table, loser)
        self.existing(table, master)
        moment = stamp(writer.moment or self.now())
        audit = {
            "LastModifiedById": writer.user_id,
            "LastModifiedDate": moment,
            "SystemModstamp": moment,
        }
        gone = {"IsDeleted": True, "MasterRecordId": master}
        self.database.put(table, {**row, **audit, **gone})
        self.database.put(table, {**table.rows[master], **audit})
        for child, field, found in self._children(table, loser):
            self.database.put(child, {**found, field.name: master, "SystemModstamp": moment})

    def undelete(self, table: Table, record_id: str, writer: Writer) -> None:
        """Out of the recycle bin again, without what went with it. Raises ApiError."""
        row = table.rows.get(record_id)
        if row is None or not row["IsDeleted"] or row.get("MasterRecordId"):
            raise bad_data(
                "UNDELETE_FAILED", "Entity is not in the recycle bin, or its parent is not there"
            )
        check_unique(table, row, row)
        moment = stamp(writer.moment or self.now())
        audit = {"LastModifiedById": writer.user_id, "LastModifiedDate": moment}
        back = {**row, **audit, "IsDeleted": False, "SystemModstamp": moment}
        self.database.put(table, back)
        self.rollups.follow(table, {}, back, writer.user_id)

    def existing(self, table: Table, record_id: str) -> Row:
        """The live row with this 18-character id. Raises NOT_FOUND or ENTITY_IS_DELETED."""
        row = table.rows.get(record_id)
        if row is None:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        if row["IsDeleted"]:
            raise ApiError(404, "ENTITY_IS_DELETED", "entity is deleted", [])
        return row

    def load(self, table: Table, values: Mapping[str, Any], default_user: str) -> str:
        """A record as it is, with its own id and audit fields where given. Raises ApiError for
        unknown fields and values of a wrong type."""
        definition = table.definition
        row: Row = {**definition.defaults, "IsDeleted": False}
        for name, value in values.items():
            if name == "attributes":
                continue
            field = known_field(definition, name)
            row[field.name] = convert(field, value)
        row = {name: value for name, value in row.items() if value is not None}
        moment = stamp(self.now())
        created = row.setdefault("CreatedDate", moment)
        modified = row.setdefault("LastModifiedDate", created)
        row.setdefault("SystemModstamp", modified)
        for name in _PEOPLE:
            row.setdefault(name, default_user)
        if definition.field("OwnerId") is not None:
            row.setdefault("OwnerId", default_user)
        if "Id" not in row:
            row["Id"] = self.database.new_id(table)
        self._derived.fill(definition, row, values)
        self.formulas.fill(definition, row, None)
        row = {name: value for name, value in row.items() if value is not None}
        self.database.put(table, row)
        self._note(table, {}, row)
        return str(row["Id"])

    def _fill_defaults(self, definition: ObjectDefinition, row: Row, writer: Writer) -> None:
        if definition.field("OwnerId") is not None and row.get("OwnerId") is None:
            row["OwnerId"] = writer.user_id
        code = definition.field("CurrencyIsoCode")
        if code is not None and row.get("CurrencyIsoCode") is None and code.choices:
            row["CurrencyIsoCode"] = self._corporate_currency()

    def _corporate_currency(self) -> str | None:
        table = self.database.table("CurrencyType")
        rows = table.live() if table else iter(())
        return next((row["IsoCode"] for row in rows if row["IsCorporate"]), None)

    def _finish(self, table: Table, row: Row, cleaned: Row, old: Row | None) -> None:
        """The checks that look at the whole record, and the fields that follow from others."""
        check_references(self.database, table.definition, cleaned, old)
        check_unique(table, row, cleaned)
        self._derived.fill(table.definition, row, cleaned)
        self.formulas.fill(table.definition, row, old)
        for name in [name for name, value in row.items() if value is None]:
            del row[name]
        self._formula_rules.check(table.definition.name, row, old)
        self.rules.check(table.definition.name, row)

    def _let_go(self, table: Table, record_id: str, writer: Writer) -> None:
        """Deletes children that go with their parent and clears the other lookups to it."""
        for child, field, row in self._children(table, record_id):
            if field.cascade:
                self.delete(child, row["Id"], writer)
            else:
                self._clear(child, row, field)

    def _children(
        self, table: Table, record_id: str
    ) -> Iterator[tuple[Table, FieldDefinition, Row]]:
        """Live records that refer to this one, each as it is when its turn comes."""
        for child in self.database.tables.values():
            if child.definition.name in _HISTORIES:
                continue  # they stay with their opportunity, in the recycle bin too
            for field in child.definition.references:
                if table.definition.name not in field.reference_to:
                    continue
                for row in [row for row in child.live() if row.get(field.name) == record_id]:
                    yield child, field, row

    def _clear(self, table: Table, row: Row, field: FieldDefinition) -> None:
        cleared = {name: value for name, value in row.items() if name != field.name}
        cleared["SystemModstamp"] = stamp(self.now())
        self.database.put(table, cleared)


def own_id(table: Table, text: object) -> str:
    """The 18-character id of a record of this object. Raises MALFORMED_ID."""
    found = long_id(text)
    if found is None or found[:3] != table.definition.prefix:
        raise bad_data("MALFORMED_ID", f"malformed id {text}")
    return found


def _required(missing: list[str]) -> ApiError:
    message = f"Required fields are missing: [{', '.join(missing)}]"
    return bad_data("REQUIRED_FIELD_MISSING", message, *missing)


def _not_supported(definition: ObjectDefinition, operation: str) -> ApiError:
    return bad_data(
        "INVALID_TYPE_FOR_OPERATION",
        f"entity type {definition.name} does not support {operation}",
    )
