"""Rows to work on, and what the tests ask of records."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from prmsync.connector.protocol import Connector, NewRecord, ObjectSpec, Page, Record
from prmsync.connector.testing.bench import Bench
from prmsync.connector.testing.case import ContractCase, RelationCase
from prmsync.domain.values import Values

FOREVER = 3600.0
"""Seconds after which no look-back reaches an earlier edit any more."""


def key_of(number: int) -> str:
    return str(uuid.UUID(int=number + 2**64))


def new_row(case: ContractCase, number: int) -> NewRecord:
    return NewRecord(key_of(number), case.new(number))


def create_many(connector: Connector, case: ContractCase, count: int) -> list[str]:
    rows = [new_row(case, number) for number in range(count)]
    ids: list[str] = []
    for start in range(0, count, connector.batch_size):
        results = connector.create(case.spec, rows[start : start + connector.batch_size])
        assert [result.error for result in results if result.error] == []
        ids += [str(result.id) for result in results]
    return ids


def read_to_quiet(bench: Bench, case: ContractCase) -> str:
    """The cursor of a run whose look-back does not reach what was written so far."""
    bench.clock.advance(FOREVER)
    cursor = list(bench.connector().changes(case.spec, None))[-1].cursor
    assert cursor is not None
    return cursor


def records_of(pages: Iterable[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def holds(values: Values, expected: Values) -> bool:
    return {name: values.get(name) for name in expected} == expected


def never_given_out(record_id: str) -> str:
    """An id of the right form that no record has: the given one with its middle changed."""
    middle = len(record_id) // 2
    digit = "8" if record_id[middle] != "8" else "7"
    return record_id[:middle] + digit + record_id[middle + 1 :]


def relation_values(connector: Connector, relation: RelationCase) -> Values:
    spec: ObjectSpec = relation.spec
    assert spec.relation is not None
    values: Values = {spec.relation.role_field: relation.roles[0]}
    for field, end, number in (
        (spec.relation.from_field, relation.from_end, 501),
        (spec.relation.to_field, relation.to_end, 502),
    ):
        (made,) = connector.create(end.spec, [NewRecord(key_of(number), end.values)])
        assert made.error is None
        values[field] = made.id
    return values
