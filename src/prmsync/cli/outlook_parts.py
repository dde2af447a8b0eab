"""What a forecast rests on, in words: its deals, what was learned, what changed, its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from prmsync.answers.deal_history import DIMENSIONS
from prmsync.cli.outlook import exact, head, whole
from prmsync.cli.output import emit_json, say, say_wrapped, table
from prmsync.domain.counted import counted
from prmsync.forecast.changes import changes
from prmsync.forecast.deal_outlook import DealOutlook, Reason, deal_outlooks, reason_of
from prmsync.forecast.groups import TOTAL
from prmsync.forecast.hazards import OUTCOMES
from prmsync.forecast.prior import stages_in_use
from prmsync.forecast.spells import QUARTER, Exit
from prmsync.forecast.timelines import OPEN_STAGES

if TYPE_CHECKING:
    from prmsync.answers.quarter_outlook import QuarterOutlook, View
    from prmsync.forecast.backtest import Score
    from prmsync.forecast.changes import Changes

_WORDS = {Exit.MOVE: "moves on", Exit.WIN: "wins"}
_WEEKS = ((0, 4), (4, 8), (8, 13), (13, 26))
_SHORT = {"technical_validation": "technical", "business_validation": "business"}
_SHOWN = 6
"""Reasons of a dimension that are shown to people; --json has all."""
_LITTLE = 0.02
"""Change of the market, as a share, that is not worth a word."""


def show_deals(outlook: QuarterOutlook, limit: int, *, as_json: bool) -> None:
    """Open deals with their chances, the largest expectation first."""
    views = [(view, deal_outlooks(view.found, view.deals)) for view in outlook.indirect]
    # Deals of other currencies are in every view, worth nothing in it.
    found = [(v, [d for d in deals if d.stated is None or d.stated > 0]) for v, deals in views]
    if as_json:
        emit_json([_deal_json(outlook, v.currency, deal) for v, deals in found for deal in deals])
        return
    say_wrapped(head(outlook, ": open deals"))
    if not any(deals for _, deals in found):
        say("  no open deal is known yet")
    for view, deals in found:
        if not deals:
            continue
        shown = deals[:limit] if limit else deals
        say("")
        table(
            ["deal", "stage", "weeks", view.currency, "chance", "expected", "because"],
            [_deal_row(outlook, deal) for deal in shown],
            indent=2,
            shorten=("deal", "because"),
        )
        if len(deals) > len(shown):
            rest = sum(deal.expected for deal in deals[len(shown) :])
            say(f"  … {len(deals) - len(shown)} more, {whole(rest)} expected; --limit 0 shows all")


def _deal_row(outlook: QuarterOutlook, deal: DealOutlook) -> tuple[str | int | None, ...]:
    return (
        outlook.book.numbers.get(deal.id, deal.id),
        deal.stage.value,
        deal.weeks_in_stage,
        whole(deal.stated) if deal.stated is not None else None,
        f"{deal.chance * 100:.0f} %",
        whole(deal.expected),
        ", ".join(f"{_name(outlook, r)} {_WORDS[r.outcome]} ×{r.factor:.1f}" for r in deal.reasons),
    )


def _deal_json(outlook: QuarterOutlook, currency: str, deal: DealOutlook) -> dict[str, Any]:
    return {
        "id": deal.id,
        "number": outlook.book.numbers.get(deal.id),
        "stage": deal.stage.value,
        "weeks_in_stage": deal.weeks_in_stage,
        "currency": currency,
        "stated": exact(deal.stated) if deal.stated is not None else None,
        "chance": round(deal.chance, 4),
        "expected": exact(deal.expected),
        "reasons": [_reason_json(outlook, reason) for reason in deal.reasons],
    }


def _name(outlook: QuarterOutlook, reason: Reason) -> str:
    return outlook.book.shown(reason.dimension, reason.name)


def _reason_json(outlook: QuarterOutlook, reason: Reason) -> dict[str, Any]:
    return {
        "outcome": reason.outcome.name.lower(),
        "dimension": reason.dimension,
        "name": _name(outlook, reason),
        "factor": round(reason.factor, 4),
        "seen": reason.seen,
        "expected": round(reason.expected, 2),
    }


def show_evidence(outlook: QuarterOutlook, *, as_json: bool) -> None:
    """Weekly hazards by stage, and who differs, with the counts behind it."""
    if not outlook.indirect:
        nothing: dict[str, Any] = {"hazards": [], "market": None, "evidence": []}
        emit_json(nothing) if as_json else say("No deal is known yet.")
        return
    # All currencies share the hazards; the commonest one's view has them.
    view = outlook.indirect[0]
    reasons = _all_reasons(view)
    if as_json:
        evidence = [_reason_json(outlook, reason) for reason in reasons]
        emit_json({"hazards": _hazard_rows(view), "market": _market(view), "evidence": evidence})
        return
    say_wrapped(head(outlook, ": what was learned"))
    record = f"Stages are on record since {outlook.book.recorded_from}: {view.recorded_wins} wins."
    if outlook.book.recorded_from > outlook.as_of:
        record = "No stages are on record yet."
    say_wrapped(
        f"{record} Where little or nothing was seen, the program's odds of each stage and the pace "
        "of the deals won stand in, worth 60 deal-weeks a stage."
    )
    used = set(stages_in_use(view.cut.history).tolist())
    say("", "  Of 100 deals in a stage, how many a week move on / are won / are lost:")
    say("")
    table(
        ["stage", *(f"week {first + 1}–{end}" for first, end in _WEEKS)],
        [
            (_SHORT.get(row["stage"], row["stage"]), *(_rates(cell) for cell in row["weeks"]))
            for at, row in enumerate(_hazard_rows(view))
            if at in used
        ],
        indent=2,
    )
    unused = [stage.value for at, stage in enumerate(OPEN_STAGES) if at not in used]
    if unused:
        say_wrapped(f"No deal was seen in {', '.join(unused)}.", indent=2)
    _say_market(_market(view))
    _evidence(outlook, reasons)


def _market(view: View) -> dict[str, float]:
    """What wins are multiplied by in the next week and in the last one of a quarter from now."""
    ahead = view.found.fitted.level.ahead(QUARTER)
    return {"next_week": round(float(ahead[0]), 3), "in_13_weeks": round(float(ahead[-1]), 3)}


def _say_market(market: dict[str, float]) -> None:
    near, far = market["next_week"], market["in_13_weeks"]
    say("")
    if abs(near - 1) < _LITTLE:
        say_wrapped("The market: wins of the last weeks came as this table says.", indent=2)
        return
    how = "less often" if near < 1 else "more often"
    say_wrapped(
        f"The market: wins of the last weeks came {how} than this table says. Those of the next "
        f"week are taken at {near:.2f} times the table, those in 13 weeks at {far:.2f} times.",
        indent=2,
    )


def _rates(cell: dict[str, float]) -> str:
    return " / ".join(f"{cell[name] * 100:.0f}" for name in ("move", "win", "loss"))


def _hazard_rows(view: View) -> list[dict[str, Any]]:
    rate = view.found.fitted.hazards.rate
    return [
        {
            "stage": stage.value,
            "weeks": [
                {
                    "from": first,
                    "until": end,
                    **{
                        o.name.lower(): round(float(rate[o][at, first:end].mean()), 5)
                        for o in OUTCOMES
                    },
                }
                for first, end in _WEEKS
            ],
        }
        for at, stage in enumerate(OPEN_STAGES)
    ]


def _all_reasons(view: View) -> list[Reason]:
    """Every group of every dimension, the surest differences first."""
    reasons = [
        reason_of(evidence, view.deals, group)
        for evidence in view.found.fitted.evidence
        for group in range(len(view.deals.names.get(evidence.dimension, ())))
    ]
    return sorted(reasons, key=lambda r: -abs(np.log(r.factor)) * np.sqrt(r.expected + 1))


def _evidence(outlook: QuarterOutlook, reasons: list[Reason]) -> None:
    for dimension in DIMENSIONS:
        mine = [r for r in reasons if r.dimension == dimension and abs(r.factor - 1) >= 0.05]
        say("", f"  By {dimension}:" if mine else f"  By {dimension}: no difference beyond luck")
        for reason in mine[:_SHOWN]:
            verb = "win" if reason.outcome is Exit.WIN else "move on"
            noun = "wins" if reason.outcome is Exit.WIN else "moves"
            say(
                f"    {_name(outlook, reason)}: deals {verb} {reason.factor:.2f} × as often "
                f"({reason.seen:.0f} {noun} against {reason.expected:.1f} expected)"
            )


def show_changes(before: QuarterOutlook, after: QuarterOutlook, *, as_json: bool) -> None:
    """The way from one forecast to the other."""
    found = {
        view.currency: changes((old.found, old.deals), (view.found, view.deals))
        for view in after.indirect
        for old in before.indirect
        if old.currency == view.currency
    }
    if as_json:
        emit_json([_changes_json(before, after, name, one) for name, one in found.items()])
        return
    say_wrapped(head(after, f": since {before.as_of}"))
    for currency, one in found.items():
        say(
            "",
            f"  {'':<26} {currency:>15}",
            f"  {f'on {before.as_of}':<26} {whole(one.before):>15}",
        )
        for part in one.parts:
            deals = (
                "" if part.why.value == "deals to come" else f"     {counted(part.deals, 'deal')}"
            )
            # Without the sign of a zero that is a rounded nothing.
            worth = part.worth if abs(part.worth) >= 0.5 else 0.0
            say(f"  {part.why.value:<26} {worth:>+15,.0f}{deals}")
        say(f"  {f'on {after.as_of}':<26} {whole(one.after):>15}")
    if not found:
        say("  no deal was known on both days")


def _changes_json(
    before: QuarterOutlook, after: QuarterOutlook, currency: str, found: Changes
) -> dict[str, Any]:
    return {
        "period": after.quarter.name,
        "currency": currency,
        "since": before.as_of,
        "as_of": after.as_of,
        "before": exact(found.before),
        "after": exact(found.after),
        "parts": [
            {"why": part.why.value, "deals": part.deals, "worth": exact(part.worth)}
            for part in found.parts
        ],
    }


def show_scores(scores: dict[str, dict[str, Score]], quarters: int, *, as_json: bool) -> None:
    """The record of every model, by currency."""
    tried = {name: by for name, by in scores.items() if any(s.came > 0 for s in by.values())}
    if as_json:
        found = [(name, *pair) for name, by in tried.items() for pair in by.items()]
        emit_json([_score_json(*one) for one in found])
        return
    say(f"Indirect: every model asked again on days 0, 28 and 56 of the last {quarters} quarters")
    if not tried:
        say_wrapped("No quarter is on record whose deals were seen from stage to stage.")
    for currency, by in tried.items():
        say("")
        table(
            [currency, "days", "error", *DIMENSIONS, "bias", "80 % held", "width", "Brier"],
            [_score_row(name, score) for name, score in by.items()],
            indent=2,
        )
    if tried:
        say_wrapped(
            "Error: all misses together over what came (WAPE), of the total and by group. "
            "80 % held: how often the 80 % range held what came; 80 is right. Width: of that "
            "range, over what came. Brier: mean square error of the deals' chances; 0 is perfect, "
            "always saying 50 % has 0.250. A deal counts under the partner, tier, region and "
            "product that it has today.",
            indent=2,
        )


def _score_row(name: str, score: Score) -> tuple[str | int | None, ...]:
    return (
        name,
        score.cuts,
        *(f"{score.wape(d) * 100:.0f} %" for d in (TOTAL, *DIMENSIONS)),
        f"{score.bias * 100:+.0f} %",
        f"{score.coverage() * 100:.0f} %",
        f"{score.width * 100:.0f} %",
        None if score.brier is None else f"{score.brier:.3f}",
    )


def _score_json(currency: str, model: str, score: Score) -> dict[str, Any]:
    dimensions = (TOTAL, *DIMENSIONS)
    return {
        "currency": currency,
        "model": model,
        "cuts": score.cuts,
        "came": exact(score.came),
        "wape": {name: score.wape(name) for name in dimensions} if score.came else None,
        "bias": score.bias if score.came else None,
        "pinball": score.pinball if score.came else None,
        "brier": score.brier,
        "coverage_80": {name: score.coverage(name) for name in dimensions},
        "width_80": score.width if score.came else None,
    }
