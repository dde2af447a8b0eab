"""Writes by sObject Collections, up to 200 rows a call, or by Bulk jobs; each row has a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from prmsync.connector.protocol import Change, NewRecord, ObjectSpec, WriteResult
from prmsync.domain.values import Values
from prmsync.errors import GoneError, RejectedError
from prmsync_salesforce import bulk_ingest, conditional, converted, currency
from prmsync_salesforce.client import Client
from prmsync_salesforce.errors import row_error
from prmsync_salesforce.lanes import Lanes, is_locked, side_by_side
from prmsync_salesforce.rows import RowPlan, sendable

BATCH_SIZE = 200
Row = TypeVar("Row")
Valued = TypeVar("Valued", NewRecord, Change)
Json = Mapping[str, Any]

ALLOW_DUPLICATES = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
"""Saves what a duplicate rule alerts of; one that blocks still blocks (API 52 and later)."""


OWN_OWNERS = {"Sforce-Auto-Assign": "FALSE"}
"""No assignment rule of the org decides the owner of what is written: without this header one does,
on accounts, cases and leads. A Bulk job runs one only where it names one."""


def takes_jobs(spec: ObjectSpec) -> bool:
    """Whether many rows of a stream may go by Bulk jobs. A job knows no header that saves what a
    duplicate rule alerts of; relations are kept to collections, where each row is looked at."""
    return spec.relation is None and not spec.allow_duplicates


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes one stream. `plan` says how its values look, `lanes` how many calls go together."""

    client: Client
    plan: RowPlan
    lanes: Lanes
    sleep: Callable[[float], None]
    bulk_rows: int = 0
    """More rows than these go by a Bulk job; 0 is never."""

    def create(self, rows: Sequence[NewRecord]) -> list[WriteResult]:
        """Upsert on the external key; relations, which have none, by a plain create."""
        return self._without_foreign(rows, self._create)

    def update(self, rows: Sequence[Change]) -> list[WriteResult]:
        """Change the named fields only; None clears one."""
        results = self._without_foreign(rows, self._update)
        converted.name_heirs(self.client, [row.id for row in rows], results)
        return results

    def _without_foreign(
        self, rows: Sequence[Valued], write: Callable[[Sequence[Valued]], list[WriteResult]]
    ) -> list[WriteResult]:
        """Write all rows but those in a currency that the org does not have."""
        refused = {place: error for place, row in enumerate(rows) if (error := self._foreign(row))}
        left = [row for place, row in enumerate(rows) if place not in refused]
        told = iter(write(left) if left else ())
        return [
            WriteResult(error=refused[place]) if place in refused else next(told)
            for place in range(len(rows))
        ]

    def _foreign(self, row: NewRecord | Change) -> RejectedError | None:
        found = (
            currency.refusal(self.plan.column(name), row.values.get(name))
            for name in self.plan.constants
        )
        return next((error for error in found if error is not None), None)

    def _create(self, rows: Sequence[NewRecord]) -> list[WriteResult]:
        key = self.plan.spec.key
        if self.plan.spec.relation is not None or key is None:
            records = [self._record(row.values) for row in rows]
            return self._sent(records, self._post, self._parents(rows))
        job = bulk_ingest.Batch("upsert", self.plan.field(key), [(r.key, r.values) for r in rows])
        told = self._by_job(job)
        if told is not None:
            return _resent(rows, told, self._one_by_one().create)
        records = [self._record({**row.values, key: row.key}) for row in rows]
        return self._sent(records, self._upsert, self._parents(rows))

    def _by_job(self, batch: bulk_ingest.Batch) -> list[WriteResult] | None:
        """None where these rows are too few for a job, or there is none for them."""
        if not 0 < self.bulk_rows < len(batch.rows) or not takes_jobs(self.plan.spec):
            return None
        return bulk_ingest.send(self.client, self.plan, batch, self.sleep)

    def _one_by_one(self) -> Writer:
        return replace(self, bulk_rows=0)

    def _update(self, rows: Sequence[Change]) -> list[WriteResult]:
        if self.plan.spec.relation is not None:
            raise RejectedError(
                f"{self.plan.object} records cannot be changed",
                hint="Salesforce takes only a delete and a create here.",
            )
        parents = [row.beside for row in rows]
        if self.plan.spec.strict:
            guarded = [
                conditional.Guarded(row.id, row.version, self._record(row.values)) for row in rows
            ]
            return self._sent(guarded, self._conditional, parents, conditional.PARTS)
        told = self._by_job(bulk_ingest.Batch("update", "Id", [(r.id, r.values) for r in rows]))
        if told is not None:
            return _resent(rows, told, self._one_by_one().update)
        records = [{"id": row.id, **self._record(row.values)} for row in rows]
        return self._sent(records, self._patch, parents)

    def delete(self, ids: Sequence[str]) -> list[WriteResult]:
        """Into the recycle bin; what is there already counts as done."""
        told = self._by_job(bulk_ingest.Batch("delete", "Id", [(one, {}) for one in ids]))
        if told is not None:
            done = [_deleted(one, result) for one, result in zip(ids, told, strict=True)]
            return _resent(ids, done, self._one_by_one().delete)
        return self.lanes.send(ids, self._remove, BATCH_SIZE)

    def _sent(
        self,
        records: list[Any],
        call: Callable[[Sequence[Any]], list[WriteResult]],
        parents: Sequence[str],
        size: int = BATCH_SIZE,
    ) -> list[WriteResult]:
        order = side_by_side(parents)
        results = self.lanes.send([records[place] for place in order], call, size)
        placed = dict(zip(order, results, strict=True))
        return [placed[place] for place in range(len(records))]

    def _post(self, records: Sequence[Json]) -> list[WriteResult]:
        results = self._collection("POST", "", records)
        return [self._result(item, created=True) for item in results]

    def _upsert(self, records: Sequence[Json]) -> list[WriteResult]:
        path = f"/{self.plan.object}/{self.plan.field(str(self.plan.spec.key))}"
        results = self._collection("PATCH", path, records)
        return [self._result(item, created=bool(item.get("created"))) for item in results]

    def _patch(self, records: Sequence[Json]) -> list[WriteResult]:
        results = self._collection("PATCH", "", records)
        return [
            self._result({"id": record["id"], **item})
            for record, item in zip(records, results, strict=True)
        ]

    def _conditional(self, rows: Sequence[conditional.Guarded]) -> list[WriteResult]:
        return conditional.update(self.client, self.plan.object, rows, self._headers())

    def _remove(self, ids: Sequence[str]) -> list[WriteResult]:
        params = {"ids": ",".join(ids), "allOrNone": "false"}
        results = self.client.collection("DELETE", "", len(ids), params=params)
        return [
            _deleted(record_id, self._result(item))
            for record_id, item in zip(ids, results, strict=True)
        ]

    def _collection(self, method: str, path: str, records: Sequence[Json]) -> list[dict[str, Any]]:
        body = {"allOrNone": False, "records": records}
        return self.client.collection(
            method, path, len(records), body=body, headers=self._headers()
        )

    def _headers(self) -> Mapping[str, str]:
        return OWN_OWNERS | (ALLOW_DUPLICATES if self.plan.spec.allow_duplicates else {})

    def _record(self, values: Values) -> dict[str, Any]:
        record: dict[str, Any] = {"attributes": {"type": self.plan.object}}
        for name, value in values.items():
            field = self.plan.column(name)
            if field.constant is None:
                record[field.name] = sendable(value, field)
        return record

    def _parents(self, rows: Sequence[NewRecord]) -> list[str]:
        """The first record that each new one hangs on, by which rows lock each other out."""
        if not rows:
            return []
        names = self.plan.parents(rows[0].values)
        return [
            next((str(row.values.get(n)) for n in names if row.values.get(n)), "") for row in rows
        ]

    def _result(self, item: Json, *, created: bool = False) -> WriteResult:
        if item.get("success"):
            return WriteResult(id=item["id"], created=created)
        return WriteResult(error=row_error(item.get("errors") or (), self.client.record_url))


def _deleted(record_id: str, result: WriteResult) -> WriteResult:
    gone = isinstance(result.error, GoneError) or result.error is None
    return WriteResult(id=record_id) if gone else result


def _resent(
    rows: Sequence[Row],
    told: list[WriteResult],
    again: Callable[[Sequence[Row]], list[WriteResult]],
) -> list[WriteResult]:
    """A job's results, its locked rows sent once more by themselves."""
    places = [place for place, result in enumerate(told) if is_locked(result)]
    if places:
        results = again([rows[place] for place in places])
        for place, result in zip(places, results, strict=True):
            told[place] = result
    return told
