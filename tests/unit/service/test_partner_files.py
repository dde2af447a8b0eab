"""Files of targets and judgements for one look at the forecast."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from prmsync.answers.judgement import Judgement, beside, without_forecast
from prmsync.answers.quarter_outlook import quarter_outlook
from prmsync.errors import ConfigurationError, InputError
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.service.judgement_file import read_judgements
from prmsync.service.target_file import read_targets
from prmsync.store import tables
from prmsync.store.database import Database
from prmsync.store.targets import Target

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.fixture
def partners(database: Database) -> Database:
    rows = [{"id": "p1", "name": "Globex"}, {"id": "p2", "name": "Initech"}]
    deal = {
        "id": "o1",
        "name": "deal",
        "partner": "p1",
        "stage": "launched",
        "amount": Decimal(900),
    }
    dated = {"currency": "EUR", "close_date": date(2026, 11, 5), "created_at": NOW}
    with database.begin() as connection:
        connection.execute(tables.partner.insert(), rows)
        connection.execute(tables.opportunity.insert().values(**deal, **dated))
    return database


def write(folder: Path, text: str) -> Path:
    path = folder / "in.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_targets_are_read_by_the_partners_names(partners: Database, tmp_path: Path) -> None:
    path = write(tmp_path, "partner;period;amount;currency\nglobex;2026Q4;500;EUR\n")
    assert read_targets(partners, path) == [Target("p1", "2026Q4", "EUR", Decimal(500))]


def test_judgements_stand_beside_the_forecast_and_change_nothing(
    partners: Database, tmp_path: Path
) -> None:
    text = "partner,currency,commit,upside\nGlobex,EUR,900,2000\nInitech,EUR,5,\nInitech,GBP,,7\n"
    found = read_judgements(partners, write(tmp_path, text))
    assert found[0] == Judgement("p1", "EUR", Decimal(900), Decimal(2000), None)
    outlook = quarter_outlook(partners, REFERENCE_PROGRAM, None, None, NOW)
    (view,) = outlook.indirect
    globex, initech = beside(view, "hazard", found)
    assert (globex.chance, initech.forecast, initech.chance) == (1.0, 0.0, 0.0)
    mean = view.found.groups["partner"].mean[0]
    assert globex.forecast == mean
    assert without_forecast(outlook, found) == ["GBP"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("partner,currency,commit\nNobody,EUR,5\n", "in.csv:2  partner: there is no partner"),
        ("partner,currency,commit\n,EUR,5\n", "partner: is blank"),
        ("partner,currency,commit\nGlobex,EUR,x\n", "`x` is not a number"),
        ("partner,currency,commit\nGlobex,EUR,-1\n", "commit: -1.00 is negative"),
        ("partner,currency,commit\nGlobex,EUR,\n", "nothing is said"),
        ("partner,currency,commit\nGlobex,EUR,1\nGLOBEX,EUR,2\n", "stands in line 2 already"),
        ("partner,currency,commit\nGlobex,EUR,1,9\n", "4 cells, the header has 3"),
    ],
)
def test_bad_rows_are_named_with_their_lines(
    partners: Database, tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_judgements(partners, write(tmp_path, text))
    assert words in "\n".join(map(str, caught.value.findings))


def test_partners_of_one_name_need_an_id(partners: Database, tmp_path: Path) -> None:
    with partners.begin() as connection:
        connection.execute(tables.partner.insert().values(id="p3", name="Globex"))
    path = write(tmp_path, "partner,currency,commit\nGlobex,EUR,1\np3,EUR,1\n")
    with pytest.raises(InputError) as caught:
        read_judgements(partners, path)
    assert len(caught.value.findings) == 1


def test_a_file_without_its_columns_is_refused(partners: Database, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_judgements(partners, write(tmp_path, "name,commit\nGlobex,5\n"))
    assert "field partner" in "\n".join(map(str, caught.value.findings))
    with pytest.raises(ConfigurationError):
        read_targets(partners, tmp_path / "none.csv")
