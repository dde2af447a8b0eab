"""Reads records: changes since a cursor, by id, by external key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prmsync.connector.protocol import Page, Record, RelationSpec, relation_key
from prmsync.connector.values import in_utc, parse_moment
from prmsync.connector.values import moment as canonical_moment
from prmsync.errors import GoneError, RejectedError, SchemaError
from prmsync_salesforce import bulk_query, soql, ways
from prmsync_salesforce.client import Answer, Client, SubAnswer, query_path
from prmsync_salesforce.codes import LocatorExpiredError
from prmsync_salesforce.cursor import LOOK_BACK, cursor_of, parse_cursor
from prmsync_salesforce.errors import call_error
from prmsync_salesforce.lanes import Lanes
from prmsync_salesforce.rows import RowPlan

_LOGGED = timedelta(days=14, hours=23)
"""How far back the log of deletions is asked: an hour less than Salesforce keeps it."""
RETRIEVE_LIMIT = 2000
"""Ids of one retrieve call (sObject Collections, with a request body)."""

LISTED = 500
"""Records of one page of a listing: a query gives that many in one answer."""
KEYED = 500
"""Records with a key of ours that a first read looks at before it stores anything."""
_QUERIES = 5
"""Of one composite call."""

_RESTARTS = 3
"""Times in a row that a query may lose its place without getting any further."""


Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class BulkRows:
    """A page of a Bulk job, field by field."""

    columns: bulk_query.Columns


RawPage = tuple[Rows | BulkRows, str | None]
"""Rows, and the cursor that may be kept once they are stored."""


class Changes:
    """The pages of one `changes` call, in the order of SystemModstamp and id.

    A query sees the recycle bin only where there is a cursor: a first read has no use for what
    was deleted before it. Behind an expired locator it goes on after the last row that was read, by
    stamp and id: a mass load gives tens of thousands of rows one stamp.
    """

    def __init__(
        self,
        client: Client,
        plan: RowPlan,
        cursor: str | None,
        sleep: Callable[[float], None],
        bulk_rows: int = 0,
        ahead: Executor | None = None,
        explain: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._plan = plan
        self._sleep = sleep
        self._explain = explain
        self._bulk_rows = bulk_rows if cursor is None else 0
        self._ahead = ahead
        self._since = None if cursor is None else parse_cursor(cursor)
        self._started = client.signed_in_at
        self._reached: datetime | None = None
        self._last_id = ""

    def raw_pages(self) -> Iterator[RawPage]:
        """Rows with the cursor that may be kept once they are stored. The last page's cursor is
        the CRM's time when the reading began (where it is not told, when the session began): what
        was written since then comes next time."""
        for answer in self._answers():
            if 0 < self._bulk_rows < answer.total:
                least = self._bulk_rows
                try:
                    yield from self._by_job()
                except bulk_query.NoJobError as error:
                    self._explain(ways.by_pages(self._plan.spec.stream, answer.total, error))
                    self._bulk_rows = 0
                else:
                    self._explain(ways.by_job(self._plan.spec.stream, answer.total, least))
                    return
            reached = self._reached
            if answer.last:
                reached = self._started
            yield answer.rows, None if reached is None else cursor_of(reached)

    def _by_job(self) -> Iterator[tuple[BulkRows, str | None]]:
        """Only the end has a cursor: a job's rows come in no order."""
        for columns in bulk_query.pages(self._client, self._plan, self._sleep):
            yield BulkRows(columns), None
        yield BulkRows([()] * len(self._plan.fields)), cursor_of(self._started)

    def _answers(self) -> Iterator[Answer]:
        restarts = 0
        while True:
            before = self._last_id
            try:
                yield from self._query()
            except LocatorExpiredError:
                restarts = 0 if self._last_id != before else restarts + 1
                if restarts > _RESTARTS:
                    raise
            else:
                return

    def _query(self) -> Iterator[Answer]:
        query = soql.select(
            self._plan.fields, self._plan.object, self._where(), "SystemModstamp, Id"
        )
        deleted = self._since is not None
        for answer in self._client.query("read", query, deleted=deleted, ahead=self._ahead):
            if self._reached is None:
                self._started = self._client.answered_at(answer) or self._started
            if answer.rows:
                self._reached = parse_moment(answer.rows[-1]["SystemModstamp"])
                self._last_id = str(answer.rows[-1]["Id"])
            yield answer

    def _where(self) -> str:
        if self._reached is not None:
            return soql.after(self._reached, self._last_id)
        if self._since is not None:
            return f"SystemModstamp >= {soql.time_literal(self._since - LOOK_BACK)}"
        return ""


