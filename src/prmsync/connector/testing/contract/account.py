"""Who is signed in, to what, and what its objects look like."""

from __future__ import annotations

import dataclasses

import pytest

from prmsync.connector.protocol import Connector
from prmsync.connector.testing.bench import Bench
from prmsync.connector.testing.case import ContractCase
from prmsync.connector.testing.contract.rows import new_row
from prmsync.errors import AuthError, OutcomeUnknownError, RetryableError, SchemaError


class AccountContract:
    """Sign-in, pins and schemas."""

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
            connector.create(case.spec, [new_row(case, 1)])
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

    def test_describe_is_asked_again_after_the_schema_was_forgotten(
        self, bench: Bench, connector: Connector, case: ContractCase
    ) -> None:
        first = connector.describe(case.spec.object)
        calls = bench.calls()
        connector.forget_schema()
        assert connector.describe(case.spec.object) == first
        assert bench.calls() != calls

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
