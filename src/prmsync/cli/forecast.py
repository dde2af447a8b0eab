"""`prmsync forecast` and what explains it: deals, explain, changes, backtest."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prmsync.cli import plans
from prmsync.cli.context import application
from prmsync.cli.options import AsJson, OneOrAll
from prmsync.cli.output import emit_json, note, progress, say, say_wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prmsync.answers.forecast import ForecastAnswer
    from prmsync.answers.forecast_marks import Apart
    from prmsync.answers.judgement import Judgement
    from prmsync.answers.margin_outlook import MarginRates
    from prmsync.answers.quarter_outlook import QuarterOutlook
    from prmsync.domain.program import Program
    from prmsync.forecast.backtest import Score
    from prmsync.service.wiring import Application
    from prmsync.store.targets import Target

_SHOWN = 10
"""Partners whose currencies are told one by one."""
MODELS = ("hazard", "conversion", "stage_weighted", "naive", "average")
Period = Annotated[
    str | None, typer.Option("--period", metavar="2026Q4", help="A quarter; else this one.")
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="As it stood when this day ended; else now."),
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="The indirect forecast of a quarter, beside direct, and what it rests on."
    )
    group.callback(invoke_without_command=True)(forecast)
    for command in (deals, explain, changes, bridge, backtest, publish, backfill):
        group.command(command.__name__)(command)
    app.add_typer(group, name="forecast")


def forecast(
    context: typer.Context,
    period: Period = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="WHAT,…",
            help="Rows by partner, tier, region, product, stage, age or owner as well.",
        ),
    ] = None,
    as_of: AsOf = None,
    model: Annotated[
        str, typer.Option("--model", metavar="M", help=f"{', '.join(MODELS)}.")
    ] = MODELS[0],
    apart: Annotated[
        bool, typer.Option("--apart", help="Each currency by itself, nothing converted.")
    ] = False,
    targets: Annotated[
        Path | None,
        typer.Option(
            "--targets", metavar="FILE", help="CSV of targets, instead of those imported."
        ),
    ] = None,
    judgement: Annotated[
        Path | None,
        typer.Option("--judgement", metavar="FILE", help="CSV: people's commit, upside, override."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The indirect forecast of a quarter, beside direct, with the ranges that hold it."""
    if context.invoked_subcommand is not None:
        return
    from prmsync.cli import outlook, stage_weighted

    known = stage_weighted.GROUPINGS if model == "stage_weighted" else outlook.GROUPINGS
    groupings = _groupings(by, known)
    _require_model(model)
    _require_ranges(model, {"--targets": targets, "--judgement": judgement})
    with application() as app:
        if model == "stage_weighted":
            answer = _stage_weighted(app, period, as_of, apart=apart)
            stage_weighted.show(answer, groupings, as_json=as_json)
            return
        found = _outlook(app, period, as_of, apart=apart)
        if targets is not None:
            found = replace(found, targets=_targets(app, targets, found.quarter.name))
        said = [] if judgement is None else _judgements(app, judgement)
        rates = _margin_rates(app, found) if model == MODELS[0] else None
    outlook.show(found, model, groupings, beside=outlook.Beside(said, rates), as_json=as_json)


