"""Putting the other side back: the edits behind a waiting plan are undone, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prmsync.domain.merge import Writes
from prmsync.domain.values import Values
from prmsync.errors import StateError
from prmsync.mapping.model import BrakeLimits
from prmsync.store import runs
from prmsync.sync import revert as revert_module
from prmsync.sync import run
from prmsync.sync.revert import revert
from prmsync.sync.verify import verify

COUNT = 8
STRICT = BrakeLimits(absolute=3, percent=10, creates=3, deletes=3, ends=3)


@pytest.fixture
def strict(world: Any) -> Any:
    world.alter = lambda mapping: replace(mapping, brakes=STRICT)
    return world


@pytest.fixture
def deals(strict: Any, partner_values: Values) -> list[str]:
    """Eight deals that both sides have."""
    strict.insert("partner", partner_values)
    made = [
        strict.insert(
            "opportunity",
            {"name": f"Deal {at}", "close_date": "2026-12-20", "source": "fair"},
        )
        for at in range(COUNT)
    ]
    strict.settle("crm")
    strict.wait(700)
    strict.settle("crm")
    return made


def in_crm(crm: Any, word: str) -> list[Any]:
    rows = sorted(crm.rows("opportunity"), key=lambda row: row[crm.words["deal_name"]])
    return [row[crm.words[word]] for row in rows]


def edit_in_crm(world: Any, crm: Any, **values: Any) -> Any:
    for row in crm.rows("opportunity"):
        crm.change("opportunity", row[crm.words["id"]], **values)
    world.wait(60)
    report = world.sync("crm")
    assert report.waiting_run is not None
    return report


def put_back(world: Any, run_id: int) -> Any:
    world.wait(2)
    with world.session("crm") as session:
        return revert(session, run_id)


def is_at_rest(world: Any) -> bool:
    """A later run changes nothing, nobody has to decide, both sides are equal."""
    world.wait(700)
    report = world.sync("crm")
    with world.session("crm") as session:
        clean = all(one.is_clean for one in verify(session))
    written = [key for key in report.counts if "/base/" not in key and key.endswith("/done")]
    return clean and not written and report.waiting_run is None and not report.held


def state_of(world: Any, run_id: int) -> str:
    with world.database.read() as connection:
        return runs.get(connection, run_id).state


def test_a_mass_edit_in_the_crm_is_put_back_there(strict: Any, crm: Any, deals: list[str]) -> None:
    waiting = edit_in_crm(strict, crm, source="gone wrong")
    report = put_back(strict, waiting.waiting_run)
    assert (report.state, report.refused_rows) == ("done", [])
    assert report.counts["opportunity/crm/update/done"] == COUNT
    assert in_crm(crm, "source") == ["fair"] * COUNT
    assert {strict.ours("opportunity", one)["source"] for one in deals} == {"fair"}
    assert state_of(strict, waiting.waiting_run) == "superseded"
    assert is_at_rest(strict)


def test_a_mass_edit_of_ours_is_put_back_in_the_partner_database(
    strict: Any, crm: Any, deals: list[str]
) -> None:
    for one in deals:
        strict.edit("opportunity", one, {"source": "gone wrong"})
    waiting = strict.sync("crm")
    report = put_back(strict, waiting.waiting_run)
    assert report.counts["opportunity/prm/update/done"] == COUNT
    assert {strict.ours("opportunity", one)["source"] for one in deals} == {"fair"}
    assert in_crm(crm, "source") == ["fair"] * COUNT
    assert is_at_rest(strict)


def test_records_that_we_removed_in_mass_are_made_again(
    strict: Any, crm: Any, deals: list[str]
) -> None:
    strict.remove("opportunity", *deals)
    waiting = strict.sync("crm")
    report = put_back(strict, waiting.waiting_run)
    assert report.counts["opportunity/prm/create/done"] == COUNT
    names = sorted(str(one["name"]) for one in strict.all_ours("opportunity").values())
    assert names == [f"Deal {at}" for at in range(COUNT)]
    assert len(in_crm(crm, "deal_name")) == COUNT
    assert is_at_rest(strict)


def test_what_moved_meanwhile_is_not_put_back_but_decided_anew(
    strict: Any, crm: Any, deals: list[str]
) -> None:
    waiting = edit_in_crm(strict, crm, source="gone wrong")
    row = crm.rows("opportunity")[0]
    crm.change("opportunity", row[crm.words["id"]], source="meant so")
    strict.wait(60)
    report = put_back(strict, waiting.waiting_run)
    assert len(report.refused_rows) == 1
    assert sorted(in_crm(crm, "source")) == ["fair"] * (COUNT - 1) + ["meant so"]
    strict.settle("crm")
    sources = sorted(str(strict.ours("opportunity", one)["source"]) for one in deals)
    assert sources == ["fair"] * (COUNT - 1) + ["meant so"]


def test_creations_cannot_be_put_back_and_still_wait(
    strict: Any, crm: Any, deals: list[str]
) -> None:
    for at in range(5):
        strict.insert("opportunity", {"name": f"New {at}", "close_date": "2026-12-20"})
    waiting = edit_in_crm(strict, crm, source="gone wrong")
    report = put_back(strict, waiting.waiting_run)
    assert "5 cannot be put back" in report.message
    assert report.state == "done"
    assert in_crm(crm, "source") == ["fair"] * COUNT
    assert state_of(strict, waiting.waiting_run) == "waiting"
    with strict.session("crm") as session:
        run.apply(session, waiting.waiting_run)
    assert len(in_crm(crm, "deal_name")) == COUNT + 5


def test_a_revert_that_is_cut_off_is_gone_on_with_by_the_next_run(
    strict: Any, crm: Any, deals: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = edit_in_crm(strict, crm, source="gone wrong")

    def cut(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(revert_module, "apply_crm", cut)
    with pytest.raises(ZeroDivisionError):
        put_back(strict, waiting.waiting_run)
    monkeypatch.undo()
    report = strict.sync("crm")
    assert list(report.went_on.values()) == [COUNT]
    assert in_crm(crm, "source") == ["fair"] * COUNT
    assert is_at_rest(strict)


def test_a_run_that_does_not_wait_and_a_one_sided_connection_are_refused(
    strict: Any, crm: Any, deals: list[str]
) -> None:
    done = strict.sync("crm")
    with pytest.raises(StateError, match="nothing to apply"):
        put_back(strict, done.run_id)
    waiting = edit_in_crm(strict, crm, source="gone wrong")
    with (
        strict.session("crm", Writes.PRM) as session,
        pytest.raises(StateError, match="may not write both sides"),
    ):
        revert(session, waiting.waiting_run)
