"""`prmsync provision` where a connector knows nothing of it."""

from __future__ import annotations

import pytest

from prmsync.connector.registry import plugin
from prmsync.errors import ConfigurationError
from prmsync.service import provisioning


class Plain:
    """A connector of somebody else's that makes nothing."""

    title = "Some CRM"


def test_a_crm_in_which_prmsync_makes_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provisioning, "plugin", lambda _: Plain())
    with pytest.raises(ConfigurationError, match="makes nothing in Some CRM") as refused:
        provisioning.provisioning_plugin("some")
    assert "docs/crm-admin.md" in refused.value.hint


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_both_crms_are_provisioned(crm: str) -> None:
    assert provisioning.provisioning_plugin(crm) is plugin(crm)
