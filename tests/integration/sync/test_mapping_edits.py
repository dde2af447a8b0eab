"""An edit of a mapping costs what it touches, and what it strands is resolved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from prmsync.domain.merge import First, Policy
from prmsync.domain.values import Values
from prmsync.mapping.model import StreamMapping
from prmsync.store import held, journal, links
from prmsync.sync import run

Change = Callable[[StreamMapping], StreamMapping]


def of_partners(change: Change) -> Change:
    return lambda mapping: change(mapping) if mapping.stream == "partner" else mapping


def with_rules(name: str, **rules: Any) -> Change:
    def altered(mapping: StreamMapping) -> StreamMapping:
        group = replace(mapping.groups[name], **rules)
        return replace(mapping, groups={**mapping.groups, name: group})

    return of_partners(altered)


@pytest.fixture
def partner(world: Any, partner_values: Values) -> str:
    made = world.insert("partner", {**partner_values, "duns": "987654321"})
    world.settle("crm")
    return str(made)


def in_crm(crm: Any) -> str:
    return str(crm.only("partner")[crm.words["id"]])


def reads(report: Any) -> int:
    return int(report.calls.get("read", 0))


def base_of(world: Any, prm_id: str) -> Values:
    with world.database.read() as connection:
        (link,) = links.ids_of_record(connection, "partner", prm_id)
        base = links.by_ids(connection, [link])[link].base
    assert base is not None
    return base


def waiting(world: Any) -> list[tuple[str, str]]:
    with world.database.read() as connection:
        return [(item.group, item.kind) for _, item in held.waiting_items(connection)]


def test_a_changed_policy_decides_what_waits_without_reading_everything(
    world: Any, crm: Any, partner: str
) -> None:
    world.edit("partner", partner, {"name": "Ours GmbH"})
    crm.change("partner", in_crm(crm), name="Theirs GmbH")
    world.settle("crm")
    assert waiting(world) == [("name", "both sides changed")]
    usual = reads(world.sync("crm"))
    world.alter = with_rules("name", policy=Policy.PRM, first=First.PRM)
    report = world.sync("crm", release=True)
    assert reads(report) == usual
    assert report.mapping_edits == [
        "partner: `name`: policy hold → prm, first rule crm → prm; what waits or differs is "
        "decided again"
    ]
    assert waiting(world) == []
    assert crm.row("partner", in_crm(crm))[crm.words["name"]] == "Ours GmbH"
    assert world.sync("crm").mapping_edits == []


def test_a_changed_policy_leaves_links_at_rest_alone(world: Any, crm: Any, partner: str) -> None:
    world.alter = with_rules("country", policy=Policy.CRM, first=First.CRM)
    with world.session("crm") as session:
        (stream,) = [one for one in session.streams.values() if one.name == "partner"]
        assert stream.change.members == ("country",)
        assert not (stream.change.reads or stream.change.decides)
    assert world.sync("crm").counts == {}


def test_a_new_field_is_filled_in_by_its_first_rule_and_only_that(
    world: Any, crm: Any, partner_values: Values, rig: Any
) -> None:
    world.alter = lambda one: rig.without(one, "duns")
    partner = world.insert("partner", {**partner_values, "duns": "987654321"})
    world.settle("crm")
    word = duns_of(crm, rig)
    world.wait(10_000)
    world.settle("crm")
    world.alter = lambda one: one
    report = world.sync("crm", release=True)
    assert "partner: `duns` is new: it is filled in by its `first` rule" in report.mapping_edits
    world.settle("crm")
    assert crm.only("partner")[word] == "987654321"
    with world.database.read() as connection:
        changed = [
            dict(action.fields)
            for action, _, _ in run_history(connection, partner)
            if action.side == "crm" and action.op == "update"
        ]
    assert changed == [{"duns": (None, "987654321")}]


def duns_of(crm: Any, rig: Any) -> str:
    """The CRM's name of the field."""
    mapping = next(one for one in rig.shipped(crm.connector) if one.stream == "partner")
    return str(mapping.fields["duns"].crm)


def run_history(connection: Any, partner: str) -> Any:
    return journal.history(connection, links.ids_of_record(connection, "partner", partner))


