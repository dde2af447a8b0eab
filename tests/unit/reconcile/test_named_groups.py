"""Rows with names for fields that merge as one value, and for the stage of a deal."""

from __future__ import annotations

import pytest

from prmsync.domain.merge import First, Policy, Side
from prmsync.domain.values import Scalar, Values
from prmsync.reconcile.record import Decision, Held, Present, reconcile
from prmsync.reconcile.rules import GroupRule, RecordRule

BOTH = "both sides changed"
REOPENS = "only the CRM reopens a closed deal"
HERE, THERE = "edited in the partner database", "edited in the CRM"
FURTHER = "the further stage"

VALUE = GroupRule("value", ("amount", "currency"))
PROGRESS = GroupRule(
    "progress", ("stage", "close_date", "loss_reason"), Policy.STAGE, first=First.CRM, stage=0
)
Group = tuple[Scalar, ...]


def decide(rule: GroupRule, base: Group, ours: Group, theirs: Group) -> Decision:
    agreed, prm, crm = (dict(zip(rule.members, one, strict=True)) for one in (base, ours, theirs))
    return reconcile(agreed, Present(prm), Present(crm), RecordRule((rule,)))


EUR: Group = ("48000.00", "EUR")


@pytest.mark.parametrize(
    ("ours", "theirs", "to_crm", "to_prm"),
    [
        pytest.param(("52000.00", "EUR"), EUR, ("52000.00", "EUR"), None, id="our amount"),
        pytest.param(EUR, ("48000.00", "USD"), None, ("48000.00", "USD"), id="their currency"),
        pytest.param(("1", "JPY"), EUR, ("1", "JPY"), None, id="both of ours"),
        pytest.param(("52000.00", "EUR"), ("48000.00", "USD"), None, None, id="one each"),
        pytest.param(("52000.00", "EUR"), ("52000.00", "USD"), None, None, id="half equal"),
        pytest.param((None, "EUR"), ("48000.00", "USD"), None, None, id="blank against edit"),
    ],
)
def test_amount_and_currency_move_together_or_wait_together(
    ours: Group, theirs: Group, to_crm: Group | None, to_prm: Group | None
) -> None:
    decision = decide(VALUE, EUR, ours, theirs)
    assert tuple(decision.to_crm.values()) == (to_crm or ())
    assert tuple(decision.to_prm.values()) == (to_prm or ())
    waits = to_crm is None and to_prm is None
    assert decision.held == ([Held("value", BOTH, EUR, ours, theirs)] if waits else [])


def test_a_group_that_is_blank_in_part_is_not_filled() -> None:
    """An amount that meets a currency of the other side would be an amount that nobody typed."""
    rule = GroupRule("value", ("amount", "currency"), Policy.FILL_BLANK, first=First.FILL_BLANK)
    agreed = decide(rule, (None, "USD"), ("48000.00", "EUR"), (None, "USD"))
    assert [one.kind for one in agreed.held] == ["the other side is not blank"]
    prm = Present({"amount": "48000.00", "currency": "EUR"})
    crm = Present({"amount": None, "currency": "USD"})
    first = reconcile(None, prm, crm, RecordRule((rule,)))
    assert [one.kind for one in first.held] == ["first link: both sides have a value"]


def test_a_group_that_is_blank_as_a_whole_is_filled() -> None:
    rule = GroupRule("value", ("amount", "currency"), Policy.FILL_BLANK)
    decision = decide(rule, (None, None), (None, None), EUR)
    assert decision.to_prm == {"amount": "48000.00", "currency": "EUR"}


def progress(stage: str, day: str = "2026-12-20", loss: str | None = None) -> Group:
    return stage, day, loss


