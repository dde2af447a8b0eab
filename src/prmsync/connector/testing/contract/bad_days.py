"""Lost replies, ended sessions, limits."""

from __future__ import annotations

from typing import get_args

import pytest

from prmsync.connector.budget import CallKind
from prmsync.connector.protocol import Change, Connector
from prmsync.connector.testing.bench import Bench
from prmsync.connector.testing.case import ContractCase
from prmsync.connector.testing.contract.rows import create_many, new_row, records_of
from prmsync.errors import AuthError, OutcomeUnknownError, QuotaError


class BadDaysContract:
    """What a caller may count on when things go wrong."""

    def test_a_lost_reply_is_an_unknown_outcome_and_find_tells_the_truth(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        written, unwritten = new_row(case, 1), new_row(case, 2)
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
        (record_id,) = create_many(connector, case, 1)
        name, value = case.changed
        bench.fault(path=case.write_path, drop=True, commit=commit, times=1)
        with pytest.raises(OutcomeUnknownError):
            connector.update(case.spec, [Change(record_id, {name: value})])
        now = connector.fetch(case.spec, [record_id])[record_id].values[name]
        assert now == (value if commit else case.new(0)[name])

    def test_a_lost_page_is_asked_for_again(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        made = create_many(connector, case, 3)
        bench.clock.advance(case.settle)
        bench.fault(path=case.read_path, drop=True, times=1)
        assert set(made) <= {record.id for record in records_of(connector.changes(case.spec, None))}
        assert bench.clock.slept

    def test_a_session_that_ends_between_pages_is_renewed(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        made = create_many(connector, case, case.page_size + 7)
        bench.clock.advance(case.settle)
        bench.fault(**{"path": case.read_path, "every_nth": 2, "times": 1, **case.token_expired})
        seen = [record.id for record in records_of(connector.changes(case.spec, None))]
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
        made = create_many(connector, case, 2)
        bench.clock.advance(case.settle)
        bench.fault(**{"path": case.read_path, "times": 2, **case.rate_limited})
        bench.fault(**{"path": case.write_path, "times": 1, **case.rate_limited})
        assert set(made) <= {record.id for record in records_of(connector.changes(case.spec, None))}
        assert connector.create(case.spec, [new_row(case, 7)])[0].error is None
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
        rows = [new_row(case, number) for number in range(2)]
        connector.create(case.spec, rows)
        records_of(connector.changes(case.spec, None))
        connector.find(case.spec, [row.key for row in rows])
        connector.people()
        calls = connector.usage().calls
        assert sum(calls.values()) == bench.calls() - before
        assert set(calls) <= set(get_args(CallKind))

    def test_nothing_secret_is_in_a_settings_text(self, bench: Bench) -> None:
        shown = f"{bench.settings!r} {bench.connector()!r}"
        assert not [secret for secret in bench.settings.auth.values() if secret in shown]
