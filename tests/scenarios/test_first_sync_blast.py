"""First-sync blast.

**In the field.** The first sync has no memory: everything looks new. It creates four hundred
accounts that were there already under slightly other names, overwrites what reps kept for years
with the partner portal's blanks, and every workflow of the CRM sends its mail. The same happens
when a sync's memory is lost and it starts again, or when one side is suddenly empty.

**Known from.** skarra/ASynK#57 (the state is deleted, the next sync deletes everything).

**prmsync** links what matches before it creates anything, lets a rule per field say what stands at
the first link, never clears a value because the other side knows nothing, and holds first creations
and unusual numbers until a person lets them go. With `writes = "none"` it only plans.
"""

from __future__ import annotations

from prmsync.domain.merge import Writes
from prmsync.domain.values import Values
from prmsync.store.tables import metadata
from rig import Crm, World


def partners(world: World, count: int) -> list[str]:
    made = []
    for at in range(count):
        values: Values = {
            "name": f"Partner {at}",
            "domain": f"p{at}.example",
            "country": "DE",
            "types": "reseller",
            "status": "active",
        }
        made.append(world.insert("partner", values))
    return made


def account(crm: Crm, at: int, **values: str) -> str:
    """An account that sales has kept under a slightly other name."""
    words = crm.words
    own = {words["name"]: f"Partner {at} Ltd.", words["domain"]: f"https://www.p{at}.example/"}
    if crm.connector == "hubspot":
        own[words["domain"]] = f"p{at}.example"
    return crm.create(words["partner"], own | {words[key]: one for key, one in values.items()})


def forget(world: World) -> None:
    """Empty all that hangs on a connection: links, cursors, journal, runs."""
    known = {"connection"}
    for table in metadata.sorted_tables:
        if any(key.column.table.name in known for key in table.foreign_keys):
            known.add(table.name)
    with world.database.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name in known:
                connection.execute(table.delete())


def test_nothing_is_created_before_a_person_has_seen_the_plan(world: World, crm: Crm) -> None:
    partners(world, 5)
    for _ in range(3):
        report = world.sync("crm")
        assert report.trips or report.waiting_run
    assert crm.rows("partner") == []


def test_what_exists_under_another_name_is_linked_and_its_name_stands(
    world: World, crm: Crm
) -> None:
    made = partners(world, 4)
    for at in range(3):
        account(crm, at)
    world.settle("crm")
    assert len(crm.rows("partner")) == 4
    assert sorted(str(world.ours("partner", one)["name"]) for one in made) == [
        "Partner 0 Ltd.",
        "Partner 1 Ltd.",
        "Partner 2 Ltd.",
        "Partner 3",
    ]


def test_blanks_of_one_side_clear_nothing_on_the_other(world: World, crm: Crm) -> None:
    (ours,) = partners(world, 1)
    world.edit("partner", ours, {"country": None})
    record = account(crm, 0, country="FR")
    world.settle("crm")
    assert world.ours("partner", ours)["country"] == "FR"
    row = crm.row("partner", record)
    assert row[crm.words["country"]] == "FR"
    assert row["PRM_Types__c" if crm.connector == "salesforce" else "prm_types"]


def test_values_that_differ_at_the_first_link_wait_unless_a_rule_decides(
    world: World, crm: Crm
) -> None:
    (ours,) = partners(world, 1)
    record = account(crm, 0, country="FR")
    world.settle("crm")
    assert world.ours("partner", ours)["country"] == "DE"
    assert crm.row("partner", record)[crm.words["country"]] == "FR"
    assert [(item.group, item.prm, item.crm) for item in world.held()] == [
        ("country", ("DE",), ("FR",))
    ]


def test_watching_writes_nothing_however_long(world: World, crm: Crm) -> None:
    made = partners(world, 3)
    account(crm, 0, country="FR")
    before = crm.control("GET", "state")["records"] if crm.connector == "salesforce" else None
    for _ in range(3):
        world.wait(3600)
        report = world.sync("crm", release=True, writes=Writes.NONE)
        assert report.calls.get("write", 0) == 0
    assert len(crm.rows("partner")) == 1
    assert before is None or crm.control("GET", "state")["records"] == before
    assert world.ours("partner", made[0])["name"] == "Partner 0"


def test_a_sync_that_lost_its_memory_links_again_and_makes_nothing_twice(
    world: World, crm: Crm, partner: str, deal: str, registration: str
) -> None:
    """The engine's own tables are gone; the records still know each other by our key."""
    streams = ("partner", "opportunity", "registration")
    before = {one: len(crm.rows(one)) for one in streams}
    forget(world)
    world.settle("crm")
    assert {one: len(crm.rows(one)) for one in streams} == before
    assert {one: len(world.all_ours(one)) for one in streams} == before
    assert world.held() == []
    assert all(one.is_clean for one in world.verify("crm"))


def test_an_emptied_partner_database_empties_no_crm(world: World, crm: Crm, deal: str) -> None:
    """Somebody's script deleted every record; relations are the stream that would follow."""
    made = partners(world, 20)
    for one in made:
        world.insert("relation", {"opportunity": deal, "partner": one, "role": "reseller"})
    world.settle("crm")
    assert len(crm.relations()) == 20
    world.remove("relation", *world.all_ours("relation"))
    world.wait(700)
    assert world.sync("crm").trips
    world.remove("opportunity", deal)
    for _ in range(2):
        world.wait(700)
        world.sync("crm")
    assert len(crm.relations()) == 20
    assert len(crm.rows("opportunity")) == 1
    assert len(crm.rows("partner")) == 21
