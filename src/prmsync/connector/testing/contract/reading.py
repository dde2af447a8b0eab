"""Full reads, changes and look-ups."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from prmsync.connector.protocol import Change, Connector, MergeReader, NewRecord
from prmsync.connector.testing.bench import Bench
from prmsync.connector.testing.case import ContractCase
from prmsync.connector.testing.contract.rows import (
    FOREVER,
    create_many,
    holds,
    key_of,
    never_given_out,
    new_row,
    read_to_quiet,
    records_of,
)


class ReadingContract:
    """Nothing is lost, and what is gone is proved."""

    def test_a_full_read_gives_every_record_once_and_ends_with_a_cursor(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        made = create_many(connector, case, 2 * case.page_size + 5)
        bench.clock.advance(case.settle)
        before = connector.usage().calls.get("read", 0)
        pages = list(connector.changes(case.spec, None))
        ids = [record.id for record in records_of(pages)]
        assert sorted(ids) == sorted(set(ids))
        assert set(made) <= set(ids)
        # The CRM's pages, which a connector may hand on together.
        assert connector.usage().calls["read"] - before >= 3
        assert pages[-1].cursor is not None

    def test_an_empty_account_still_gives_a_cursor(
        self, connector: Connector, case: ContractCase
    ) -> None:
        assert list(connector.changes(case.spec, None))[-1].cursor is not None

    def test_changes_are_what_was_edited_since_the_cursor(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        first, second = create_many(connector, case, 2)
        cursor = read_to_quiet(bench, case)
        bench.user_edits(case.spec.object, second, case.raw_edit)
        bench.clock.advance(case.settle)
        changed = {record.id: record for record in records_of(connector.changes(case.spec, cursor))}
        assert first not in changed
        assert holds(changed[second].values, case.edited)

    def test_who_edited_a_record_is_told_apart_from_ourselves(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        mine, theirs = create_many(connector, case, 2)
        bench.user_edits(case.spec.object, theirs, case.raw_edit)
        found = connector.fetch(case.spec, [mine, theirs])
        assert found[mine].modified_by != found[theirs].modified_by

    def test_an_edit_changes_the_version(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        (record_id,) = create_many(connector, case, 1)
        before = connector.fetch(case.spec, [record_id])[record_id].version
        bench.clock.advance(5)
        bench.user_edits(case.spec.object, record_id, case.raw_edit)
        assert connector.fetch(case.spec, [record_id])[record_id].version > before

    def test_without_changes_the_cursor_moves_on_with_few_calls(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        create_many(connector, case, 3)
        cursor = read_to_quiet(bench, case)
        bench.clock.advance(FOREVER)
        connector = bench.connector()
        connector.describe(case.spec.object)
        calls = bench.calls()
        pages = list(connector.changes(case.spec, cursor))
        assert not records_of(pages)
        assert bench.calls() - calls <= case.quiet_calls
        assert pages[-1].cursor not in (None, cursor)

    def test_a_delete_is_evidence(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        kept, gone = create_many(connector, case, 2)
        cursor = read_to_quiet(bench, case)
        bench.user_deletes(case.spec.object, gone)
        bench.clock.advance(case.settle)
        seen = {record.id: record for record in records_of(connector.changes(case.spec, cursor))}
        if case.sees_deletes_in_changes:
            assert seen[gone].deleted
        assert kept not in seen
        assert connector.fetch(case.spec, [gone])[gone].deleted

    def test_many_edits_of_one_moment_all_come_across_page_edges(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        cursor = read_to_quiet(bench, case)
        made = create_many(connector, case, case.page_size + 7)
        bench.clock.advance(case.settle)
        seen = {record.id for record in records_of(connector.changes(case.spec, cursor))}
        assert set(made) <= seen

    def test_a_late_commit_with_an_older_stamp_is_seen(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        (record_id,) = create_many(connector, case, 1)
        cursor = read_to_quiet(bench, case)
        late = bench.clock.now() - timedelta(seconds=case.look_back // 2)
        bench.clock.advance(30)
        bench.user_edits(case.spec.object, record_id, case.raw_edit, stamp=late)
        bench.clock.advance(case.settle)
        seen = {record.id: record for record in records_of(connector.changes(case.spec, cursor))}
        assert holds(seen[record_id].values, case.edited)

    def test_a_cursor_of_any_page_can_be_taken_up(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        made = create_many(connector, case, case.page_size + 7)
        bench.clock.advance(case.settle)
        seen: set[str] = set()
        cursor: str | None = None
        for page in connector.changes(case.spec, None):
            seen |= {record.id for record in page.records}
            cursor = page.cursor or cursor
            break
        seen |= {record.id for record in records_of(bench.connector().changes(case.spec, cursor))}
        assert set(made) <= seen

    def test_fetch_tells_present_deleted_and_unknown_apart(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        present, gone = create_many(connector, case, 2)
        bench.user_deletes(case.spec.object, gone)
        unknown = never_given_out(present)
        found = connector.fetch(case.spec, [unknown, gone, present])
        assert not found[present].deleted
        assert holds(found[present].values, case.new(0))
        assert found[gone].deleted
        assert unknown not in found

    def test_fetch_takes_any_number_of_ids(self, connector: Connector, case: ContractCase) -> None:
        made = create_many(connector, case, 2 * connector.batch_size + 3)
        assert set(connector.fetch(case.spec, made)) == set(made)

    def test_find_knows_records_by_key_at_once(
        self, connector: Connector, case: ContractCase
    ) -> None:
        rows = [new_row(case, number) for number in range(3)]
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
        seen = {record.id: record for record in records_of(connector.changes(case.spec, None))}
        assert seen[theirs].values[case.spec.key] is None
        (result,) = connector.update(case.spec, [Change(theirs, {case.spec.key: key_of(77)})])
        assert result.error is None
        assert connector.find(case.spec, [key_of(77)])[key_of(77)].id == theirs

    def test_a_merged_record_is_gone_and_names_the_one_that_stays(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        if case.merges is None:
            pytest.skip("this CRM merges otherwise")
        spec = case.merges.spec
        rows = [NewRecord(key_of(number), case.merges.values) for number in (601, 602)]
        loser, master = (str(result.id) for result in connector.create(spec, rows))
        cursor = list(connector.changes(spec, None))[-1].cursor
        bench.user_merges(spec.object, loser, master)
        bench.clock.advance(case.settle)
        seen = {record.id: record for record in records_of(connector.changes(spec, cursor))}
        for gone in (seen[loser], connector.fetch(spec, [loser])[loser]):
            assert gone.deleted
            assert gone.merged_into == master

    def test_what_a_merge_leaves_names_what_went_into_it(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        if case.merges is None or not isinstance(connector, MergeReader):
            pytest.skip("no record of this CRM names what went into it")
        spec = case.merges.spec
        rows = [NewRecord(key_of(number), case.merges.values) for number in (603, 604)]
        loser, master = (str(result.id) for result in connector.create(spec, rows))
        bench.user_merges(spec.object, loser, master)
        found = connector.with_merged(spec, [master])
        assert set(found) == {loser, master}
        assert found[loser].merged_into == master
        assert holds(found[master].values, case.merges.values)
