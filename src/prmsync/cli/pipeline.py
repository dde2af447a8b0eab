"""`prmsync report pipeline`."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli.context import application
from prmsync.cli.options import AsJson
from prmsync.cli.output import emit_json, say, table
from prmsync.domain.stage import Stage

if TYPE_CHECKING:
    from prmsync.answers.pipeline import PipelineRow


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Reports on partners' deals.", no_args_is_help=True)
    group.command("pipeline")(pipeline)
    app.add_typer(group, name="report")


def pipeline(
    partner: Annotated[
        str | None, typer.Option("--partner", metavar="NAME", help="Only this one: name or id.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Which partner has active deals in what stage."""
    from prmsync.answers.pipeline import OPEN_STAGES, pipeline_by_stage

    with application() as app:
        rows = pipeline_by_stage(app.database, partner)
    if as_json:
        emit_json([_pipeline_json(row) for row in rows])
        return
    if not rows:
        say("No partner has active deals.")
        return
    say("Active deals by stage: how many, and their worth in thousands of the row's currency", "")
    table(
        ["partner", *(_stage_head(stage) for stage in OPEN_STAGES), "all", "worth"],
        [
            (
                row.name,
                *(_cell(row, stage) for stage in OPEN_STAGES),
                row.deals,
                f"{_worth(row)} {row.currency}" if row.worth else "no amount",
            )
            for row in rows
        ],
        shorten=("partner",),
    )


_SHORT = {Stage.TECHNICAL_VALIDATION: "technical", Stage.BUSINESS_VALIDATION: "business"}


def _stage_head(stage: Stage) -> str:
    return _SHORT.get(stage, stage.value)


def _cell(row: PipelineRow, stage: Stage) -> str | None:
    cell = row.cells.get(stage)
    if cell is None:
        unpriced = row.unpriced.get(stage)
        return str(unpriced) if unpriced else None
    thousands = (cell.worth.amount / 1000).quantize(Decimal(1), ROUND_HALF_UP)
    return f"{cell.deals} · {thousands:,f}"


def _pipeline_json(row: PipelineRow) -> dict[str, Any]:
    stages = {
        stage.value: {"deals": cell.deals, "worth": cell.worth.amount}
        for stage, cell in row.cells.items()
    }
    stages |= {stage.value: {"deals": n, "worth": None} for stage, n in row.unpriced.items()}
    return {
        "partner": row.name,
        "partner_id": row.partner,
        "tier": row.tier,
        "currency": row.currency,
        "deals": row.deals,
        "worth": row.worth.amount if row.worth else None,
        "stages": stages,
    }


def _worth(row: PipelineRow) -> str:
    """Whole units: what people read; --json has every digit."""
    return f"{row.worth.amount.quantize(Decimal(1), ROUND_HALF_UP):,f}" if row.worth else ""
