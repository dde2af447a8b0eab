"""What an admin sets up in the org, by `--schema` or by control paths while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prmsync.connector.simulator.chassis import Control
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.ids import long_id
from prmsync_salesforce.simulator.leads import convert_lead
from prmsync_salesforce.simulator.metadata.setup import upsert_setup
from prmsync_salesforce.simulator.org import Org, Writer
from prmsync_salesforce.simulator.renames import rename_choice
from prmsync_salesforce.simulator.seed import CRM_USER

KEYS = ("duplicate_rules", "field_security", "rollups", "validation_rules")


class SetUp:
    """Rules, roll-ups, field-level security, approval locks, and what only people do to records."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._adders: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "duplicate_rules": self._add_duplicate_rule,
            "field_security": self._add_field_security,
            "rollups": org.rollups.add,
            "validation_rules": self._add_validation_rule,
        }

    def take(self, schema: Mapping[str, Any]) -> None:
        """The lists of `--schema` under `KEYS`. Raises ValueError, ApiError."""
        for key, add in self._adders.items():
            for raw in schema.get(key, ()):
                add(raw)

    def dump(self) -> dict[str, Any]:
        """All rules and locks, as `restore` takes them."""
        return {
            "duplicate_rules": self._org.duplicates.as_json(),
            "rollups": self._org.rollups.as_json(),
            "validation_rules": self._org.rules.as_json(),
            "approval_locks": sorted(self._org.locked),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Replace rules and locks by what `dump` gave. Raises ValueError, ApiError."""
        self._org.duplicates.clear()
        self._org.rollups.clear()
        self._org.rules.clear()
        self._org.locked.clear()
        self._org.locked.update(state.get("approval_locks", ()))
        self.take(state)

    def controls(self) -> dict[str, Control]:
        """Control paths: one item is posted to add it, GET lists what there is."""
        return {
            "approval_locks": self._locks,
            "convert_lead": self._convert,
            "duplicate_rules": lambda body: self._listed("duplicate_rules", body),
            "field_security": lambda body: self._listed("field_security", body),
            "rename_choice": lambda body: {"records": rename_choice(self._org, body or {})},
            "rollups": lambda body: self._listed("rollups", body),
            "undelete": self._undelete,
            "validation_rules": lambda body: self._listed("validation_rules", body),
        }

    def _listed(self, key: str, body: Mapping[str, Any] | None) -> Any:
        if body is not None:
            try:
                self._adders[key](body)
            except (ApiError, TypeError) as error:
                raise ValueError(str(error)) from error
        lists: dict[str, Any] = {
            "duplicate_rules": self._org.duplicates.as_json(),
            "field_security": self._org.access.dump(),
            "rollups": self._org.rollups.as_json(),
            "validation_rules": self._org.rules.as_json(),
        }
        return {key: lists[key]}

    def _add_duplicate_rule(self, raw: Mapping[str, Any]) -> None:
        rule = self._org.duplicates.add(raw)
        key = {"SobjectType": rule.object, "DeveloperName": rule.name}
        upsert_setup(self._org, "DuplicateRule", key, MasterLabel=rule.name, IsActive=True)

    def _add_validation_rule(self, raw: Mapping[str, Any]) -> None:
        self._org.rules.add(raw)
        name = str(raw.get("name", f"{raw['object']}_Rule"))
        upsert_setup(
            self._org,
            "ValidationRule",
            {"EntityDefinitionId": raw["object"], "ValidationName": name},
            Active=True,
            ErrorMessage=raw["message"],
            ErrorDisplayField=raw.get("field"),
        )

    def _add_field_security(self, raw: Mapping[str, Any]) -> None:
        """`{"object", "fields": [name, …]}`: only permission sets show these from now on."""
        table = self._org.database.table(str(raw.get("object")))
        names = raw.get("fields")
        if table is None or not isinstance(names, list):
            raise ValueError('field security needs a known "object" and a list of "fields"')
        found = [table.definition.field(str(name)) for name in names]
        if None in found:
            raise ValueError(f"{table.definition.name} does not have all of these fields")
        self._org.access.need_grant(
            table.definition.name, [field.name for field in found if field is not None]
        )

    def _locks(self, body: Mapping[str, Any] | None) -> Any:
        """`{"id", "locked": true | false}`: an approval process takes and gives back a record."""
        if body is not None:
            record_id = _id(body)
            if not isinstance(body.get("locked"), bool):
                raise ValueError('an approval lock needs "locked": true or false')
            change = self._org.locked.add if body["locked"] else self._org.locked.discard
            change(record_id)
        return {"locked": sorted(self._org.locked)}

    def _undelete(self, body: Mapping[str, Any] | None) -> Any:
        record_id = _id(body)
        table = self._org.database.table_of(record_id)
        if table is None:
            raise ValueError(f"no object has ids like {record_id}")
        return self._tried(lambda: self._org.undelete(table, record_id, _person()), record_id)

    def _convert(self, body: Mapping[str, Any] | None) -> Any:
        record_id = _id(body)
        wanted = (body or {}).get("opportunity", True)
        if not isinstance(wanted, bool):
            raise ValueError('"opportunity" must be true or false')
        return self._tried(
            lambda: convert_lead(self._org, record_id, _person(), opportunity=wanted), record_id
        )

    def _tried(self, work: Callable[[], Any], record_id: str) -> dict[str, Any]:
        try:
            return {"id": record_id, **(work() or {})}
        except ApiError as error:
            raise ValueError(f"{error.code}: {error.message}") from error


def _person() -> Writer:
    return Writer(CRM_USER, unbound=True)


def _id(body: Mapping[str, Any] | None) -> str:
    record_id = long_id((body or {}).get("id"))
    if record_id is None:
        raise ValueError('the record\'s "id" must be posted')
    return record_id
