"""Counting calls, and leaving others their share."""

from __future__ import annotations

import pytest

from prmsync.connector.budget import CallBudget
from prmsync.errors import QuotaError


def test_calls_are_counted_by_kind():
    budget = CallBudget()
    for kind in ("read", "read", "write"):
        budget.spend(kind)
    budget.observe(22, 15000)
    usage = budget.usage()
    assert usage.calls == {"read": 2, "write": 1}
    assert (usage.used, usage.limit) == (22, 15000)


def test_before_the_crm_told_its_meter_nothing_is_refused():
    budget = CallBudget(share=0.01)
    budget.spend("read")
    assert budget.usage().calls == {"read": 1}


def test_a_used_up_share_stops_before_the_call_and_says_how_to_go_on():
    budget = CallBudget(share=0.8)
    budget.observe(799, 1000)
    budget.spend("read")
    budget.observe(800, 1000)
    with pytest.raises(QuotaError, match="800 of the account's 1,000") as caught:
        budget.spend("write")
    assert "`share`" in caught.value.hint
    assert "prmsync.toml" in caught.value.hint
    assert budget.usage().calls == {"read": 1}


def test_without_a_share_only_the_crm_stops_us():
    budget = CallBudget()
    budget.observe(1000, 1000)
    budget.spend("read")
    assert budget.usage().calls == {"read": 1}


def test_our_own_share_is_kept_whatever_the_others_leave():
    budget = CallBudget(own_share=0.2)
    budget.observe(700, 10)
    budget.spend("read")
    budget.spend("write")
    with pytest.raises(QuotaError, match="prmsync made 2 calls") as caught:
        budget.spend("read")
    assert "raise `share` (in per cent) of this connection in prmsync.toml" in caught.value.hint
    assert budget.usage().calls == {"read": 1, "write": 1}


def test_calls_of_earlier_sessions_count_in_the_share_of_the_window():
    budget = CallBudget(own_share=0.5, made=49)
    budget.observe(60, 100)
    budget.spend("read")
    with pytest.raises(QuotaError, match="made 50 calls"):
        budget.spend("read")


def test_what_is_left_is_the_narrower_of_both_bounds():
    budget = CallBudget(share=0.95, own_share=0.2, made=5)
    assert (budget.usage().left, budget.usage().allowed) == (None, None)
    budget.observe(30, 100)
    budget.spend("read")
    assert (budget.usage().left, budget.usage().allowed) == (14, 20)
    budget.observe(90, 100)
    assert budget.usage().left == 5
    budget.observe(100, 100)
    assert budget.usage().left == 0


def test_an_unbounded_budget_never_says_what_is_left():
    budget = CallBudget()
    budget.observe(10, 100)
    assert (budget.usage().left, budget.usage().allowed) == (None, None)
