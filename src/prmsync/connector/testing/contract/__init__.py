"""What every connector must do. See `prmsync.connector.testing`."""

from __future__ import annotations

import pytest

from prmsync.connector.protocol import Connector
from prmsync.connector.testing.bench import Bench
from prmsync.connector.testing.case import ContractCase, RelationCase
from prmsync.connector.testing.contract.account import AccountContract
from prmsync.connector.testing.contract.bad_days import BadDaysContract
from prmsync.connector.testing.contract.reading import ReadingContract
from prmsync.connector.testing.contract.relations import RelationContract
from prmsync.connector.testing.contract.writing import WritingContract


class ConnectorContract(
    AccountContract, ReadingContract, WritingContract, RelationContract, BadDaysContract
):
    """Subclass it, name the class `Test…`, and give the fixtures `bench` and `case`."""

    @pytest.fixture
    def connector(self, bench: Bench) -> Connector:
        return bench.connector()

    @pytest.fixture
    def relation(self, case: ContractCase) -> RelationCase:
        if case.relation is None:
            pytest.skip("this CRM has no relation stream")
        return case.relation
