"""A first load that a person has let go: pages are decided where they are stored, not otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from prmsync.errors import StateError
from prmsync.mapping.model import OwnerMap
from prmsync.store.tables import action, link, stream
from prmsync.sync import decide, fresh, observe
from prmsync.sync.claims import take_over

LINK = ("state", "base", "seen", "crm_id", "crm_version", "crm_modified_by", "prm_gone", "dirty")
ROW = ("side", "op", "state", "fields", "reason", "cause", "brake_id")


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The streams whose pages were decided in the transaction that stored them."""
    found: list[str] = []
    usual = fresh.take_fresh

    def noted(*given: Any) -> None:
        found.append(given[2].name)
        usual(*given)

    monkeypatch.setattr(fresh, "take_fresh", noted)
    return found


def deal(crm: Any, name: str, **more: Any) -> str:
    words = crm.words
    values = {
        words["name"] if crm.connector == "salesforce" else "dealname": name,
        words["stage"]: words["negotiation"],
        words["close_date"]: words["day"].format("2026-12-18"),
        **more,
    }
    return str(crm.create(words["opportunity"], values))


def stored(world: Any) -> list[list[dict[str, Any]]]:
    """Links and journal rows, without what counts up by itself."""
    with world.database.read() as connection:
        of = sa.select(stream.c.name, *(link.c[name] for name in LINK), link.c.id)
        links = connection.execute(of.join(stream, stream.c.id == link.c.stream_id)).all()
        order = {row.id: row.crm_id for row in links}
        rows = connection.execute(sa.select(action).where(action.c.state != "superseded")).all()
        shown = [{name: getattr(row, name) for name in ("name", *LINK)} for row in links]
        written = [
            {"crm_id": order[row.link_id], **{name: getattr(row, name) for name in ROW}}
            for row in rows
        ]
    return [sorted(part, key=lambda one: str(one["crm_id"])) for part in (shown, written)]


def test_it_ends_as_the_usual_way_does(
    make_world: Any, tmp_path: Any, crm: Any, world: Any, taken: list[str]
) -> None:
    for name in ("Backup", "Firewall", "Storage"):
        deal(crm, name)
    other = make_world(url=f"sqlite:///{tmp_path / 'other.db'}", crm=crm.connector)
    other.crms["crm"], other.at = crm, world.at
    assert other.sync("crm").state == "waiting"
    assert taken == []
    world.wait(60)  # the CRM's limits go by this world's clock
    other.at = world.at
    world.sync("crm", release=True)
    assert taken == ["opportunity"]
    world.wait(60)
    other.sync("crm", release=True)
    assert stored(world) == stored(other)
    assert {one["name"] for one in world.all_ours("opportunity").values()} == {
        "Backup",
        "Firewall",
        "Storage",
    }


@pytest.mark.parametrize("release", [False, True])
def test_a_new_record_is_decided_as_any_other(
    make_world: Any,
    tmp_path: Any,
    crm: Any,
    world: Any,
    monkeypatch: pytest.MonkeyPatch,
    release: bool,
) -> None:
    """Also with a stage that nobody mapped, and with an owner who left."""
    deal(crm, "Backup")
    deal(crm, "Priced", **{crm.words["amount"]: "48000"})
    with world.session("crm") as session:
        people = list(session.connector.people())
    left = next(one.id for one in people if not one.active)
    email = next(one.email for one in people if one.active and one.email)
    world.alter = lambda one: replace(one, owners=OwnerMap(fallback=email))
    odd = {"salesforce": {"StageName": "Unheard of"}, "hubspot": {"hubspot_owner_id": left}}
    deal(crm, "Odd", **odd[crm.connector])
    other = make_world(url=f"sqlite:///{tmp_path / 'other.db'}", crm=crm.connector)
    other.crms["crm"], other.at, other.alter = crm, world.at, world.alter
    world.sync("crm", release=release)
    world.wait(60)  # the CRM's limits go by this world's clock
    monkeypatch.setattr(decide, "creations", lambda *_, **__: lambda _: None)
    other.sync("crm", release=release)
    assert stored(world) == stored(other)