def test_peoples_edits_are_written_before_a_new_field_is_filled_in(
    world: Any, crm: Any, partner_values: Values, rig: Any
) -> None:
    world.alter = lambda one: rig.without(one, "duns")
    first = world.insert("partner", {**partner_values, "duns": "987654321"})
    second = world.insert(
        "partner", {**partner_values, "name": "Initech", "domain": "initech.example"}
    )
    world.settle("crm")
    world.wait(10_000)
    world.settle("crm")
    world.alter = lambda one: one
    world.edit("partner", second, {"country": "FR"})
    world.sync("crm", release=True)
    with world.database.read() as connection:
        rows = [
            (name, action.id)
            for prm_id in (first, second)
            for action, _, _ in run_history(connection, prm_id)
            if action.op == "update" and action.side == "crm"
            for name in action.fields
        ]
    order = [name for name, _ in sorted(rows, key=lambda row: row[1])]
    assert order == ["country", "duns"]


def test_a_removed_field_is_forgotten_and_nothing_is_blanked(
    world: Any, crm: Any, partner: str, rig: Any
) -> None:
    word = duns_of(crm, rig)
    world.alter = lambda one: rig.without(one, "duns")
    report = world.sync("crm", release=True)
    assert "partner: `duns` is no longer mapped: nothing is blanked" in report.mapping_edits
    world.edit("partner", partner, {"duns": "111111111"})
    world.settle("crm")
    assert crm.only("partner")[word] == "987654321"
    assert "duns" not in base_of(world, partner)


def test_a_field_that_comes_back_is_a_new_one(world: Any, crm: Any, partner: str, rig: Any) -> None:
    """What both agreed on before is no measure: both were edited since, and nobody looked."""
    world.alter = lambda one: rig.without(one, "duns")
    world.settle("crm")
    world.edit("partner", partner, {"duns": "111111111"})
    world.settle("crm")
    world.alter = with_rules("duns", first=First.HOLD)
    world.settle("crm")
    assert [group for group, _ in waiting(world)] == ["duns"]


def test_a_removed_field_takes_what_waits_for_it_along(
    world: Any, crm: Any, partner: str, rig: Any
) -> None:
    world.edit("partner", partner, {"duns": "111111111"})
    word = duns_of(crm, rig)
    crm.edit(crm.words["partner"], in_crm(crm), {word: "222222222"})
    world.settle("crm")
    assert [group for group, _ in waiting(world)] == ["duns"]
    world.alter = lambda one: rig.without(one, "duns")
    world.settle("crm")
    assert waiting(world) == []


def test_a_plan_shows_the_edit_and_the_next_run_still_follows_it(
    world: Any, crm: Any, partner: str, rig: Any
) -> None:
    world.alter = lambda one: rig.without(one, "duns")
    for _ in range(2):
        world.wait(2)
        with world.session("crm") as session:
            assert "duns" in run.plan(session).mapping_edits[0]
        assert base_of(world, partner)["duns"] == "987654321"
    assert "duns" in world.sync("crm").mapping_edits[0]
    assert "duns" not in base_of(world, partner)


def test_a_first_read_that_broke_off_before_an_edit_is_not_lost(
    world: Any, crm: Any, partner_values: Values, rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything was read without the field, the run died, and the field came into the mapping."""
    word = duns_of(crm, rig)
    values = {crm.words["name"]: "Globex Corporation", word: "123456789"}
    crm.create(crm.words["partner"], {**values, crm.words["domain"]: "globex.example"})
    partner = world.insert("partner", {**partner_values, "duns": None})
    world.alter = lambda one: rig.without(one, "duns")
    with monkeypatch.context() as patched:
        patched.setattr(run, "pair_up", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            world.sync("crm")
    world.alter = lambda one: one
    world.wait(10_000)
    world.settle("crm")
    assert world.ours("partner", partner)["duns"] == "123456789"


def test_a_write_that_was_let_go_before_the_edit_is_not_noted_as_sent(
    world: Any, crm: Any, partner: str, rig: Any
) -> None:
    """The run that was to send it died; the next one knows no such field any more."""
    world.edit("partner", partner, {"duns": "123456789"})

    def cut(_: Any) -> Any:
        raise KeyboardInterrupt

    before_it_is_written = r"batch/read$|composite/sobjects"
    with pytest.raises(KeyboardInterrupt), crm.standing_before(cut, before_it_is_written):
        world.sync("crm", release=True)
    world.alter = of_partners(lambda one: rig.without(one, "duns"))
    world.wait(400)
    world.settle("crm")
    assert "duns" not in base_of(world, partner)
    crm.change("partner", in_crm(crm), name="Theirs GmbH")
    world.settle("crm")
    assert world.ours("partner", partner)["name"] == "Theirs GmbH"
