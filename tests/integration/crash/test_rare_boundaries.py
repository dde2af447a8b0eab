"""The power is cut at every point between two lasting effects of what a sync rarely does: telling a
record how it stands and taking an answer from the CRM, filling in a field that is new in the
mapping, forgetting one that is not there any more, looking at the CRM's schema again, clearing
erased values in the CRM. Whatever is cut, both sides end as if nothing had happened.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

import rig
from prmsync.domain.values import Values
from prmsync.store import journal, links
from prmsync.store.tables import erasure
from prmsync.sync import erase, erase_crm
from schema_edits import drop

STRIDE = int(os.environ.get("PRMSYNC_CRASH_STRIDE", "3"))
"""1 cuts at every effect; the default takes a third of them, others on the other CRM."""
STATUS = {
    "salesforce": ("PRM_Sync_State__c", "PRM_Sync_Decision__c"),
    "hubspot": ("prm_sync_state", "prm_sync_decision"),
}
TAKE_OURS = {"salesforce": "Take partner value", "hubspot": "take_partner"}
DUNS = {"salesforce": "DunsNumber", "hubspot": "prm_duns"}
CONTACT = "Zdenka Whitfield-Quist <zdenka.wq@customer.example>"


def nothing(_story: Any) -> None:
    """Nothing stands outside the database and the CRM."""


@dataclass(frozen=True)
class Scene:
    """`prepare` tells the story so far, `again` sets up what no database keeps, `work` is cut,
    `after` is what people do before work goes on, `ends` what must be true at the end."""

    prepare: Callable[[Any], None]
    work: Callable[[Any], object]
    ends: Callable[[Any], object]
    again: Callable[[Any], None] = nothing
    after: Callable[[Any], None] = nothing


def sync(story: Any) -> object:
    return story.world.sync("crm", release=True)


def partners(story: Any) -> None:
    for name, duns in (("Globex", "987654321"), ("Initech", "123456789"), ("Hooli", None)):
        values: Values = {"name": name, "domain": f"{name.lower()}.example", "duns": duns}
        story.ids[name] = story.world.insert("partner", values)


def in_crm(story: Any, name: str) -> str:
    return str(story.crm.id_of("partner", name))


# A person in the CRM has answered, and another record needs a decision now.


def answered(story: Any) -> None:
    world, crm, ids = story.world, story.crm, story.ids
    partners(story)
    world.settle("crm")
    first, second = in_crm(story, "Globex"), in_crm(story, "Initech")
    world.edit("partner", ids["Globex"], {"country": "DE"})
    crm.change("partner", first, country="FR")
    world.settle("crm")
    assert len(world.held()) == 1
    crm.edit(crm.words["partner"], first, {STATUS[crm.connector][1]: TAKE_OURS[crm.connector]})
    world.edit("partner", ids["Initech"], {"country": "AT"})
    crm.change("partner", second, country="CH")


def told(story: Any) -> object:
    (item,) = story.world.held()
    assert (item.prm, item.crm) == (("AT",), ("CH",))
    assert story.crm.named("partner", "Globex")[story.crm.words["country"]] == "DE"
    return {
        name: [
            story.crm.named("partner", name).get(field) or ""
            for field in STATUS[story.crm.connector]
        ]
        for name in ("Globex", "Initech", "Hooli")
    }


# The mapping has a field more, or less, than when the records were linked.


def without_duns(story: Any) -> None:
    story.world.alter = lambda one: rig.without(one, "duns")


def with_duns(story: Any) -> None:
    story.world.alter = lambda one: one


def before_the_field(story: Any) -> None:
    without_duns(story)
    partners(story)
    story.world.settle("crm")
    story.world.edit("partner", story.ids["Hooli"], {"country": "DE"})


def before_it_goes(story: Any) -> None:
    with_duns(story)
    partners(story)
    story.world.settle("crm")
    story.world.edit("partner", story.ids["Hooli"], {"country": "DE"})


def filled_in(story: Any) -> object:
    crm, word = story.crm, DUNS[story.crm.connector]
    shown = {name: crm.named("partner", name).get(word) for name in ("Globex", "Initech", "Hooli")}
    assert list(shown.values()) == ["987654321", "123456789", None]
    return shown


def bases(story: Any) -> list[list[str]]:
    with story.world.database.read() as connection:
        return [
            sorted(links.by_ids(connection, [one])[one].base or {})
            for name in ("Globex", "Initech", "Hooli")
            for one in links.ids_of_record(connection, "partner", story.ids[name])
        ]


def left_alone(story: Any) -> object:
    assert all("duns" not in base for base in bases(story))
    return filled_in(story), bases(story)


# A field has gone in the CRM since its schema was looked at, and comes back later.


def edited_meanwhile(story: Any) -> None:
    partners(story)
    story.world.settle("crm")
    story.world.edit("partner", story.ids["Globex"], {"duns": "111111111", "country": "DE"})
    story.world.edit("partner", story.ids["Initech"], {"country": "FR"})


def take_away(story: Any) -> None:
    crm = story.crm
    story.kept["mend"] = drop(crm, "partner", DUNS[crm.connector])


def bring_back(story: Any) -> None:
    story.kept.pop("mend")()
    story.world.wait(3700)


def all_written(story: Any) -> object:
    crm = story.crm
    assert crm.named("partner", "Globex")[DUNS[crm.connector]] == "111111111"
    assert crm.named("partner", "Initech")[crm.words["country"]] == "FR"
    return None


# A person's values are erased, in the CRM too.


def named(story: Any) -> None:
    partners(story)
    for number in ("DR-1", "DR-2"):
        story.ids[number] = story.world.insert(
            "registration",
            {
                "number": number,
                "partner": story.ids["Globex"],
                "customer_name": "Customer AG",
                "customer_contact": CONTACT,
            },
        )
    story.world.settle("crm")
    story.world.edit("partner", story.ids["Initech"], {"country": "FR"})


def erase_everywhere(story: Any) -> object:
    """What `prmsync erase registration DR-1 DR-2 --crm` does."""
    world = story.world
    with world.database.read() as connection:
        chosen = erase.targets(connection, "registration", ["DR-1", "DR-2"], ())
    done = erase.erase(world.database, chosen, why="a letter", by="dpo", now=world.now())
    with world.session("crm") as session:
        cleared = erase_crm.clear(session, [copy.link_id for one in done for copy in one.copies])
    assert [one.why for one in cleared if one.why] == []
    return cleared


def nowhere(story: Any) -> object:
    word = story.crm.words["customer_contact"]
    assert [row.get(word) or None for row in story.crm.rows("registration")] == [None, None]
    with story.world.database.read() as connection:
        raw: Any = connection.connection.dbapi_connection
        assert not any("Whitfield-Quist" in line for line in raw.iterdump())
        left = connection.execute(sa.select(erasure.c.record)).scalars().all()
        fields = [
            (row.op, row.fields)
            for number in ("DR-1", "DR-2")
            for row, _, _ in journal.history(
                connection, links.ids_of_record(connection, "registration", story.ids[number])
            )
            if row.op == "erase"
        ]
    assert {story.ids["DR-1"], story.ids["DR-2"]} <= set(left)
    assert fields and all(one == {"customer_contact": (None, None)} for _, one in fields)
    return None


SCENES = {
    "answered in the CRM": Scene(answered, sync, told),
    "a field is filled in": Scene(before_the_field, sync, filled_in, again=with_duns),
    "a field is forgotten": Scene(before_it_goes, sync, left_alone, again=without_duns),
    "the schema is looked at again": Scene(
        edited_meanwhile, sync, all_written, again=take_away, after=bring_back
    ),
    "erased in the CRM too": Scene(named, erase_everywhere, nowhere, after=erase_everywhere),
}


def the_end(story: Any, scene: Scene) -> tuple[Any, ...]:
    report = story.world.settle("crm", limit=6)
    assert not [key for key in report.counts if "/base/" not in key], report.counts
    story.world.wait(700)
    story.world.settle("crm", limit=6)
    story.verify()
    return story.ours(), story.theirs(), story.held(), scene.ends(story)


@pytest.mark.parametrize("name", SCENES)
def test_whatever_is_cut_both_sides_end_as_if_nothing_had_happened(story: Any, name: str) -> None:
    scene = SCENES[name]
    scene.prepare(story)
    story.world.wait(60)
    story.keep("prepared")

    def played(at: int) -> tuple[Any, tuple[Any, ...]]:
        scene.again(story)
        fuse = story.cut_at(at, lambda: scene.work(story))
        scene.after(story)
        return fuse, the_end(story, scene)

    whole, expected = played(-1)
    assert whole.count > 3
    for at in range(story.crm.connector == "hubspot", whole.count, STRIDE):
        story.put_back("prepared")
        fuse, ended = played(at)
        assert fuse.blown
        for here, there in zip(ended, expected, strict=True):
            assert here == there, f"cut at effect {at} of {whole.count}"
