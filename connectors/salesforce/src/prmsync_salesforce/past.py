"""How opportunities stood before, from what the org keeps of it.

OpportunityHistory has a row for each change of stage, amount, probability or close date, for good.
OpportunityFieldHistory has one for each change of a field that the org tracks (object manager, Set
History Tracking), for 18 to 24 months: it is asked for what the first does not know, such as an
amount of the org's own. Its values cannot be filtered by. Source: Salesforce's object reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from prmsync.connector.protocol import PastValues
from prmsync.connector.values import parse_moment
from prmsync.domain.values import Values
from prmsync.errors import SchemaError
from prmsync_salesforce import soql
from prmsync_salesforce.client import Client
from prmsync_salesforce.rows import RowPlan

HISTORY, FIELD_HISTORY = "OpportunityHistory", "OpportunityFieldHistory"
_KEPT = frozenset({"StageName", "Amount", "CloseDate", "CurrencyIsoCode"})
"""Fields whose past OpportunityHistory tells."""
_TOLD = ("OpportunityId", "Field", "OldValue", "NewValue", "CreatedDate")
_BEFORE = timedelta(milliseconds=1)

Rows = list[dict[str, Any]]


def past(
    client: Client, plan: RowPlan, ids: Sequence[str], names: Sequence[str]
) -> list[PastValues]:
    """Everything that both histories tell of these fields of these opportunities."""
    if plan.object != "Opportunity":
        return []
    known = [name for name in names if name in plan.by_name and name not in plan.constants]
    kept = [name for name in known if plan.field(name) in _KEPT]
    found = _kept(client, plan, ids, kept)
    tracked = {plan.field(name): name for name in known if name not in kept}
    if not tracked:
        return found
    begun: dict[str, datetime] = {}
    for one in found:
        begun[one.id] = min(one.at, begun.get(one.id, one.at))
    return [*found, *_tracked(client, plan, ids, tracked, begun)]


def _kept(
    client: Client, plan: RowPlan, ids: Sequence[str], names: Sequence[str]
) -> list[PastValues]:
    fields = [*dict.fromkeys(plan.field(name) for name in names), "OpportunityId", "CreatedDate"]
    rows = _asked(client, fields, HISTORY, ids)
    return [
        PastValues(row["OpportunityId"], parse_moment(row["CreatedDate"]), values)
        for row, values in zip(rows, _values(plan, rows, names), strict=True)
    ]


def _tracked(
    client: Client,
    plan: RowPlan,
    ids: Sequence[str],
    tracked: Mapping[str, str],
    begun: Mapping[str, datetime],
) -> Iterator[PastValues]:
    """`tracked`: field of the org → as the mapping calls it; `begun`: since when each opportunity
    is known, which is how long its first value held. An org that tracks nothing may lack the
    object."""
    fields = ", ".join(map(soql.quoted, tracked))
    try:
        rows = _asked(client, _TOLD, FIELD_HISTORY, ids, f"Field IN ({fields})")
    except SchemaError:
        return
    names = list(tracked.values())
    old = _values(plan, [{**row, row["Field"]: row["OldValue"]} for row in rows], names)
    new = _values(plan, [{**row, row["Field"]: row["NewValue"]} for row in rows], names)
    seen: set[tuple[str, str]] = set()
    for row, before, after in zip(rows, old, new, strict=True):
        record, name, at = (
            row["OpportunityId"],
            tracked[row["Field"]],
            parse_moment(row["CreatedDate"]),
        )
        if (record, name) not in seen:
            seen.add((record, name))
            first = min(begun.get(record, at), at - _BEFORE)
            yield PastValues(record, first, {name: before[name]})
        yield PastValues(record, at, {name: after[name]})


def _asked(
    client: Client, fields: Sequence[str], of: str, ids: Sequence[str], also: str = ""
) -> Rows:
    """Rows of some opportunities, of each in the order of their time."""
    room = soql.URL_ROOM - (len(soql.select(fields, of)) + len(also)) * 2
    found: Rows = []
    for condition in soql.in_lists("OpportunityId", filter(soql.is_id, ids), room):
        where = f"{condition} AND {also}" if also else condition
        for answer in client.query("history", soql.select(fields, of, where, "CreatedDate, Id")):
            found += answer.rows
    return found


def _values(plan: RowPlan, rows: Rows, names: Sequence[str]) -> list[Values]:
    records = plan.records([{**row, "Id": row["OpportunityId"]} for row in rows])
    return [{name: one.values[name] for name in names} for one in records]
