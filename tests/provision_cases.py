"""What provisioning must do in every CRM, whatever is made there. A connector's tests take
these over; `ground` and `new_ground` are the connector's."""

from __future__ import annotations

import pytest

from prmsync.errors import ConfigurationError


class ProvisionCases:
    def test_a_plan_changes_nothing(self, ground):
        before = ground.defined()
        plan = ground.plan()
        assert len(plan.steps) > 60
        assert ground.defined() == before
        assert ground.changing_calls() == []

    def test_applying_makes_what_was_planned_and_then_nothing_is_missing(self, ground):
        planned = ground.plan()
        made = ground.apply()
        assert made.steps == planned.steps
        assert made.findings == ()
        after = ground.plan()
        assert (after.steps, after.findings) == ((), ())
        assert after.present == ground.complete

    def test_applying_twice_makes_nothing_the_second_time(self, ground):
        ground.apply()
        before = ground.defined()
        ground.wire.calls.clear()
        assert ground.apply().steps == ()
        assert ground.defined() == before
        assert ground.changing_calls() == []

    def test_without_an_admin_there_is_a_plan_and_no_apply(self, ground):
        with pytest.raises(ConfigurationError, match="one-time sign-in"):
            ground.provisioner(None).apply(ground.needs(), lambda _: None)

    @pytest.mark.parametrize("after", [False, True], ids=["before it arrives", "after the answer"])
    def test_killed_at_any_call_and_run_again_it_is_complete(self, new_ground, killed, after):
        whole = new_ground()
        whole.wire.calls.clear()
        whole.apply()
        wanted, calls = whole.defined(), len(whole.wire.calls)
        assert calls > 10
        for at in range(calls):
            ground = new_ground()
            ground.wire.dies_at, ground.wire.after = at, after
            with pytest.raises(killed):
                ground.apply()
            ground.wire.dies_at = None
            ground.apply()
            assert ground.defined() == wanted, at
            assert ground.apply().steps == ()
