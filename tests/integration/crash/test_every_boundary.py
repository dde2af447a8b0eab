"""The power is cut at every point between two lasting effects of a sync, and work goes on.

What lasts is a database commit and a write call to the CRM. Between two of them a crash leaves
the same state wherever it strikes, so one crash before each of them, and one after the last, is
every crash there is; a crash before the effect that follows a write call is its lost reply.

The story is told once without a crash; whatever is cut, both sides must end as they did there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.store import records

STRIDE = int(os.environ.get("PRMSYNC_CRASH_STRIDE", "3"))
"""1 cuts at every effect (two minutes); the default takes a third of them, others in each test."""

DEAL: Values = {"stage": "qualified", "amount": "1000.00", "currency": "EUR"}
PARTNERS: dict[str, Values] = {
    "Globex": {"name": "Globex", "domain": "globex.example", "country": "DE"},
    "Initech": {"name": "Initech", "domain": "initech.example", "country": "FR"},
    "Hooli": {"name": "Hooli", "domain": "hooli.example", "country": "DE"},
}


def before_the_first_sync(story: Any) -> None:
    """Partners on both sides, deals, registrations and relations on one each."""
    world, crm, ids = story.world, story.crm, story.ids
    ids["crm hooli"] = crm.create(
        crm.words["partner"],
        {crm.words["name"]: "Hooli Inc.", crm.words["domain"]: "hooli.example"},
    )
    for name, values in PARTNERS.items():
        ids[name] = world.insert("partner", {**values, "types": "reseller", "status": "active"})
    for name, partner in (("Firewall", "Globex"), ("Backup", "Initech")):
        ids[name] = world.insert(
            "opportunity",
            {
                **DEAL,
                "name": name,
                "close_date": "2026-12-20",
                "customer_name": f"{name} AG",
                "partner": ids[partner],
            },
        )
        ids[f"DR-{name}"] = world.insert(
            "registration",
            {
                "number": f"DR-{name}",
                "partner": ids[partner],
                "opportunity": ids[name],
                "customer_name": f"{name} AG",
                "expected_close": "2026-12-20",
            },
        )
    for deal, partner, role in (
        ("Firewall", "Globex", "reseller"),
        ("Backup", "Initech", "reseller"),
        ("Backup", "Hooli", "distributor"),
    ):
        ids[f"{deal}/{partner}"] = world.insert(
            "relation", {"opportunity": ids[deal], "partner": ids[partner], "role": role}
        )
    ids["crm contoso"] = crm_deal(crm, "Contoso")
    crm.relate(ids["crm contoso"], ids["crm hooli"], crm.words["reseller"])


def crm_deal(crm: Any, name: str) -> str:
    money: Any = 500 if crm.connector == "salesforce" else "500"
    values = {
        "deal_name": name,
        "stage": crm.words["qualified"],
        "close_date": crm.words["day"].format("2026-11-30"),
        "amount": money,
    }
    return str(
        crm.create(
            crm.words["opportunity"], {crm.words[key]: value for key, value in values.items()}
        )
    )


def after_the_first_sync(story: Any) -> None:
    """Edits everywhere: updates both ways, a put-back, a disagreement, relations that change."""
    world, crm, ids = story.world, story.crm, story.ids
    deals = {row[crm.words["deal_name"]]: row[crm.words["id"]] for row in crm.rows("opportunity")}
    filed = {row[crm.words["number"]]: row[crm.words["id"]] for row in crm.rows("registration")}
    world.edit("opportunity", ids["Firewall"], {"customer_name": "Firewall SE"})
    world.edit("registration", ids["DR-Backup"], {"expected_close": "2027-01-15"})
    world.edit("partner", ids["Globex"], {"tier": None, "country": "AT"})
    world.edit("relation", ids["Firewall/Globex"], {"role": "distributor"})
    with world.database.begin() as connection:
        records.delete(connection, "relation", [ids["Backup/Hooli"]])
    ids["DR-New"] = world.insert(
        "registration",
        {
            "number": "DR-New",
            "partner": ids["Globex"],
            "opportunity": ids["Firewall"],
            "customer_name": "New AG",
        },
    )
    crm.change("opportunity", deals["Backup"], stage=crm.words["negotiation"])
    crm.change("registration", filed["DR-Backup"], expected_close="2027-02-20")
    crm.change("registration", filed["DR-Firewall"], registration_customer="Firewall GmbH")
    gone = next(
        one
        for one in crm.relations()
        if one[0] == deals["Backup"] and one[2] == crm.words["reseller"]
    )
    crm.unrelate(gone[3])
    crm_deal(crm, "Umbrella")


def aftershock(story: Any) -> None:
    """People who know nothing of a crash go on working."""
    world, crm, ids = story.world, story.crm, story.ids
    world.edit("opportunity", ids["Firewall"], {"customer_name": "Firewall plc"})
    world.edit("registration", ids["DR-Firewall"], {"customer_contact": "dana@firewall.example"})
    row = next(row for row in crm.rows("opportunity") if row[crm.words["deal_name"]] == "Contoso")
    crm.change("opportunity", row[crm.words["id"]], source="trade fair")
    crm.change(
        "opportunity", row[crm.words["id"]], close_date=crm.words["day"].format("2027-03-01")
    )


def the_end(story: Any) -> tuple[Any, ...]:
    """Both sides when everything is quiet; the promises that need no comparison are kept here."""
    report = story.world.settle("crm", limit=6)
    assert not [key for key in report.counts if "/base/" not in key], report.counts
    story.world.wait(700)
    story.world.settle("crm", limit=6)
    story.verify()
    return story.ours(), story.theirs(), story.held()


def scene(story: Any, name: str) -> None:
    before_the_first_sync(story)
    if name == "second":
        story.world.settle("crm")
        story.world.wait(60)
        after_the_first_sync(story)
    story.world.wait(60)
    story.keep(name)


def offset(name: str, people: Callable[[Any], None]) -> int:
    return (name == "second") + 2 * (people is aftershock)


def nobody(_story: Any) -> None:
    """Nobody works while the machine is down."""


@pytest.mark.parametrize("people", [nobody, aftershock])
@pytest.mark.parametrize("name", ["first", "second"])
def test_whatever_is_cut_both_sides_end_as_if_nothing_had_happened(
    story: Any, name: str, people: Callable[[Any], None]
) -> None:
    scene(story, name)
    whole = story.sync_cut_at(-1)
    people(story)
    expected = the_end(story)
    assert whole.count > 15
    for at in range(offset(name, people) % STRIDE, whole.count, STRIDE):
        story.put_back(name)
        fuse = story.sync_cut_at(at)
        assert fuse.blown
        people(story)
        ended = the_end(story)
        for here, there in zip(ended, expected, strict=True):
            assert here == there, f"cut at effect {at} of {whole.count}"
