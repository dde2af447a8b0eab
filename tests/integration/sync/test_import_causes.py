"""An import is a cause of its own: for brakes, and in the history of what followed from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prmsync.domain.values import Values
from prmsync.reconcile.causes import words
from prmsync.service.importing.run import ImportOptions, import_file

PARTNERS = 60


@pytest.fixture
def made(world: Any, partner_values: Values) -> list[str]:
    made = [
        world.insert(
            "partner", {**partner_values, "name": f"Partner {at}", "domain": f"p{at}.example"}
        )
        for at in range(PARTNERS)
    ]
    world.settle("crm")
    world.wait(60)
    return made


def load(world: Any, folder: Path, names: list[str], **values: str) -> None:
    """Import a file by its column names, as dana."""
    path = folder / "new-partners.csv"
    lines = [",".join(["name", *values]), *(",".join([name, *values.values()]) for name in names)]
    path.write_text("\n".join(lines), encoding="utf-8")
    options = ImportOptions("partner", actor="dana", rule="map partners.yaml")
    report = import_file(
        world.database, path, options, now=world.now, new_id=lambda: next(world.ids)
    )
    assert report.created + report.updated == len(names)


def test_a_brake_names_the_import_and_lets_everybody_elses_edits_go(
    world: Any, crm: Any, made: list[str], tmp_path: Path
) -> None:
    load(world, tmp_path, [f"Partner {at}" for at in range(PARTNERS - 1)], country="FR")
    world.edit("partner", made[-1], {"country": "AT"})
    report = world.sync("crm")
    (trip,) = report.trips
    assert trip.count == PARTNERS - 1
    told = words(trip.cell.cause)
    assert told.startswith("imported from new-partners.csv (map partners.yaml) by dana, 2026-11-22")
    assert told.endswith("UTC, import 1")
    assert crm.named("partner", f"Partner {PARTNERS - 1}")[crm.words["country"]] == "AT"
    assert crm.named("partner", "Partner 0")[crm.words["country"]] == "DE"


def test_history_tells_the_import_until_somebody_edits_the_record(
    world: Any, crm: Any, made: list[str], tmp_path: Path
) -> None:
    load(world, tmp_path, ["Partner 0", "Imported new"], country="FR")
    world.settle("crm")
    updated = world.history("partner", made[0])[-1]
    assert updated.reason.startswith("edited in the partner database; imported from new-partners")
    (fresh,) = [
        key for key, row in world.all_ours("partner").items() if row["name"] == "Imported new"
    ]
    assert "by dana" in world.history("partner", fresh)[0].reason
    world.edit("partner", made[0], {"country": "AT"})
    world.settle("crm")
    last = world.history("partner", made[0])[-1]
    assert (last.reason, last.cause) == ("edited in the partner database", "prm")


def test_an_edit_in_the_crm_of_an_imported_record_is_no_import(
    world: Any, crm: Any, made: list[str], tmp_path: Path
) -> None:
    load(world, tmp_path, ["Partner 0"], country="FR")
    world.settle("crm")
    record = crm.id_of("partner", "Partner 0")
    crm.change("partner", record, country="AT")
    world.wait(60)
    world.settle("crm")
    last = [one for one in world.history("partner", made[0]) if one.side == "prm"][-1]
    assert str(last.cause).startswith("crm")
    assert "imported" not in last.reason
