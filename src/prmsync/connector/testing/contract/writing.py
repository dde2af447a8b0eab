"""Creates, updates and deletes."""

from __future__ import annotations

from prmsync.connector.protocol import Change, Connector, NewRecord
from prmsync.connector.testing.bench import Bench
from prmsync.connector.testing.case import ContractCase
from prmsync.connector.testing.contract.rows import create_many, holds, key_of, new_row
from prmsync.errors import ConnectorError, RejectedError


class WritingContract:
    """Each row has its own result."""

    def test_creating_again_makes_no_second_record(
        self, connector: Connector, case: ContractCase
    ) -> None:
        rows = [new_row(case, number) for number in range(3)]
        first = connector.create(case.spec, rows)
        second = connector.create(case.spec, rows)
        assert [result.id for result in first] == [result.id for result in second]
        assert all(result.created for result in first)
        assert not any(result.created for result in second)

    def test_a_refused_row_keeps_its_place_and_the_others_are_written(
        self, connector: Connector, case: ContractCase
    ) -> None:
        good, other = new_row(case, 1), new_row(case, 2)
        refused = NewRecord(key_of(3), case.refused)
        results = connector.create(case.spec, [good, refused, other])
        assert [result.id is not None for result in results] == [True, False, True]
        assert isinstance(results[1].error, RejectedError)
        assert set(connector.find(case.spec, [good.key, refused.key, other.key])) == {
            good.key,
            other.key,
        }

    def test_an_update_writes_the_named_fields_only(
        self, connector: Connector, case: ContractCase
    ) -> None:
        (record_id,) = create_many(connector, case, 1)
        name, value = case.changed
        (result,) = connector.update(case.spec, [Change(record_id, {name: value})])
        assert result.error is None
        assert result.id == record_id
        now = connector.fetch(case.spec, [record_id])[record_id].values
        assert now[name] == value
        assert holds(now, {field: was for field, was in case.new(0).items() if field != name})

    def test_none_clears_a_field(self, connector: Connector, case: ContractCase) -> None:
        (record_id,) = create_many(connector, case, 1)
        connector.update(case.spec, [Change(record_id, {case.cleared: None})])
        assert connector.fetch(case.spec, [record_id])[record_id].values[case.cleared] is None

    def test_an_update_of_a_deleted_record_fails_alone(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        kept, gone = create_many(connector, case, 2)
        bench.user_deletes(case.spec.object, gone)
        name, value = case.changed
        changes = [Change(gone, {name: value}), Change(kept, {name: value})]
        results = connector.update(case.spec, changes)
        assert isinstance(results[0].error, ConnectorError)
        assert results[1].error is None

    def test_deleting_twice_is_done_both_times(
        self, connector: Connector, case: ContractCase
    ) -> None:
        made = create_many(connector, case, 2)
        for _ in range(2):
            results = connector.delete(case.spec, made)
            assert [result.error for result in results] == [None, None]
        assert all(record.deleted for record in connector.fetch(case.spec, made).values())

    def test_a_whole_batch_is_one_write_call(
        self, connector: Connector, case: ContractCase
    ) -> None:
        rows = [new_row(case, number) for number in range(connector.batch_size)]
        results = connector.create(case.spec, rows)
        assert connector.usage().calls["write"] == 1
        connector.update(
            case.spec, [Change(str(result.id), dict([case.changed])) for result in results]
        )
        assert connector.usage().calls["write"] == 2

    def test_no_rows_are_no_call(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        connector.account()
        connector.describe(case.spec.object)
        calls = bench.calls()
        assert connector.create(case.spec, []) == []
        assert connector.update(case.spec, []) == []
        assert connector.delete(case.spec, []) == []
        assert connector.fetch(case.spec, []) == {}
        assert connector.find(case.spec, []) == {}
        assert bench.calls() == calls

    def test_canonical_values_read_back_as_written(
        self, connector: Connector, case: ContractCase
    ) -> None:
        (record_id,) = create_many(connector, case, 1)
        for name, values in case.round_trip.items():
            for value in values:
                (result,) = connector.update(case.spec, [Change(record_id, {name: value})])
                assert result.error is None, (name, value)
                read = connector.fetch(case.spec, [record_id])[record_id].values[name]
                assert read == value, name