def page(plan: RowPlan, rows: Rows | BulkRows, cursor: str | None) -> Page:
    """A page as the engine takes it; relations in roles that the mapping does not name are left
    out, deleted ones too."""
    records = plan.from_columns(rows.columns) if isinstance(rows, BulkRows) else plan.records(rows)
    relation = plan.spec.relation
    if relation is not None:
        records = [record for record in records if _ours(relation, record)]
    return Page(records, cursor)


def fetch(client: Client, plan: RowPlan, ids: Sequence[str], lanes: Lanes) -> dict[str, Record]:
    """Present records by retrieve, the others from the recycle bin, and of those that are in
    neither whether the log of deletions knows them."""
    asked = [record_id for record_id in dict.fromkeys(ids) if soql.is_id(record_id)]
    found: dict[str, Record] = {}
    parts = [asked[at : at + RETRIEVE_LIMIT] for at in range(0, len(asked), RETRIEVE_LIMIT)]
    answers = lanes.read(parts, lambda some: client.retrieve(plan.object, some, plan.fields))
    for some, rows in zip(parts, answers, strict=True):
        there = [(one, row) for one, row in zip(some, rows, strict=True) if row is not None]
        records = plan.records([row for _, row in there])
        found.update(zip((one for one, _ in there), records, strict=True))
    found |= _recycled(client, plan, [item for item in asked if item not in found])
    return found | _purged(client, plan, [item for item in asked if item not in found])


def listed(client: Client, plan: RowPlan, after: str) -> Page:
    """The next records in the order of their ids."""
    where = f"Id > {soql.quoted(after)}" if after else ""
    query = soql.select(plan.fields, plan.object, where, "Id") + f" LIMIT {LISTED}"
    rows = [row for answer in client.query("read", query) for row in answer.rows]
    return page(plan, rows, str(rows[-1]["Id"]) if len(rows) == LISTED else None)


def keyed(client: Client, plans: Sequence[RowPlan]) -> list[list[Record]]:
    """Of each object the records that carry an external key, with nothing but that key; five
    objects a call."""
    found: list[list[Record]] = []
    for at in range(0, len(plans), _QUERIES):
        some = {f"keys{place}": plan for place, plan in enumerate(plans[at : at + _QUERIES])}
        paths = {name: query_path(_having_a_key(plan)) for name, plan in some.items()}
        answers = client.composite("guard", paths)
        found += [_keys(plan, answers[name]) for name, plan in some.items()]
    return found


def _having_a_key(plan: RowPlan) -> str:
    name = plan.field(_key(plan))
    return soql.select(["Id", name], plan.object, f"{name} != null", "Id") + f" LIMIT {KEYED}"


def _keys(plan: RowPlan, answer: SubAnswer) -> list[Record]:
    if answer.status != 200:
        raise call_error(answer.status, answer.body, "guard")
    key = _key(plan)
    name = plan.field(key)
    return [Record(str(row["Id"]), "", {key: row[name]}) for row in answer.rows]


def _key(plan: RowPlan) -> str:
    if plan.spec.key is None:
        raise ValueError(f"{plan.spec.stream} has no external key")
    return plan.spec.key


