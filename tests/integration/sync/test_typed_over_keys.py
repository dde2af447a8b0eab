"""A CRM user types over the prmsync key of a linked record: the link goes by the record's id."""

from __future__ import annotations

import pytest

from rig import OTHER_PARTNER, Crm, World


def type_over(world: World, crm: Crm, key: str) -> str:
    """Returns the CRM id of the only partner there."""
    record = str(crm.only("partner")[crm.words["id"]])
    crm.change("partner", record, partner_key=key)
    world.wait(60)
    return record


def keys(crm: Crm) -> dict[str, str]:
    """Name → key of the CRM's partners."""
    return {row[crm.words["name"]]: row[crm.words["partner_key"]] for row in crm.rows("partner")}


@pytest.mark.parametrize("full", [False, True])
def test_nothing_is_written_or_made_for_the_key_alone(
    world: World, crm: Crm, partner: str, full: bool
) -> None:
    record = type_over(world, crm, "typed by hand")
    for _ in range(2):
        assert world.sync("crm", full=full).counts == {}
        world.wait(60)
    assert str(crm.only("partner")[crm.words["id"]]) == record
    assert list(world.all_ours("partner")) == [partner]
    assert keys(crm) == {"Globex Corporation": "typed by hand"}


def test_our_key_goes_back_with_the_next_write_of_the_same_record(
    world: World, crm: Crm, partner: str
) -> None:
    record = type_over(world, crm, "typed by hand")
    world.edit("partner", partner, {"name": "Globex GmbH"})
    world.settle("crm")
    assert str(crm.only("partner")[crm.words["id"]]) == record
    assert keys(crm) == {"Globex GmbH": partner}
    (told,) = [one for one in world.history("partner", partner) if "@key" in one.fields]
    assert told.fields["@key"] == ("typed by hand", partner)


def test_our_key_goes_back_too_where_the_key_was_typed_after_the_edit_here(
    world: World, crm: Crm, partner: str
) -> None:
    world.edit("partner", partner, {"name": "Globex GmbH"})
    type_over(world, crm, "typed by hand")
    world.settle("crm")
    assert keys(crm) == {"Globex GmbH": partner}


def test_an_edit_of_the_crm_comes_in_under_the_typed_key(
    world: World, crm: Crm, partner: str
) -> None:
    record = type_over(world, crm, "typed by hand")
    crm.change("partner", record, name="Globex AG")
    world.wait(60)
    world.settle("crm")
    assert {one: row["name"] for one, row in world.all_ours("partner").items()} == {
        partner: "Globex AG"
    }


def test_the_key_of_a_record_that_is_still_to_be_made_does_not_let_it_be_written_over(
    world: World, crm: Crm, partner: str
) -> None:
    """A creation goes by the key: with another's record under it, it would be written over."""
    other = world.insert("partner", dict(OTHER_PARTNER))
    record = type_over(world, crm, other)
    world.settle("crm")
    assert keys(crm) == {"Globex Corporation": partner, "Initech": other}
    assert crm.row("partner", record)[crm.words["name"]] == "Globex Corporation"
