"""Makes assertions of the kit as telling as a test's own."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("prmsync.connector.testing.contract")