def deals(
    period: Period = None,
    as_of: AsOf = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="How many; 0 is all.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Each open indirect deal's chance to be won in the period, and what moved it."""
    from prmsync.cli import outlook_parts

    with application() as app:
        found = _outlook(app, period, as_of)
    outlook_parts.show_deals(found, limit, as_json=as_json)


def explain(period: Period = None, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """What the forecast has learned: how deals move on, are won and are lost, with its evidence."""
    from prmsync.cli import outlook_parts

    with application() as app:
        found = _outlook(app, period, as_of)
    outlook_parts.show_evidence(found, as_json=as_json)


def changes(
    since: Annotated[str, typer.Option("--since", metavar="DATE", help="The day to compare with.")],
    period: Period = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """What moved the forecast since a day, in parts that sum to the difference."""
    from prmsync.cli import outlook_parts

    with application() as app:
        after = _outlook(app, period, as_of)
        before = _outlook(app, after.quarter.name, since, option="--since")
    outlook_parts.show_changes(before, after, as_json=as_json)


def bridge(
    crm: Annotated[
        str | None,
        typer.Option("--crm", metavar="AMOUNT", help="What the CRM's report shows."),
    ] = None,
    period: Period = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """From our number to the CRM's own report, line by line, to the cent."""
    from prmsync.answers.bridge import bridges
    from prmsync.cli import bridge as shown

    told = _amount(crm)
    with application() as app:
        found = _outlook(app, period, as_of)
        lines = bridges(app.database, _program(app, apart=False), found, told)
    shown.show(found, lines, as_json=as_json)


def backtest(
    quarters: Annotated[
        int, typer.Option("--quarters", metavar="N", min=1, help="How many quarters to go back.")
    ] = 4,
    plots: Annotated[
        Path | None,
        typer.Option("--plots", metavar="FOLDER", help="Also write charts: SVG, PNG, a HTML page."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How good every model was on the quarters that are over, knowing only what was known then."""
    from prmsync.answers.quarter_outlook import look_back
    from prmsync.cli import outlook_parts

    with application() as app:
        found = _outlook(app, None, None)
    with progress("days asked again") as advance:
        scores = {view.currency: look_back(view, quarters, advance) for view in found.indirect}
    outlook_parts.show_scores(scores, quarters, as_json=as_json)
    if plots is not None:
        _write_plots(plots, scores)


def _write_plots(folder: Path, scores: dict[str, dict[str, Score]]) -> None:
    from prmsync.service.backtest_plots import write_plots

    drawn = [name for name, by in scores.items() if any(one.came > 0 for one in by.values())]
    for currency in drawn:
        note(f"Charts: {write_plots(folder, currency, scores[currency], MODELS[0])}")
    if not drawn:
        note(
            f"No charts in {folder}: no quarter that is over has wins of deals that were seen from "
            "stage to stage, so there is nothing to draw."
        )


def publish(as_json: AsJson = False) -> None:
    """Keep on deals and partners what the forecast says of them, for the next sync to the CRMs."""
    from prmsync.answers.forecast_marks import mark_forecasts
    from prmsync.service.forecast_marking import lacking_fields, maps_forecast

    with application() as app:
        marked = mark_forecasts(app.database, _program(app, apart=False), app.now())
        mapped, untold = maps_forecast(app), lacking_fields(app)
    if as_json:
        told = {"deals": marked.deals, "partners": marked.partners, "mapped": mapped}
        emit_json(told | {"apart": [asdict(one) for one in marked.apart], "untold": untold})
        return
    say(
        f"{marked.deals:,} deals and {marked.partners:,} partners moved by 5 points or 5 %, of "
        f"{marked.open_deals:,} open deals."
    )
    if not mapped:
        say_wrapped(
            'No mapping has a forecast field, so no CRM will show it: see "Into the CRM" in '
            "docs/channel-manager.md."
        )
    for name, what in untold.items():
        say_wrapped(f"{name}: {'; '.join(what)}. prmsync provision plan {name}")
    _say_apart(marked.apart)


def _say_apart(apart: Sequence[Apart]) -> None:
    """Partners of whom a part is told nowhere, for it is in a currency without a rate."""
    if not apart:
        return
    say_wrapped(
        "No rate makes one of the currencies of these partners; their records carry the first "
        "(forecast.rates in the program file gives rates):"
    )
    for one in apart[:_SHOWN]:
        others = ", ".join(f"{name} {amount:,.0f}" for name, amount in one.left_out.items())
        say_wrapped(f"{one.name}: in {one.told}, without {others}", indent=2)
    if len(apart) > _SHOWN:
        say(f"  and {len(apart) - _SHOWN:,} more; --json has them all")


def backfill(connection: OneOrAll = None, as_json: AsJson = False) -> None:
    """Ask the CRM how its deals stood before prmsync saw them, and keep it for the forecast."""
    from prmsync.answers.told_history import Told
    from prmsync.cli.importing import say_told
    from prmsync.service.deal_backfill import backfill as ask
    from prmsync.service.syncing import named_or_all, session_on

    found: dict[str, Told] = {}
    with application() as app:
        for name in named_or_all(app, connection):
            with session_on(app, name, asked="backfill", progress=plans.progress(name)) as session:
                found[name] = ask(session)
            if not as_json:
                say(f"{name}: {found[name].new:,} past states of deals kept")
                say_told(found[name], "the CRM's")
    if as_json:
        emit_json({name: asdict(told) for name, told in found.items()})


def _outlook(
    app: Application,
    period: str | None,
    as_of: str | None,
    option: str = "--as-of",
    *,
    apart: bool = False,
) -> QuarterOutlook:
    from prmsync.answers.quarter_outlook import quarter_outlook
    from prmsync.forecast.period import Quarter

    program = _program(app, apart=apart)
    quarter = Quarter.parse(period, program.forecast.calendar) if period else None
    return quarter_outlook(app.database, program, quarter, _day(as_of, option), app.now())


def _judgements(app: Application, path: Path) -> list[Judgement]:
    from prmsync.service.judgement_file import read_judgements

    return read_judgements(app.database, path)


def _margin_rates(app: Application, found: QuarterOutlook) -> MarginRates:
    from prmsync.answers.margin_outlook import margin_rates

    return margin_rates(app.database, _program(app, apart=False), found)


def _targets(app: Application, path: Path, period: str) -> tuple[Target, ...]:
    """The targets of a file for one quarter. Raises InputError with every bad row."""
    from prmsync.service.target_file import read_targets

    return tuple(one for one in read_targets(app.database, path) if one.period == period)


def _program(app: Application, *, apart: bool) -> Program:
    """The program, without its exchange rates where currencies are to stay apart."""
    from prmsync.service.program_file import program_of

    program = program_of(app.settings)
    return replace(program, forecast=replace(program.forecast, rates=None)) if apart else program


def _stage_weighted(
    app: Application, period: str | None, as_of: str | None, *, apart: bool
) -> ForecastAnswer:
    from prmsync.answers.forecast import forecast_quarter
    from prmsync.errors import ConfigurationError
    from prmsync.forecast.period import Quarter

    if as_of is not None:
        raise ConfigurationError(
            "the stage-weighted forecast knows the present only",
            hint="--as-of goes with the other models",
        )
    program = _program(app, apart=apart)
    quarter = Quarter.parse(period, program.forecast.calendar) if period else None
    return forecast_quarter(app.database, program, quarter, app.now())


def _amount(text: str | None) -> Decimal | None:
    from prmsync.errors import ConfigurationError

    try:
        found = None if text is None else Decimal(text.replace(",", ""))
    except InvalidOperation:
        found = Decimal("nan")
    if found is not None and not found.is_finite():
        raise ConfigurationError(
            f"--crm {text}: this is not an amount", hint="write it like 1250000.00"
        )
    return found


def _day(text: str | None, option: str) -> date | None:
    from prmsync.errors import ConfigurationError

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{option} {text}: this is not a day", hint="write it like 2026-11-30"
        ) from None


def _groupings(by: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    from prmsync.errors import ConfigurationError

    asked = tuple(part.strip() for part in (by or "").split(",") if part.strip())
    unknown = [part for part in asked if part not in known]
    if unknown:
        raise ConfigurationError(f"no rows by {unknown[0]!r}", hint=f"--by {', '.join(known)}")
    return asked


def _require_ranges(model: str, files: dict[str, Path | None]) -> None:
    """Refuse to leave out silently what a file was given for."""
    from prmsync.errors import ConfigurationError

    given = [option for option, path in files.items() if path is not None]
    if model == "stage_weighted" and given:
        raise ConfigurationError(
            "the stage-weighted forecast has no ranges by partner",
            hint=f"{given[0]} goes with the other models",
        )


def _require_model(model: str) -> None:
    from prmsync.errors import ConfigurationError

    if model not in MODELS:
        raise ConfigurationError(f"no model {model!r}", hint=f"--model {', '.join(MODELS)}")