def test_the_next_run_has_nothing_left_to_create(world: Any, crm: Any, taken: list[str]) -> None:
    deal(crm, "Backup")
    first = world.sync("crm", release=True)
    assert first.counts["opportunity/prm/create/done"] == 1
    world.settle("crm")
    assert len(world.all_ours("opportunity")) == len(crm.rows("opportunity")) == 1
    assert world.history("opportunity", next(iter(world.all_ours("opportunity"))))
    assert all(one.is_clean for one in world.verify("crm"))


def test_records_that_a_read_shows_twice_are_taken_once(
    world: Any, crm: Any, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a connector reads in several places at once, and one runs into the next."""
    usual = observe.gathered

    def overlapping(pages: Any) -> Any:
        for page in usual(pages):
            yield replace(page, records=page.records[:2], cursor=None)
            yield page

    monkeypatch.setattr(observe, "gathered", overlapping)
    for name in ("Backup", "Firewall", "Storage"):
        deal(crm, name)
    report = world.sync("crm", release=True)
    assert taken == ["opportunity", "opportunity"]
    assert report.counts["opportunity/prm/create/done"] == len(world.all_ours("opportunity")) == 3
    world.settle("crm")
    assert all(one.is_clean for one in world.verify("crm"))


def test_records_of_ours_that_could_match_go_the_usual_way(
    world: Any, crm: Any, taken: list[str]
) -> None:
    deal(crm, "Backup")
    ours = {"name": "Firewall", "stage": "qualified", "close_date": "2026-12-20"}
    world.insert("opportunity", ours)
    world.sync("crm", release=True)
    assert taken == []
    assert len(world.all_ours("opportunity")) == 2


def test_a_key_of_another_partner_database_stops_the_run_before_anything_is_taken(
    world: Any, crm: Any, taken: list[str]
) -> None:
    deal(crm, "Backup")
    deal(crm, "Firewall", **{crm.words["opportunity_key"]: "0198aaaa-0000-7000-8000-000000000001"})
    with pytest.raises(StateError, match="does not know"):
        world.sync("crm", release=True)
    assert taken == []
    assert world.all_ours("opportunity") == {}


@pytest.mark.parametrize("release", [False, True])
def test_keys_of_another_partner_database_are_asked_for_before_anything_is_stored(
    world: Any, crm: Any, taken: list[str], release: bool
) -> None:
    """Whatever page they would have come with; accepted by a person, the first load goes on."""
    for at in range(3):
        deal(crm, f"Deal {at}")
    key = {crm.words["opportunity_key"]: "0198aaaa-0000-7000-8000-000000000001"}
    for at in range(120):
        deal(crm, f"More {at}", **(key if at == 119 else {}))
    with pytest.raises(StateError, match="does not know"):
        world.sync("crm", release=release)
    with world.database.read() as connection:
        assert len(connection.execute(sa.select(link)).all()) == 1  # the one to be accepted
    assert world.all_ours("opportunity") == {}
    assert take_over(world.database, "crm", unread=True)
    world.sync("crm", release=True)
    assert len(world.all_ours("opportunity")) == 123


@pytest.mark.parametrize("connector", ["salesforce", "hubspot"])
def test_postgresql_gives_new_links_their_ids_too(
    make_world: Any, postgres_url: str, connector: str, taken: list[str]
) -> None:
    world = make_world(url=postgres_url, crm=connector)
    for name in ("Backup", "Firewall"):
        deal(world.crms["crm"], name)
    world.sync("crm", release=True)
    assert taken == ["opportunity"]
    deal(world.crms["crm"], "Storage")
    world.settle("crm")
    assert len(world.all_ours("opportunity")) == 3
    assert all(one.is_clean for one in world.verify("crm"))