OPEN = progress("qualified")
# id: base, ours, theirs → where, why
STAGES: dict[str, tuple[Group, Group, Group, str, str]] = {
    "our step forward goes": (OPEN, progress("committed"), OPEN, "crm", HERE),
    "our step back goes while the deal is open": (OPEN, progress("prospect"), OPEN, "crm", HERE),
    "our win goes": (OPEN, progress("launched"), OPEN, "crm", HERE),
    "our loss goes with its reason": (
        OPEN,
        progress("closed_lost", loss="price"),
        OPEN,
        "crm",
        HERE,
    ),
    "our new close date goes": (OPEN, progress("qualified", "2027-01-15"), OPEN, "crm", HERE),
    "their step forward comes": (OPEN, OPEN, progress("committed"), "prm", THERE),
    "their step back comes": (OPEN, OPEN, progress("prospect"), "prm", THERE),
    "their loss comes": (OPEN, OPEN, progress("closed_lost"), "prm", THERE),
    "both forward: ours is further": (
        OPEN,
        progress("committed"),
        progress("technical_validation", "2027-02-01"),
        "crm",
        FURTHER,
    ),
    "both forward: theirs is further": (
        OPEN,
        progress("technical_validation", "2027-02-01"),
        progress("business_validation"),
        "prm",
        FURTHER,
    ),
    "both forward: a win is the furthest": (
        OPEN,
        progress("launched"),
        progress("committed"),
        "crm",
        FURTHER,
    ),
    "both forward to one stage with other dates": (
        OPEN,
        progress("committed", "2027-01-15"),
        progress("committed", "2027-02-20"),
        "held",
        BOTH,
    ),
    "forward against backward": (
        OPEN,
        progress("committed"),
        progress("prospect"),
        "held",
        BOTH,
    ),
    "backward against forward": (
        OPEN,
        progress("prospect"),
        progress("committed"),
        "held",
        BOTH,
    ),
    "both backward": (
        progress("committed"),
        progress("prospect"),
        progress("qualified"),
        "held",
        BOTH,
    ),
    "won against lost": (OPEN, progress("launched"), progress("closed_lost"), "held", BOTH),
    "lost against won": (OPEN, progress("closed_lost"), progress("launched"), "held", BOTH),
    "our loss never wins over their step": (
        OPEN,
        progress("closed_lost"),
        progress("committed"),
        "held",
        BOTH,
    ),
    "their loss never wins over our step": (
        OPEN,
        progress("committed"),
        progress("closed_lost"),
        "held",
        BOTH,
    ),
    "a new date against a step": (
        OPEN,
        progress("qualified", "2027-01-15"),
        progress("committed"),
        "held",
        BOTH,
    ),
    "a step against a new date": (
        OPEN,
        progress("committed"),
        progress("qualified", "2027-01-15"),
        "held",
        BOTH,
    ),
    "we may not leave won": (
        progress("launched"),
        progress("committed"),
        progress("launched"),
        "held",
        REOPENS,
    ),
    "we may not leave lost": (
        progress("closed_lost"),
        progress("qualified"),
        progress("closed_lost"),
        "held",
        REOPENS,
    ),
    "we may not turn won into lost": (
        progress("launched"),
        progress("closed_lost"),
        progress("launched"),
        "held",
        REOPENS,
    ),
    "the CRM reopens a won deal": (
        progress("launched"),
        progress("launched"),
        progress("committed"),
        "prm",
        THERE,
    ),
    "the CRM turns lost into won": (
        progress("closed_lost"),
        progress("closed_lost"),
        progress("launched"),
        "prm",
        THERE,
    ),
    "our loss reason of a lost deal goes": (
        progress("closed_lost"),
        progress("closed_lost", loss="price"),
        progress("closed_lost"),
        "crm",
        HERE,
    ),
    "both reopen": (
        progress("launched"),
        progress("committed"),
        progress("qualified"),
        "held",
        BOTH,
    ),
    "our date against the CRM's reopening": (
        progress("launched"),
        progress("launched", "2027-01-15"),
        progress("committed"),
        "held",
        BOTH,
    ),
}


@pytest.mark.parametrize("row", STAGES.values(), ids=STAGES)
def test_stage(row: tuple[Group, Group, Group, str, str]) -> None:
    base, ours, theirs, where, why = row
    decision = decide(PROGRESS, base, ours, theirs)
    wanted: Values = dict(zip(PROGRESS.members, theirs if where == "prm" else ours, strict=True))
    assert decision.to_crm == (wanted if where == "crm" else {})
    assert decision.to_prm == (wanted if where == "prm" else {})
    if where == "held":
        assert decision.held == [Held("progress", why, base, ours, theirs)]
    else:
        assert decision.reasons == {"progress": why}


def test_a_stage_that_is_no_neutral_one_waits_when_both_changed() -> None:
    decision = decide(PROGRESS, progress("thinking"), progress("committed"), progress("qualified"))
    assert [one.kind for one in decision.held] == [BOTH]


def test_a_copy_to_another_crm_flows_one_way_and_is_never_created_here() -> None:
    """A record whose home is another connection."""
    original = RecordRule((PROGRESS, VALUE), create_crm=True, create_prm=True, recreate=True)
    copy = original.copy_to_crm()
    assert (copy.create_crm, copy.create_prm, copy.recreate) == (True, False, True)
    assert copy.taken_by == {
        Side.CRM: (*PROGRESS.members, *VALUE.members),
        Side.PRM: (),
    }
    prm = Present({"amount": "1", "currency": "EUR", "stage": "committed"})
    crm = Present({"amount": "2", "currency": "EUR", "stage": "launched"})
    decision = reconcile(None, prm, crm, copy)
    assert decision.to_prm == {}
    assert decision.to_crm == {
        "stage": "committed",
        "close_date": None,
        "loss_reason": None,
        "amount": "1",
        "currency": "EUR",
    }
