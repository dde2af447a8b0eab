"""The conformance kit: what every connector must do, tested against its simulator.

A connector's tests subclass `ConnectorContract` and give two fixtures, `bench` and `case`. Needs
pytest; register `prmsync.connector.testing.contract` for assertion rewriting.
"""

from prmsync.connector.testing.bench import Bench, FakeClock
from prmsync.connector.testing.case import ContractCase, End, RelationCase
from prmsync.connector.testing.contract import ConnectorContract

__all__ = ["Bench", "ConnectorContract", "ContractCase", "End", "FakeClock", "RelationCase"]
