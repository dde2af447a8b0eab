"""Set-up records: what deployments leave behind that can be queried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prmsync_salesforce.simulator.database import Row, Table
from prmsync_salesforce.simulator.org import Org
from prmsync_salesforce.simulator.seed import CRM_USER
from prmsync_salesforce.simulator.values import stamp


def upsert_setup(org: Org, object_name: str, key: Mapping[str, Any], **values: Any) -> bool:
    """Store a set-up record under its key values; True when there was none yet."""
    table = org.database.tables[object_name]
    found = find_setup(table, key)
    write_setup(org, table, found, {**key, **values})
    return found is None


def find_setup(table: Table, key: Mapping[str, Any]) -> Row | None:
    """The live record with these values."""
    for row in table.live():
        if all(row.get(name) == value for name, value in key.items()):
            return row
    return None


def write_setup(org: Org, table: Table, old: Row | None, values: Mapping[str, Any]) -> str:
    """Store a set-up record, a new one without `old`; its id."""
    moment = stamp(org.now())
    row: Row = dict(old or {**table.definition.defaults, "IsDeleted": False})
    if old is None:
        row |= {"Id": org.database.new_id(table), "CreatedDate": moment, "CreatedById": CRM_USER}
    row |= {"LastModifiedDate": moment, "LastModifiedById": CRM_USER, "SystemModstamp": moment}
    row |= values
    org.database.put(table, {name: value for name, value in row.items() if value is not None})
    return str(row["Id"])