def _recycled(client: Client, plan: RowPlan, ids: Sequence[str]) -> dict[str, Record]:
    by_id = {record.id[:15]: record for record in _looked_up(client, plan, "Id", ids, deleted=True)}
    return {asked: by_id[asked[:15]] for asked in ids if asked[:15] in by_id}


def _purged(client: Client, plan: RowPlan, ids: Sequence[str]) -> dict[str, Record]:
    """Records that left the recycle bin too: Salesforce's log names them for 15 days, or less under
    load. An object without such a log proves nothing."""
    if not ids:
        return {}
    now = client.crm_now
    span = {"start": in_utc(now - _LOGGED), "end": in_utc(now)}
    try:
        told = client.get("guard", f"/sobjects/{plan.object}/deleted", span)["deletedRecords"]
    except (SchemaError, RejectedError, GoneError):
        return {}
    by_id = {str(row["id"])[:15]: canonical_moment(row["deletedDate"]) for row in told}
    return {
        one: Record(one, str(by_id[one[:15]]), {}, deleted=True) for one in ids if one[:15] in by_id
    }


def find(client: Client, plan: RowPlan, keys: Sequence[str]) -> dict[str, Record]:
    """Records by external key, by an indexed query and never by search; of keys that none holds,
    what the recycle bin has."""
    if plan.spec.relation is not None:
        return _find_relations(client, plan, plan.spec.relation, keys)
    key = _key(plan)
    asked = {text.lower(): text for text in keys}
    found: dict[str, Record] = {}
    for record in _looked_up(client, plan, plan.field(key), keys):
        text = asked.get(str(record.values[key]).lower())
        if text is None:
            continue
        if text in found:
            raise _ambiguous(plan, key, found[text], record)
        found[text] = record
    return _last_deleted(client, plan, key, [one for one in keys if one not in found]) | found


def _last_deleted(
    client: Client, plan: RowPlan, key: str, keys: Sequence[str]
) -> dict[str, Record]:
    asked = {text.lower(): text for text in keys}
    found: dict[str, Record] = {}
    for record in _looked_up(client, plan, plan.field(key), keys, deleted=True):
        text = asked.get(str(record.values[key]).lower())
        if text is None or not record.deleted:
            continue
        if text not in found or found[text].version < record.version:
            found[text] = record
    return found


def _ambiguous(plan: RowPlan, key: str, one: Record, other: Record) -> SchemaError:
    return SchemaError(
        f"{plan.object} {one.id} and {other.id} hold the same {key}",
        hint="Clear it in the wrong one, and mark the field “Unique” in Salesforce.",
        fields=(key,),
    )


def _find_relations(
    client: Client, plan: RowPlan, relation: RelationSpec, keys: Sequence[str]
) -> dict[str, Record]:
    """By their opportunities, of which each has few partners; a partner has many opportunities."""
    by_from = relation.from_object.lower() == "opportunity"
    field = plan.field(relation.from_field if by_from else relation.to_field)
    ends = [parts[0 if by_from else 1] for key in keys if len(parts := key.split(":", 2)) == 3]
    asked = set(keys)
    records = _looked_up(client, plan, field, [end for end in ends if soql.is_id(end)])
    by_key = ((relation_key(plan.spec, record.values), record) for record in records)
    return {key: record for key, record in by_key if key in asked}


def _looked_up(
    client: Client, plan: RowPlan, field: str, values: Sequence[str], *, deleted: bool = False
) -> Iterator[Record]:
    room = soql.URL_ROOM - len(soql.select(plan.fields, plan.object)) * 2
    for condition in soql.in_lists(field, values, room):
        query = soql.select(plan.fields, plan.object, condition)
        for answer in client.query("guard", query, deleted=deleted):
            yield from plan.records(answer.rows)


def _ours(relation: RelationSpec, record: Record) -> bool:
    return record.values.get(relation.role_field) in relation.roles
