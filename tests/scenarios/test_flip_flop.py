"""Flip-flop.

**In the field.** A value does not come back as it was written: the CRM rounds the amount, strips a
blank, shows a close date as a moment in its own time zone, keeps a list in another order. A sync
that compares raw values takes the difference for an edit and writes it back, each run, for ever:
the record's history fills with "modified by integration", the quota goes, and once in a while the
wrong one of the two values wins.

**Known from.** pimutils/vdirsyncer#318 (two machines rewrite the same events over and over).

**prmsync** compares what each side can hold: our value as the CRM would show it, and the CRM's as
we would. Equal then means untouched. What the CRM cannot hold is parked, never cut.
"""

from __future__ import annotations

from typing import Any

import pytest

from prmsync.domain.values import Scalar, Values
from rig import Crm, World

OURS: list[tuple[str, Scalar]] = [
    ("amount", "48000.5"),
    ("amount", "0.00"),
    ("amount", None),
    ("close_date", "2026-12-31"),
    ("close_date", "2027-01-01"),
    ("close_date", "2026-03-29"),
    ("product_lines", "firewall;endpoint"),
    ("product_lines", "endpoint;firewall"),
    ("customer_name", "Müller & Söhne „Nord“ – 東京"),
    ("customer_name", "  blanks around  "),
    ("customer_name", ""),
    ("customer_name", None),
    ("name", "Ünïcode 🚀 deal"),
    ("stage", "technical_validation"),
    ("stage", "launched"),
]
"""What a person may put into a field of ours, at the edges of what CRMs keep."""


def quiet(world: World) -> None:
    """Three runs far apart, none of which writes anything."""
    for _ in range(3):
        world.wait(3600)
        report = world.sync("crm", release=True)
        assert report.calls.get("write", 0) == 0, report
        assert report.counts == {}, report


@pytest.mark.parametrize(("field", "value"), OURS)
def test_what_a_crm_shows_otherwise_is_written_once(
    world: World, crm: Crm, partner: str, deal: str, field: str, value: Scalar
) -> None:
    made = world.insert(
        "opportunity",
        {
            "name": "Edge",
            "number": "OP-2",
            "stage": "qualified",
            "currency": "EUR",
            "close_date": "2026-12-20",
            "partner": partner,
            field: value,
        },
    )
    world.settle("crm")
    kept = world.ours("opportunity", made)
    quiet(world)
    assert world.ours("opportunity", made) == kept
    assert world.held() == []
    assert world.parked() == []
    assert all(one.is_clean for one in world.verify("crm"))


THEIRS: list[tuple[str, dict[str, Any]]] = [
    ("amount", {"salesforce": 48000.4, "hubspot": "48000.40"}),
    ("amount", {"salesforce": 1234567.89, "hubspot": "1.23456789E6"}),
    ("close_date", {"salesforce": "2026-12-31", "hubspot": "2026-12-31T23:30:00.000Z"}),
    ("close_date", {"salesforce": "2026-03-29", "hubspot": "2026-03-29T01:30:00.000Z"}),
    ("customer_name", {"salesforce": "Ends in a blank ", "hubspot": "Ends in a blank"}),
    ("stage", {"salesforce": "Value Proposition", "hubspot": "presentationscheduled"}),
    ("stage", {"salesforce": "Perception Analysis", "hubspot": "decisionmakerboughtin"}),
]
"""What a rep may put into a field of the CRM; some of it we show otherwise."""


@pytest.mark.parametrize(("field", "values"), THEIRS)
def test_what_we_show_otherwise_is_not_written_back(
    world: World, crm: Crm, deal: str, field: str, values: dict[str, Any]
) -> None:
    record = crm.id_of("opportunity", "Northwind firewall")
    crm.change("opportunity", record, **{field: values[crm.connector]})
    shown = crm.row("opportunity", record)[crm.words[field]]
    world.settle("crm")
    quiet(world)
    assert crm.row("opportunity", record)[crm.words[field]] == shown
    assert world.held() == []
    assert all(one.is_clean for one in world.verify("crm"))


def test_a_stage_of_several_labels_keeps_the_one_that_the_rep_chose(make_world: Any) -> None:
    """Two of Salesforce's stages are one of ours: reading one of them never writes the other."""
    world: World = make_world(crm="salesforce")
    crm = world.crms["crm"]
    values: Values = {"name": "Firewall", "stage": "qualified", "close_date": "2026-12-20"}
    deal = world.insert("opportunity", values)
    world.settle("crm")
    record = crm.id_of("opportunity", "Firewall")
    crm.change("opportunity", record, stage="Perception Analysis")
    world.settle("crm")
    assert world.ours("opportunity", deal)["stage"] == "business_validation"
    world.edit("opportunity", deal, {"customer_name": "Northwind AG"})
    world.settle("crm")
    assert crm.only("opportunity")["StageName"] == "Perception Analysis"


def test_a_text_that_the_crm_cannot_hold_is_parked_not_cut(
    world: World, crm: Crm, deal: str
) -> None:
    """A cut text would come back as somebody's edit and cut ours too."""
    longer = "N" * 70_000
    world.edit("opportunity", deal, {"customer_name": longer})
    for _ in range(3):
        world.sync("crm")
        world.wait(3600)
    assert world.ours("opportunity", deal)["customer_name"] == longer
    assert crm.only("opportunity")[crm.words["customer_name"]] == "Northwind GmbH"
    assert len(world.parked()) == 1
