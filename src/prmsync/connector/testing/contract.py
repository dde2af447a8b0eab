"""What every connector must do. See `prmsync.connector.testing`."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterable
from datetime import timedelta

import pytest

from prmsync.connector.protocol import (
    Change,
    Connector,
    NewRecord,
    ObjectSpec,
    Page,
    Record,
    relation_key,
)
from prmsync.connector.testing.bench import Bench
from prmsync.connector.testing.case import ContractCase, RelationCase
from prmsync.domain.values import Values
from prmsync.errors import (
    AuthError,
    ConnectorError,
    OutcomeUnknownError,
    QuotaError,
    RejectedError,
    RetryableError,
    SchemaError,
)

FOREVER = 3600.0
"""Seconds after which no look-back reaches an earlier edit any more."""


class ConnectorContract:
    """Subclass it, name the class `Test…`, and give the fixtures `bench` and `case`."""

    @pytest.fixture
    def connector(self, bench: Bench) -> Connector:
        return bench.connector()

    @pytest.fixture
    def relation(self, case: ContractCase) -> RelationCase:
        if case.relation is None:
            pytest.skip("this CRM has no relation stream")
        return case.relation

    # Who and what

    def test_the_pinned_org_and_environment_are_accepted(self, bench: Bench) -> None:
        account = bench.connector().account()
        pinned = bench.connector(org=account.org_id, environment=account.environment)
        assert pinned.account() == account
        assert len(account.currency) == 3

    def test_another_org_than_pinned_is_refused_and_both_are_named(self, bench: Bench) -> None:
        mine = bench.connector().account().org_id
        with pytest.raises(AuthError) as caught:
            bench.connector(org="00D0000000OTHER").account()
        assert mine in str(caught.value)
        assert "00D0000000OTHER" in str(caught.value)

    def test_another_environment_than_pinned_is_refused(self, bench: Bench) -> None:
        mine = bench.connector().account().environment
        other = "sandbox" if mine == "production" else "production"
        with pytest.raises(AuthError, match=mine):
            bench.connector(environment=other).account()

    def test_records_of_another_org_than_pinned_are_not_even_read(
        self, bench: Bench, case: ContractCase
    ) -> None:
        connector = bench.connector(org="00D0000000OTHER")
        with pytest.raises(AuthError):
            list(connector.changes(case.spec, None))
        with pytest.raises(AuthError):
            connector.create(case.spec, [_row(case, 1)])
        assert "write" not in connector.usage().calls

    def test_wrong_credentials_are_an_auth_error_with_a_remedy(self, bench: Bench) -> None:
        wrong = dict.fromkeys(bench.settings.auth, "wrong")
        with pytest.raises(AuthError) as caught:
            bench.connector(auth=wrong).account()
        assert caught.value.hint

    def test_nothing_listening_is_retryable_and_says_where(self, bench: Bench) -> None:
        with pytest.raises(RetryableError) as caught:
            bench.connector(base_url="http://127.0.0.1:9").account()
        assert not isinstance(caught.value, OutcomeUnknownError)
        assert "http://127.0.0.1:9" in f"{caught.value.message} {caught.value.hint}"
        assert "base_url" in caught.value.hint

    def test_describe_shows_the_streams_fields(
        self, connector: Connector, case: ContractCase
    ) -> None:
        assert set(case.spec.fields) <= set(connector.describe(case.spec.object).fields)

    def test_describe_is_asked_once_a_session(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        first = connector.describe(case.spec.object)
        calls = bench.calls()
        assert connector.describe(case.spec.object) == first
        assert bench.calls() == calls

    def test_an_unknown_object_is_a_schema_error(self, connector: Connector) -> None:
        with pytest.raises(SchemaError):
            connector.describe("Prm_No_Such_Object")

    def test_an_unknown_field_is_a_schema_error_that_names_it(
        self, connector: Connector, case: ContractCase
    ) -> None:
        spec = dataclasses.replace(case.spec, fields=(*case.spec.fields, "no_such_field"))
        with pytest.raises(SchemaError) as caught:
            list(connector.changes(spec, None))
        assert "no_such_field" in caught.value.fields

    def test_people_have_ids_and_addresses(self, connector: Connector) -> None:
        people = connector.people()
        assert people
        assert len({person.id for person in people}) == len(people)
        assert all(person.email == person.email.lower() for person in people)

    # Reading

    def test_a_full_read_gives_every_record_once_and_ends_with_a_cursor(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        made = _create_many(connector, case, 2 * case.page_size + 5)
        bench.clock.advance(case.settle)
        pages = list(connector.changes(case.spec, None))
        ids = [record.id for record in _records(pages)]
        assert sorted(ids) == sorted(set(ids))
        assert set(made) <= set(ids)
        assert len(pages) >= 3
        assert pages[-1].cursor is not None

    def test_an_empty_account_still_gives_a_cursor(
        self, connector: Connector, case: ContractCase
    ) -> None:
        assert list(connector.changes(case.spec, None))[-1].cursor is not None

    def test_changes_are_what_was_edited_since_the_cursor(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        first, second = _create_many(connector, case, 2)
        cursor = _read_to_quiet(bench, case)
        bench.user_edits(case.spec.object, second, case.raw_edit)
        bench.clock.advance(case.settle)
        changed = {record.id: record for record in _records(connector.changes(case.spec, cursor))}
        assert first not in changed
        assert _has(changed[second].values, case.edited)

    def test_who_edited_a_record_is_told_apart_from_ourselves(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        mine, theirs = _create_many(connector, case, 2)
        bench.user_edits(case.spec.object, theirs, case.raw_edit)
        found = connector.fetch(case.spec, [mine, theirs])
        assert found[mine].modified_by != found[theirs].modified_by

    def test_an_edit_changes_the_version(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        (record_id,) = _create_many(connector, case, 1)
        before = connector.fetch(case.spec, [record_id])[record_id].version
        bench.clock.advance(5)
        bench.user_edits(case.spec.object, record_id, case.raw_edit)
        assert connector.fetch(case.spec, [record_id])[record_id].version > before

    def test_without_changes_the_cursor_moves_on_with_few_calls(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        _create_many(connector, case, 3)
        cursor = _read_to_quiet(bench, case)
        bench.clock.advance(FOREVER)
        connector = bench.connector()
        connector.describe(case.spec.object)
        calls = bench.calls()
        pages = list(connector.changes(case.spec, cursor))
        assert not _records(pages)
        assert bench.calls() - calls <= case.quiet_calls
        assert pages[-1].cursor not in (None, cursor)

    def test_a_delete_is_evidence(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        kept, gone = _create_many(connector, case, 2)
        cursor = _read_to_quiet(bench, case)
        bench.user_deletes(case.spec.object, gone)
        bench.clock.advance(case.settle)
        seen = {record.id: record for record in _records(connector.changes(case.spec, cursor))}
        if case.sees_deletes_in_changes:
            assert seen[gone].deleted
        assert kept not in seen
        assert connector.fetch(case.spec, [gone])[gone].deleted

    def test_many_edits_of_one_moment_all_come_across_page_edges(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        cursor = _read_to_quiet(bench, case)
        made = _create_many(connector, case, case.page_size + 7)
        bench.clock.advance(case.settle)
        seen = {record.id for record in _records(connector.changes(case.spec, cursor))}
        assert set(made) <= seen

    def test_a_late_commit_with_an_older_stamp_is_seen(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        (record_id,) = _create_many(connector, case, 1)
        cursor = _read_to_quiet(bench, case)
        late = bench.clock.now() - timedelta(seconds=case.look_back // 2)
        bench.clock.advance(30)
        bench.user_edits(case.spec.object, record_id, case.raw_edit, stamp=late)
        bench.clock.advance(case.settle)
        seen = {record.id: record for record in _records(connector.changes(case.spec, cursor))}
        assert _has(seen[record_id].values, case.edited)

    def test_a_cursor_of_any_page_can_be_taken_up(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        made = _create_many(connector, case, case.page_size + 7)
        bench.clock.advance(case.settle)
        seen: set[str] = set()
        cursor: str | None = None
        for page in connector.changes(case.spec, None):
            seen |= {record.id for record in page.records}
            cursor = page.cursor or cursor
            break
        seen |= {record.id for record in _records(bench.connector().changes(case.spec, cursor))}
        assert set(made) <= seen

    def test_fetch_tells_present_deleted_and_unknown_apart(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        present, gone = _create_many(connector, case, 2)
        bench.user_deletes(case.spec.object, gone)
        unknown = _never_given_out(present)
        found = connector.fetch(case.spec, [unknown, gone, present])
        assert not found[present].deleted
        assert _has(found[present].values, case.new(0))
        assert found[gone].deleted
        assert unknown not in found

    def test_fetch_takes_any_number_of_ids(self, connector: Connector, case: ContractCase) -> None:
        made = _create_many(connector, case, 2 * connector.batch_size + 3)
        assert set(connector.fetch(case.spec, made)) == set(made)

    def test_find_knows_records_by_key_at_once(
        self, connector: Connector, case: ContractCase
    ) -> None:
        rows = [_row(case, number) for number in range(3)]
        made = connector.create(case.spec, rows)
        found = connector.find(case.spec, [row.key for row in rows] + [str(uuid.UUID(int=9))])
        assert {key: record.id for key, record in found.items()} == {
            row.key: result.id for row, result in zip(rows, made, strict=True)
        }

    def test_a_record_made_by_hand_is_read_and_takes_our_key(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        if case.raw_new is None or case.spec.key is None:
            pytest.skip("users of this CRM make no such records by hand")
        theirs = bench.user_creates(case.spec.object, case.raw_new)
        bench.clock.advance(case.settle)
        seen = {record.id: record for record in _records(connector.changes(case.spec, None))}
        assert seen[theirs].values[case.spec.key] is None
        (result,) = connector.update(case.spec, [Change(theirs, {case.spec.key: _key(77)})])
        assert result.error is None
        assert connector.find(case.spec, [_key(77)])[_key(77)].id == theirs

    def test_a_merged_record_is_gone_and_names_the_one_that_stays(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        if case.merges is None:
            pytest.skip("this CRM merges otherwise")
        spec = case.merges.spec
        rows = [NewRecord(_key(number), case.merges.values) for number in (601, 602)]
        loser, master = (str(result.id) for result in connector.create(spec, rows))
        cursor = list(connector.changes(spec, None))[-1].cursor
        bench.user_merges(spec.object, loser, master)
        bench.clock.advance(case.settle)
        seen = {record.id: record for record in _records(connector.changes(spec, cursor))}
        for gone in (seen[loser], connector.fetch(spec, [loser])[loser]):
            assert gone.deleted
            assert gone.merged_into == master

    # Writing

    def test_creating_again_makes_no_second_record(
        self, connector: Connector, case: ContractCase
    ) -> None:
        rows = [_row(case, number) for number in range(3)]
        first = connector.create(case.spec, rows)
        second = connector.create(case.spec, rows)
        assert [result.id for result in first] == [result.id for result in second]
        assert all(result.created for result in first)
        assert not any(result.created for result in second)

    def test_a_refused_row_keeps_its_place_and_the_others_are_written(
        self, connector: Connector, case: ContractCase
    ) -> None:
        good, other = _row(case, 1), _row(case, 2)
        refused = NewRecord(_key(3), case.refused)
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
        (record_id,) = _create_many(connector, case, 1)
        name, value = case.changed
        (result,) = connector.update(case.spec, [Change(record_id, {name: value})])
        assert result.error is None
        assert result.id == record_id
        now = connector.fetch(case.spec, [record_id])[record_id].values
        assert now[name] == value
        assert _has(now, {field: was for field, was in case.new(0).items() if field != name})

    def test_none_clears_a_field(self, connector: Connector, case: ContractCase) -> None:
        (record_id,) = _create_many(connector, case, 1)
        connector.update(case.spec, [Change(record_id, {case.cleared: None})])
        assert connector.fetch(case.spec, [record_id])[record_id].values[case.cleared] is None

    def test_an_update_of_a_deleted_record_fails_alone(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        kept, gone = _create_many(connector, case, 2)
        bench.user_deletes(case.spec.object, gone)
        name, value = case.changed
        changes = [Change(gone, {name: value}), Change(kept, {name: value})]
        results = connector.update(case.spec, changes)
        assert isinstance(results[0].error, ConnectorError)
        assert results[1].error is None

    def test_deleting_twice_is_done_both_times(
        self, connector: Connector, case: ContractCase
    ) -> None:
        made = _create_many(connector, case, 2)
        for _ in range(2):
            results = connector.delete(case.spec, made)
            assert [result.error for result in results] == [None, None]
        assert all(record.deleted for record in connector.fetch(case.spec, made).values())

    def test_a_whole_batch_is_one_write_call(
        self, connector: Connector, case: ContractCase
    ) -> None:
        rows = [_row(case, number) for number in range(connector.batch_size)]
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
        (record_id,) = _create_many(connector, case, 1)
        for name, values in case.round_trip.items():
            for value in values:
                (result,) = connector.update(case.spec, [Change(record_id, {name: value})])
                assert result.error is None, (name, value)
                read = connector.fetch(case.spec, [record_id])[record_id].values[name]
                assert read == value, name

    # Relations

    def test_a_relation_is_created_found_and_deleted(
        self, connector: Connector, relation: RelationCase
    ) -> None:
        values = _relation_values(connector, relation)
        key = relation_key(relation.spec, values)
        assert connector.find(relation.spec, [key]) == {}
        (made,) = connector.create(relation.spec, [NewRecord(key, values)])
        assert made.error is None
        found = connector.find(relation.spec, [key])
        assert [record.id for record in found.values()] == [made.id]
        assert _has(found[key].values, values)
        (gone,) = connector.delete(relation.spec, [str(made.id)])
        assert gone.error is None
        assert connector.find(relation.spec, [key]) == {}

    def test_roles_that_the_mapping_does_not_name_are_not_read(
        self, connector: Connector, relation: RelationCase
    ) -> None:
        values = _relation_values(connector, relation)
        connector.create(relation.spec, [NewRecord(relation_key(relation.spec, values), values)])
        wanted = relation.spec.relation
        assert wanted is not None
        other = dataclasses.replace(wanted, roles=(relation.roles[1],))
        spec = dataclasses.replace(relation.spec, relation=other)
        assert len(_records(connector.changes(relation.spec, None))) == 1
        assert _records(connector.changes(spec, None)) == []

    # Bad days

    def test_a_lost_reply_is_an_unknown_outcome_and_find_tells_the_truth(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        written, unwritten = _row(case, 1), _row(case, 2)
        connector.describe(case.spec.object)
        for row, commit in ((written, True), (unwritten, False)):
            bench.fault(path=case.write_path, drop=True, commit=commit, times=1)
            before = connector.usage().calls.get("write", 0)
            with pytest.raises(OutcomeUnknownError):
                connector.create(case.spec, [row])
            assert connector.usage().calls["write"] == before + 1
            bench.mend()
        assert set(connector.find(case.spec, [written.key, unwritten.key])) == {written.key}

    @pytest.mark.parametrize("commit", [True, False])
    def test_a_lost_reply_to_an_update_is_an_unknown_outcome_and_fetch_tells_the_truth(
        self, bench: Bench, connector: Connector, case: ContractCase, commit: bool
    ) -> None:
        (record_id,) = _create_many(connector, case, 1)
        name, value = case.changed
        bench.fault(path=case.write_path, drop=True, commit=commit, times=1)
        with pytest.raises(OutcomeUnknownError):
            connector.update(case.spec, [Change(record_id, {name: value})])
        now = connector.fetch(case.spec, [record_id])[record_id].values[name]
        assert now == (value if commit else case.new(0)[name])

    def test_a_lost_page_is_asked_for_again(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        made = _create_many(connector, case, 3)
        bench.clock.advance(case.settle)
        bench.fault(path=case.read_path, drop=True, times=1)
        assert set(made) <= {record.id for record in _records(connector.changes(case.spec, None))}
        assert bench.clock.slept

    def test_a_session_that_ends_between_pages_is_renewed(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        made = _create_many(connector, case, case.page_size + 7)
        bench.clock.advance(case.settle)
        bench.fault(**{"path": case.read_path, "every_nth": 2, "times": 1, **case.token_expired})
        seen = [record.id for record in _records(connector.changes(case.spec, None))]
        assert set(made) <= set(seen)
        assert len(seen) == len(set(seen))

    def test_a_session_that_stays_refused_ends_in_an_auth_error(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        connector.describe(case.spec.object)
        bench.fault(**{"path": case.read_path, **case.token_expired})
        calls = bench.calls()
        with pytest.raises(AuthError):
            list(connector.changes(case.spec, None))
        assert bench.calls() - calls <= 4

    def test_too_many_calls_at_once_are_waited_for(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        made = _create_many(connector, case, 2)
        bench.clock.advance(case.settle)
        bench.fault(**{"path": case.read_path, "times": 2, **case.rate_limited})
        bench.fault(**{"path": case.write_path, "times": 1, **case.rate_limited})
        assert set(made) <= {record.id for record in _records(connector.changes(case.spec, None))}
        assert connector.create(case.spec, [_row(case, 7)])[0].error is None
        assert bench.clock.slept

    def test_the_days_limit_is_a_quota_error(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        connector.describe(case.spec.object)
        bench.fault(**{"path": case.read_path, **case.quota_used_up})
        with pytest.raises(QuotaError):
            list(connector.changes(case.spec, None))

    def test_usage_counts_every_call_that_the_crm_answered(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        before = bench.calls()
        rows = [_row(case, number) for number in range(2)]
        connector.create(case.spec, rows)
        _records(connector.changes(case.spec, None))
        connector.find(case.spec, [row.key for row in rows])
        connector.people()
        calls = connector.usage().calls
        assert sum(calls.values()) == bench.calls() - before
        assert set(calls) <= {"read", "guard", "write", "sign_in", "metadata"}

    def test_nothing_secret_is_in_a_settings_text(self, bench: Bench) -> None:
        shown = f"{bench.settings!r} {bench.connector()!r}"
        assert not [secret for secret in bench.settings.auth.values() if secret in shown]


def _key(number: int) -> str:
    return str(uuid.UUID(int=number + 2**64))


def _row(case: ContractCase, number: int) -> NewRecord:
    return NewRecord(_key(number), case.new(number))


def _create_many(connector: Connector, case: ContractCase, count: int) -> list[str]:
    rows = [_row(case, number) for number in range(count)]
    ids: list[str] = []
    for start in range(0, count, connector.batch_size):
        results = connector.create(case.spec, rows[start : start + connector.batch_size])
        assert [result.error for result in results if result.error] == []
        ids += [str(result.id) for result in results]
    return ids


def _read_to_quiet(bench: Bench, case: ContractCase) -> str:
    """The cursor of a run whose look-back does not reach what was written so far."""
    bench.clock.advance(FOREVER)
    cursor = list(bench.connector().changes(case.spec, None))[-1].cursor
    assert cursor is not None
    return cursor


def _records(pages: Iterable[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def _has(values: Values, expected: Values) -> bool:
    return {name: values.get(name) for name in expected} == expected


def _never_given_out(record_id: str) -> str:
    """An id of the right form that no record has: the given one with its middle changed."""
    middle = len(record_id) // 2
    digit = "8" if record_id[middle] != "8" else "7"
    return record_id[:middle] + digit + record_id[middle + 1 :]


def _relation_values(connector: Connector, relation: RelationCase) -> Values:
    spec: ObjectSpec = relation.spec
    assert spec.relation is not None
    values: Values = {spec.relation.role_field: relation.roles[0]}
    for field, end, number in (
        (spec.relation.from_field, relation.from_end, 501),
        (spec.relation.to_field, relation.to_end, 502),
    ):
        (made,) = connector.create(end.spec, [NewRecord(_key(number), end.values)])
        assert made.error is None
        values[field] = made.id
    return values
