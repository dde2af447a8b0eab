"""The conformance kit: what every connector must do, tested against its simulator.

A connector's tests subclass `ConnectorContract` and give two fixtures, `bench` and `case`. Needs
pytest.
"""

import pytest

# Before the import below, or a failing contract would not show the values it compared.
pytest.register_assert_rewrite("prmsync.connector.testing.contract")

from prmsync.connector.testing.bench import Bench, FakeClock  # noqa: E402 - see above
from prmsync.connector.testing.case import ContractCase, End, RelationCase  # noqa: E402 - as above
from prmsync.connector.testing.contract import ConnectorContract  # noqa: E402 - as above

__all__ = ["Bench", "ConnectorContract", "ContractCase", "End", "FakeClock", "RelationCase"]
