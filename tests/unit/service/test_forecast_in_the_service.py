"""The daily work tells the forecast to records where a mapping has a field for it."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from prmsync.mapping.locate import where_mappings
from prmsync.service.forecast_marking import maps_forecast
from prmsync.service.serving_program import ProgramWork
from prmsync.service.settings import load_settings
from prmsync.service.wiring import Application
from prmsync.store import tables
from prmsync.store.database import Database

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
OURS = re.compile(r"  forecast_\w+: .*\n|  forecast:\n(    .*\n)+")


@pytest.fixture
def deal(database: Database) -> Database:
    made = NOW - timedelta(days=40)
    row = {
        "id": "o1",
        "name": "deal",
        "partner": "p1",
        "stage": "committed",
        "amount": Decimal(1000),
        "currency": "EUR",
        "close_date": NOW.date() + timedelta(days=20),
        "created_at": made,
    }
    with database.begin() as connection:
        connection.execute(tables.partner.insert().values(id="p1", name="Globex"))
        connection.execute(tables.opportunity.insert().values(**row))
    return database


def application(folder: Path, database: Database, program: str = "") -> Application:
    mapping = folder / "mapping"
    mapping.mkdir()
    for path in where_mappings("salesforce"):
        shutil.copy(path, mapping)
    (folder / "prmsync.toml").write_text(
        '[database]\nurl = "sqlite:///prm.db"\n[connections.sales]\nconnector = "salesforce"\n'
        f'org = "00D000000000001"\nmapping = "mapping"\n{program}'
    )
    return Application(load_settings(folder / "prmsync.toml"), database, lambda: NOW)


def without_fields(folder: Path) -> None:
    for path in (folder / "mapping").iterdir():
        text = OURS.sub("", path.read_text(encoding="utf-8")).replace("groups:\n\n", "\n")
        path.write_text(text, encoding="utf-8")


def chance(database: Database) -> Decimal | None:
    with database.read() as connection:
        found: Decimal | None = connection.execute(
            sa.select(tables.opportunity.c.forecast_chance)
        ).scalar_one()
        return found


def test_nothing_is_kept_that_no_crm_shows(deal: Database, tmp_path: Path) -> None:
    app = application(tmp_path, deal)
    without_fields(tmp_path)
    assert not maps_forecast(app)
    assert ProgramWork(app).forecast()
    assert chance(deal) is None


def test_the_fields_of_the_shipped_mappings_are_filled(deal: Database, tmp_path: Path) -> None:
    app = application(tmp_path, deal)
    assert maps_forecast(app)
    assert ProgramWork(app).forecast()
    assert (chance(deal) or 0) > 0


def test_a_program_that_cannot_be_read_is_told_and_nothing_stops(
    deal: Database, tmp_path: Path
) -> None:
    app = application(tmp_path, deal, '[program]\nfile = "none.yaml"\n')
    assert not ProgramWork(app).forecast()
    assert chance(deal) is None
