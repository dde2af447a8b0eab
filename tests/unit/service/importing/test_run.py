"""Imports into a real database: all or nothing, every bad row named, repeatable."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from prmsync.domain.partner import Tier
from prmsync.errors import InputError
from prmsync.service.importing.columns import named_columns
from prmsync.service.importing.report import ImportReport, ranges
from prmsync.service.importing.run import ImportOptions, import_file
from prmsync.store.database import Database
from prmsync.store.opportunity_past import opportunity_past
from prmsync.store.tables import (
    change_log,
    deal_partner,
    opportunity,
    partner,
    person,
    registration,
)
from prmsync.store.tiers import save_tiers

NOW = datetime(2026, 11, 22, 9, 14, tzinfo=UTC)
Import = Callable[..., ImportReport]


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Import:
    ids = (f"id-{number:05}" for number in itertools.count())

    def import_text(text: str, stream: str = "registration", **options: Any) -> ImportReport:
        path = tmp_path / "in.csv"
        path.write_text(text, encoding="utf-8")
        columns = named_columns(options.pop("column", []), options.pop("constant", []))
        return import_file(
            database,
            path,
            ImportOptions(stream, extra=columns, **options),
            now=lambda: NOW,
            new_id=lambda: next(ids),
        )

    return import_text


def rows(database: Database, table: sa.Table) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(row._mapping) for row in connection.execute(sa.select(table))]


def test_registrations_come_in_with_their_dates_and_new_partners(
    run: Import, database: Database
) -> None:
    report = run(
        "number,partner,amount,currency,submitted_at\nDR-1,Acme,48000,EUR,2024-05-01\n",
        create_partners=True,
    )
    assert (report.created, report.partners_created, report.bad) == (1, 1, [])
    [one] = rows(database, registration)
    assert one["submitted_at"] == datetime(2024, 5, 1, tzinfo=UTC)
    assert (one["amount"], one["currency"]) == (48000, "EUR")
    assert [row["id"] for row in rows(database, partner)] == [one["partner"]]


def test_a_second_import_updates_by_number_and_writes_only_what_changed(
    run: Import, database: Database
) -> None:
    head = "number,partner,amount,currency\n"
    run(f"{head}DR-1,Acme,5,EUR\nDR-2,Acme,6,EUR\n", create_partners=True)
    before = len(rows(database, change_log))
    report = run(f"{head}DR-1,Acme,5.00,EUR\nDR-2,Acme,7,EUR\n")
    assert (report.created, report.updated, report.unchanged) == (0, 1, 1)
    assert len(rows(database, change_log)) == before + 1
    assert len(rows(database, registration)) == 2


def test_one_bad_row_and_nothing_is_imported(run: Import, database: Database) -> None:
    with pytest.raises(InputError) as caught:
        run("number,partner\nDR-1,Acme\n,Acme\n", create_partners=True)
    assert "1 of 2 rows" in caught.value.message
    assert caught.value.findings[0].where.endswith("in.csv:3")
    assert rows(database, registration) == rows(database, partner) == []


def test_with_skip_bad_the_good_rows_come_in(run: Import, database: Database) -> None:
    report = run(
        "number,partner,expected_close\nDR-1,Acme,soon\nDR-2,Acme,2026-01-31\n",
        create_partners=True,
        skip_bad=True,
    )
    assert (report.rows, report.created, report.bad_rows) == (2, 1, 1)
    assert [row["number"] for row in rows(database, registration)] == ["DR-2"]


def test_a_dry_run_counts_and_writes_nothing(run: Import, database: Database) -> None:
    report = run("number,partner\nDR-1,Acme\n", create_partners=True, dry_run=True)
    assert (report.created, report.partners_created) == (1, 1)
    assert rows(database, registration) == rows(database, partner) == []


def test_every_kind_of_bad_row_is_named_with_line_and_column(run: Import) -> None:
    run("name\nAcme\nTwin\n", "partner")
    report = run(
        "number,partner,amount,currency,review_state,outcome\n"
        "DR-1,Acme,x,EUR,draft,\n"
        "DR-2,Nobody,1,EUR,draft,\n"
        "DR-3,Acme,1,,draft,\n"
        "DR-4,Acme,1.234,EUR,draft,\n"
        "DR-5,Acme,1,EUR,closed,\n"
        "DR-6,Acme,1,EUR,draft,won\n"
        "DR-7,Acme,1,EUR,draft,\n"
        "DR-7,Acme,1,EUR,draft,\n"
        "DR-8,Acme\n",
        skip_bad=True,
    )
    found = {row.line: f"{row.column}|{row.message}" for row in report.bad}
    assert found == {
        2: "amount|amount: `x` is not a number",
        3: "|partner: there is no partner `Nobody`",
        4: "|amount: an amount without a currency",
        5: "|amount: 1.234 has more decimals than EUR has",
        6: "|outcome: a closed registration was won or lost",
        7: "|outcome: only a closed registration has one",
        9: "|DR-7 stands in line 8 already",
        10: "|2 cells, the header has 6",
    }
    assert report.created == 1


def test_the_same_reason_is_reported_once_with_all_its_lines(run: Import) -> None:
    lines = "".join(f"DR-{number},Nobody\n" for number in range(5))
    with pytest.raises(InputError) as caught:
        run(f"number,partner\n{lines}")
    assert [str(finding).split("  ", 1)[1] for finding in caught.value.findings] == [
        "partner: there is no partner `Nobody` (also lines 3-6)\n"
        "    Import partners first, or add --create-partners."
    ]


def test_what_only_the_database_can_refuse_is_named_too(run: Import, database: Database) -> None:
    report = run("name,tier\nAcme,Copper\nBeta,\n", "partner", skip_bad=True)
    assert [(row.line, row.message) for row in report.bad] == [(2, "tier: there is no tier Copper")]
    assert [row["name"] for row in rows(database, partner)] == ["Beta"]


def test_what_the_database_refuses_is_told_together_with_bad_cells(
    run: Import, database: Database
) -> None:
    with database.begin() as connection:
        save_tiers(connection, [Tier("Gold", 1)])
    with pytest.raises(InputError) as caught:
        run("name,tier\nAcme,Gould\n,Gold\nBeta,Gold\n", "partner")
    assert "2 of 3 rows" in caught.value.message
    gould, blank = caught.value.findings
    assert gould.where.endswith("in.csv:2")
    assert "tiers are Gold" in gould.hint
    assert blank.where.endswith("in.csv:3")
    assert rows(database, partner) == []


def test_partners_are_found_by_name_domain_or_id(run: Import, database: Database) -> None:
    run("name,domain\nAcme Inc,acme.example\n", "partner")
    [acme] = rows(database, partner)
    run(f"number,partner\nDR-1,acme  INC\nDR-2,acme.example\nDR-3,{acme['id']}\n")
    assert {row["partner"] for row in rows(database, registration)} == {acme["id"]}
    report = run("name,country\nACME inc,DE\n", "partner")
    assert (report.created, report.updated) == (0, 1)


def test_opportunities_are_linked_by_number_and_relations_by_their_ends(
    run: Import, database: Database
) -> None:
    run("number,name\nO-1,Firewall\n", "opportunity")
    run("number,partner,opportunity\nDR-1,Acme,O-1\n", create_partners=True)
    [deal] = rows(database, opportunity)
    assert rows(database, registration)[0]["opportunity"] == deal["id"]
    text = "opportunity,partner,role,split\nO-1,Acme,reseller,60\n"
    assert run(text, "relation").created == 1
    assert run(text, "relation").unchanged == 1
    assert rows(database, deal_partner)[0]["split"] == 60


def test_people_are_known_by_their_e_mail(run: Import, database: Database) -> None:
    run("email,name\nDana@Acme.example,Dana\n", "person")
    report = run("email,name,active\ndana@acme.example,Dana,no\n", "person")
    assert (report.created, report.updated) == (0, 1)
    assert rows(database, person)[0]["active"] is False


def test_a_blank_cell_clears_a_field_but_not_one_that_needs_a_value(
    run: Import, database: Database
) -> None:
    head = "number,partner,customer_name,review_state\n"
    run(f"{head}DR-1,Acme,Northwind,submitted\n", create_partners=True)
    run(f"{head}DR-1,Acme,,\n")
    [one] = rows(database, registration)
    assert (one["customer_name"], one["review_state"]) == (None, "submitted")


def test_unused_columns_are_reported(run: Import) -> None:
    assert run("email,shoe_size\nd@a.example,43\n", "person").unused == ("shoe_size",)


def test_lines_are_shown_as_ranges() -> None:
    assert ranges([3, 5, 6, 7, 12]) == "3, 5-7, 12"


def test_a_deal_history_becomes_the_past_of_deals(run: Import, database: Database) -> None:
    run("number,name,stage,amount,currency\nO-1,Acme,committed,10,EUR\n", "opportunity")
    text = "deal,on,phase,worth\nO-1,2026-03-01,prospect,5\nO-1,2026-04-01,committed,10\n"
    columns = ["opportunity=deal", "at=on", "amount=worth", "stage=phase"]
    report = run(text, "deal_history", column=columns, constant=["currency=EUR"])
    assert (report.rows, report.created, report.unchanged) == (2, 1, 0)
    [past] = rows(database, opportunity_past)
    assert (past["stage"], past["amount"], past["source"]) == ("prospect", 5, "file")
    assert past["until_at"] == datetime(2026, 4, 1, tzinfo=UTC)
    again = run(text, "deal_history", column=columns, constant=["currency=EUR"])
    assert (again.created, again.unchanged) == (0, 1)


def test_bad_rows_of_a_deal_history_are_named(run: Import, database: Database) -> None:
    run("number,name\nO-1,Acme\n", "opportunity")
    text = (
        "opportunity,at,stage,amount\nO-1,2026-03-01,nowhere,\nO-2,2026-03-01,prospect,\n"
        "O-1,2999-01-01,prospect,\nO-1,,prospect,\nO-1,2026-03-01,,\n"
    )
    with pytest.raises(InputError) as caught:
        run(text, "deal_history")
    told = "\n".join(map(str, caught.value.findings))
    for words in ("in.csv:2 column stage", "no opportunity `O-2`", "still to come", "at: is blank"):
        assert words in told
    assert "in.csv:6  nothing is said of the deal" in told
    assert rows(database, opportunity_past) == []


def test_targets_come_in_and_bad_ones_are_named(run: Import, database: Database) -> None:
    run("name\nAcme\n", "partner")
    report = run("partner,period,amount,currency\nAcme,2026 Q4,500,EUR\n", "target")
    assert (report.created, report.updated) == (1, 0)
    again = run("partner,period,amount,currency\nacme,2026Q4,600,EUR\n", "target")
    assert (again.created, again.updated) == (0, 1)
    text = (
        "partner,period,amount,currency\nAcme,soon,5,EUR\nAcme,2026Q4,-5,EUR\nAcme,2026Q2,,EUR\n"
        "Nobody,2026Q4,5,EUR\nAcme,2026Q3,5,EUR\nAcme,2026-Q3,6,EUR\n"
    )
    with pytest.raises(InputError) as caught:
        run(text, "target")
    told = "\n".join(map(str, caught.value.findings))
    for words in ("is not a quarter", "is negative", "amount: is blank", "no partner `Nobody`"):
        assert words in told
    assert "stands in line 6 already" in told
