"""The channel team's commands, run whole on the sample program in an SQLite file."""

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from prmsync.cli import context, main
from prmsync.cli.output import WIDTH
from prmsync.service.sample import SampleProgram, sample_program
from prmsync.service.sample_store import store_sample
from prmsync.store import tables
from prmsync.store.database import open_database
from prmsync.store.migrations import create

TODAY = datetime.now().astimezone().date()
Run = Callable[..., str]


@pytest.fixture(scope="module")
def sample() -> SampleProgram:
    # The commands use the machine's clock, so the sample is of today.
    return sample_program(7, TODAY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, sample: SampleProgram) -> Path:
    folder = tmp_path_factory.mktemp("channel")
    (folder / "prmsync.toml").write_text('[database]\nurl = "sqlite:///prmsync.db"\n')
    url = f"sqlite:///{folder / 'prmsync.db'}"
    create(url)
    database = open_database(url)
    store_sample(database, sample)
    direct = [r for r in sample.salesforce + sample.hubspot if r.values.get("source") == "direct"]
    with database.begin() as connection:
        connection.execute(tables.opportunity.insert(), [_row(r.ref, r.values) for r in direct])
    database.close()
    return folder


def _row(ident: str, values: dict[str, Any]) -> dict[str, Any]:
    row = dict(values)
    for name in ("last_activity_at", "created_at"):
        row[name] = datetime.fromisoformat(row[name])
    row["close_date"] = date.fromisoformat(row["close_date"])
    return row | {"id": ident, "amount": Decimal(row["amount"]), "protected_until": None}


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs a command and returns its output; the exit code has to be `code`."""

    def command(*words: str, code: int = 0) -> str:
        found = main.run(["--config", str(folder / "prmsync.toml"), *words])
        shown = capsys.readouterr()
        assert found == code, shown.err
        return shown.err if code else shown.out

    yield command
    context.use_config(None)


def data(run: Run, *words: str) -> Any:
    return json.loads(run(*words, "--json"))


def test_conflicts_are_checked_listed_shown_and_decided(run: Run, sample: SampleProgram) -> None:
    assert "32 new" in run("conflicts", "check")
    found = data(run, "conflicts", "list")
    assert {(c["kind"], c["registration"]) for c in found} == {
        (p.kind, p.registration) for p in sample.planted
    }
    one = next(c for c in found if c["kind"] == "C2")
    shown = run("conflicts", "show", str(one["id"]))
    assert "partner against direct (C2)" in shown
    assert "same domain" in shown
    assert f'resolve {one["id"]} --uphold registration|opportunity --why "…"' in shown
    why = ("--why", "their project, not ours", "--by", "ana")
    ident = str(one["id"])
    assert "one of:" in run("conflicts", "resolve", ident, *why, code=2)
    assert "one of:" in run("conflicts", "resolve", ident, *why, "--uphold", "me", code=2)
    run("conflicts", "resolve", ident, *why, "--uphold", "opportunity")
    assert "upheld_b by ana" in run("conflicts", "show", ident)
    assert ident not in {str(c["id"]) for c in data(run, "conflicts", "list")}
    assert "is resolved" in run("conflicts", "resolve", ident, *why, "--dismiss", code=2)
    assert "no channel conflict 999" in run("conflicts", "show", "999", code=2)


def test_margins_are_computed_listed_and_explained(run: Run) -> None:
    first = data(run, "margins", "compute")
    assert first["entered"] > 200 and first["findings"] == []
    assert data(run, "margins", "compute")["entered"] == 0
    listed = data(run, "margins", "list")
    assert len(listed) == first["entered"]
    number = next(m["number"] for m in listed if Decimal(m["margin"]) > 0)
    shown = run("margins", "explain", number)
    assert "% of list" in shown and "cap 35 %" in shown and "vendor net" in shown
    explained = data(run, "margins", "explain", number)
    assert explained["derivation"]["reseller"] == explained["ledger"][0]["amount"]
    assert "EUR · " in run("margins", "list")


def test_the_forecast_stands_beside_direct_by_currency(run: Run) -> None:
    shown = run("forecast", "--by", "tier")
    for words in ("won to date", "open, expected", "80 %:", "direct, same day", "EUR", "USD"):
        assert words in shown
    found = data(run, "forecast")
    assert found["method"] == "hazard"
    for block in found["indirect"]:
        for rows in block["by"].values():
            assert sum(Decimal(row["forecast"]) for row in rows) == Decimal(block["forecast"])
            assert sum(Decimal(row["won"]) for row in rows) == Decimal(block["won"])
    assert "2026Q4" in run("forecast", "--period", "soon", code=2)
    assert "--by partner" in run("forecast", "--by", "moon", code=2)
    assert "a year ahead" in run("forecast", "--period", "2031Q1", code=2)
    assert "no model 'moon'" in run("forecast", "--model", "moon", code=2)
    assert "not a day" in run("forecast", "--as-of", "soon", code=2)


@pytest.mark.parametrize("model", ["naive", "average"])
def test_other_models_stand_in_the_same_form(run: Run, model: str) -> None:
    assert "to come, expected" in run("forecast", "--model", model, "--by", "tier")
    for block in data(run, "forecast", "--model", model)["indirect"]:
        for rows in block["by"].values():
            assert sum(Decimal(row["forecast"]) for row in rows) == Decimal(block["forecast"])


def test_a_model_that_has_nothing_to_go_by_says_so(run: Run) -> None:
    assert "not known to this model" in run("forecast", "--model", "conversion", "--by", "tier")
    blocks = data(run, "forecast", "--model", "conversion")["indirect"]
    assert {block["forecast"] for block in blocks} == {None}


def test_the_stage_weighted_forecast_is_exact_and_of_today(run: Run) -> None:
    assert "past due" in run("forecast", "--model", "stage_weighted", "--by", "tier,stage")
    found = data(run, "forecast", "--model", "stage_weighted")
    assert found["method"] == "stage_weighted"
    for block in found["indirect"]:
        parts = sum(Decimal(part["forecast"]) for part in block["by"]["partner"])
        assert parts == Decimal(block["forecast"])
    empty = data(run, "forecast", "--model", "stage_weighted", "--period", "2031Q1")
    assert (empty["period"], empty["indirect"]) == ("2031Q1", [])
    refused = run("forecast", "--model", "stage_weighted", "--as-of", "2026-11-01", code=2)
    assert "the present only" in refused


def test_the_deals_behind_the_forecast_sum_to_it(run: Run) -> None:
    assert "more," in run("forecast", "deals", "--limit", "3")
    blocks = {one["currency"]: one for one in data(run, "forecast")["indirect"]}
    deals = data(run, "forecast", "deals")
    for currency, block in blocks.items():
        mine = [Decimal(deal["expected"]) for deal in deals if deal["currency"] == currency]
        assert abs(sum(mine) - Decimal(block["open"])) < 1
        assert len(mine) == block["open_deals"]


def test_what_was_learned_and_what_changed_is_told(run: Run) -> None:
    assert "Of 100 deals in a stage" in run("forecast", "explain")
    assert len(data(run, "forecast", "explain")["hazards"]) == 5
    since = (TODAY - timedelta(days=1)).isoformat()
    assert f"on {since}" in run("forecast", "changes", "--since", since)
    for one in data(run, "forecast", "changes", "--since", since):
        parts = sum(Decimal(part["worth"]) for part in one["parts"])
        assert abs(Decimal(one["before"]) + parts - Decimal(one["after"])) < Decimal("0.05")
    assert "not a day" in run("forecast", "changes", "--since", "yesterday", code=2)


def test_without_a_record_of_stages_no_score_is_claimed(run: Run) -> None:
    assert "No quarter is on record" in run("forecast", "backtest")
    assert data(run, "forecast", "backtest") == []


def test_charts_that_cannot_be_drawn_are_told_with_the_reason(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    charts = tmp_path / "charts"
    config = ["--config", str(folder / "prmsync.toml")]
    assert main.run([*config, "forecast", "backtest", "--plots", str(charts)]) == 0
    context.use_config(None)
    assert "there is nothing to draw" in " ".join(capsys.readouterr().err.split())
    assert not charts.exists()


def test_the_bridge_leads_to_the_crms_report_to_the_cent(run: Run) -> None:
    assert "not explained" in run("forecast", "bridge", "--crm", "1,000,000")
    for one in data(run, "forecast", "bridge"):
        lines = sum(Decimal(line["amount"]) for line in one["lines"])
        assert Decimal(one["forecast"]) + lines == Decimal(one["crm"])
    assert "not an amount" in run("forecast", "bridge", "--crm", "much", code=2)


def test_targets_and_judgements_stand_beside_the_forecast(run: Run, tmp_path: Path) -> None:
    period, partner = data(run, "forecast")["period"], "Globex Corporation"
    targets, judgement = tmp_path / "targets.csv", tmp_path / "judgement.csv"
    targets.write_text(f"partner,period,amount,currency\n{partner},{period},90000,EUR\n")
    judgement.write_text(f"partner,currency,commit,override\n{partner},EUR,5000,7000\n")
    beside = ("--targets", str(targets), "--judgement", str(judgement))
    shown = run("forecast", *beside)
    assert "target of" in shown and "judgement on" in shown and "margin of partners" in shown
    eur = data(run, "forecast", *beside)["indirect"][0]
    assert [one["target"] for one in eur["targets"]] == ["90000.00"]
    assert (eur["judgement"][0]["commit"], eur["judgement"][0]["upside"]) == ("5000.00", None)
    assert 0 < Decimal(eur["margin"]["forecast"]) < Decimal(eur["forecast"])
    plain = data(run, "forecast")["indirect"][0]
    assert plain["forecast"] == eur["forecast"]
    assert plain["targets"] == plain["judgement"] == []
    refused = run("forecast", "--model", "stage_weighted", *beside, code=2)
    assert "--targets goes with the other models" in refused
    targets.write_text("partner,period,amount,currency\nNobody,2026Q4,1,EUR\n")
    assert "no partner `Nobody`" in run("forecast", "--targets", str(targets), code=1)


def test_forecasts_are_told_to_records_where_they_moved(run: Run) -> None:
    first = data(run, "forecast", "publish")
    assert first["deals"] > 100 and not first["mapped"]
    again = data(run, "forecast", "publish")
    assert (again["deals"], again["partners"], again["untold"]) == (0, 0, {})
    assert "No mapping has a forecast field" in run("forecast", "publish")


def test_a_program_with_a_fiscal_year_and_rates_has_one_forecast(run: Run, folder: Path) -> None:
    settings = folder / "prmsync.toml"
    plain = settings.read_text()
    shown = (Path(__file__).parents[3] / "docs" / "channel-manager.md").read_text(encoding="utf-8")
    program = shown.split("```yaml\n")[1].split("```")[0]
    rates = "  currency: EUR\n  rates: {2026-01-01: {USD: 0.9}}\n"
    settings.write_text(plain + '[program]\nfile = "program.yaml"\n')
    (folder / "program.yaml").write_text(
        f"{program}forecast:\n  calendar: {{start_month: 2}}\n{rates}"
    )
    try:
        text = run("forecast")
        assert "years from February" in text and "USD at 0.9 since 2026-01-01" in text
        assert [one["currency"] for one in data(run, "forecast")["indirect"]] == ["EUR"]
        apart = data(run, "forecast", "--apart")
        assert [one["currency"] for one in apart["indirect"]] == ["EUR", "USD"]
        assert run("forecast", "changes", "--since", TODAY.isoformat())
        assert max(map(len, run("forecast", "bridge").splitlines())) <= WIDTH
    finally:
        settings.write_text(plain)


def test_the_pipeline_names_partners_and_stages(run: Run) -> None:
    assert "technical" in run("report", "pipeline")
    rows = data(run, "report", "pipeline")
    name = rows[0]["partner"]
    assert {row["partner"] for row in data(run, "report", "pipeline", "--partner", name)} == {name}
    assert "no partner Nobody" in run("report", "pipeline", "--partner", "Nobody", code=2)


def test_partners_are_listed_and_shown(run: Run) -> None:
    found = data(run, "partners", "list", "--tier", "Platinum")
    assert {p["tier"] for p in found} == {"Platinum"}
    assert "Globex Corporation · Platinum" in run("partners", "show", "Globex Corporation")
    assert len(data(run, "partners", "list")) == 40


def test_a_registration_goes_through_its_review(run: Run) -> None:
    number = data(run, "registrations", "list", "--state", "draft")[0]["number"]
    assert "submitted, due" in run("registrations", "submit", number)
    run("registrations", "review", number)
    assert "without a reject reason" in run(
        "registrations", "reject", number, "--reason", "no", code=2
    )
    run("registrations", "return", number, "--why", "name the contact")
    run("registrations", "submit", number)
    run("registrations", "review", number)
    shown = run("registrations", "approve", number, "--by", "ana")
    assert "protected to" in shown and "Opportunity created" in shown
    assert "under_review → approved by ana" in run("registrations", "show", number)
    run("registrations", "extend", number)
    run("registrations", "close", number, "--outcome", "won")
    one = data(run, "registrations", "show", number)
    assert (one["review_state"], one["outcome"], one["extensions"]) == ("closed", "won", 1)
    assert [event["to"] for event in one["history"]][-1] == "closed"
    assert "this is an end" in run("registrations", "withdraw", number, code=2)
    assert "no registration DR-0" in run("registrations", "show", "DR-0", code=2)


def test_expiry_is_shown_before_it_is_done(run: Run) -> None:
    late = ("--as-of", "2999-01-01")
    before = data(run, "registrations", "expire", *late)
    assert before and not any(r["expired"] for r in before)
    shown = run("registrations", "expire", "--as-of", "2998-12-31T23:00:00-01:00")
    assert "to expire as of 2999-01-01 00:00 UTC" in shown
    assert "Do it: prmsync registrations expire --as-of 2999-01-01T00:00:00Z --yes" in shown
    assert len(data(run, "registrations", "expire", *late, "--yes")) == len(before)
    assert data(run, "registrations", "expire", *late) == []


def test_a_program_file_is_used_and_its_problems_are_shown(run: Run, folder: Path) -> None:
    settings = folder / "prmsync.toml"
    plain = settings.read_text()
    settings.write_text(plain + '[program]\nfile = "program.yaml"\n')
    (folder / "program.yaml").write_text("version: 1\n")
    try:
        assert "cannot be used" in run("forecast", code=2)
    finally:
        settings.write_text(plain)


def test_no_line_of_a_list_or_of_what_it_leads_to_is_wider_than_a_page(run: Run) -> None:
    run("conflicts", "check")
    run("margins", "compute")
    said = [
        run("registrations", "list"),
        run("margins", "list"),
        run("conflicts", "list"),
        run("partners", "list"),
        run("report", "pipeline"),
        run("forecast", "--by", "partner"),
        *(run("conflicts", "show", str(c["id"])) for c in data(run, "conflicts", "list")),
        *(run("margins", "explain", m["number"]) for m in data(run, "margins", "list")[:40]),
    ]
    assert [line for text in said for line in text.splitlines() if len(line) > WIDTH] == []
