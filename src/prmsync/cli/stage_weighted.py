"""The stage-weighted forecast in words and in JSON: the CRM's default, with exact decimals."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from prmsync.cli.outlook import title
from prmsync.cli.output import emit_json, note, say, say_wrapped, table

if TYPE_CHECKING:
    from prmsync.answers.forecast import ForecastAnswer
    from prmsync.domain.money import Money
    from prmsync.forecast.stage_weighted import Block, LeftOut, Part

GROUPINGS = ("partner", "tier", "stage")


def show(answer: ForecastAnswer, by: tuple[str, ...], *, as_json: bool) -> None:
    """Print the answer, with rows by some of GROUPINGS."""
    if as_json:
        emit_json(_forecast_json(answer))
        return
    _head(answer)
    for block in answer.forecast.indirect:
        _block(block, answer, by)
    if not answer.forecast.indirect:
        say("  no indirect deal was won or is open in this quarter")


def _head(answer: ForecastAnswer) -> None:
    f = answer.forecast
    say_wrapped(f"Indirect {title(f.quarter, f.as_of)}")
    stale = (
        f"open longer than {f.stale_after_days} days counts nothing (95 % of wins were faster)"
        if f.stale_after_days is not None
        else "no deal is called stale: fewer than 20 wins are known"
    )
    say_wrapped(f"Stage-weighted: past due counts nothing; {stale}.")
    if answer.incomplete:
        note(f"{answer.incomplete} open deals lack an amount, currency or close date: not counted")
    for currency in answer.apart:
        note(f"{currency} has no exchange rate: shown apart")


def _block(block: Block, answer: ForecastAnswer, by: tuple[str, ...]) -> None:
    whole = block.whole
    say("", f"  {'':<26} {block.currency:>14}")
    worth = f"from {whole.deals} deals worth {_whole(whole.unweighted)}"
    say(
        f"  {'won to date':<26} {_whole(whole.won):>14}",
        f"  {'open, expected':<26} {_whole(whole.expected):>14}     {worth}",
        f"  {'forecast':<26} {_whole(whole.forecast):>14}     80 %: {_whole(block.low)} – "
        f"{_whole(block.high)}",
    )
    for name, left in (("past due", block.past_due), ("stale", block.stale)):
        if left.deals:
            say(f"  {name + ', not counted':<26} {_whole(left.worth):>14}     {left.deals} deals")
    direct = next((d for d in answer.forecast.direct if d.currency == block.currency), None)
    if direct is not None:
        say(f"  {'direct, same day':<26} {_whole(direct.whole.forecast):>14}")
    for grouping in by:
        _parts(block, answer, grouping)


def _parts(block: Block, answer: ForecastAnswer, by: str) -> None:
    parts: tuple[Part, ...] = getattr(block, f"by_{by}")
    say("")
    table(
        [by, "won", "expected", "forecast", "open deals", "worth"],
        [
            (
                answer.partners.get(part.name, part.name),
                _whole(part.won),
                _whole(part.expected),
                _whole(part.forecast),
                part.deals,
                _whole(part.unweighted),
            )
            for part in parts
        ],
        indent=2,
        shorten=("partner",),
    )


def _whole(money: Money) -> str:
    """Whole units: what people read in a forecast; --json has every digit."""
    return f"{money.amount.quantize(Decimal(1), ROUND_HALF_UP):,f}"


def _forecast_json(answer: ForecastAnswer) -> dict[str, Any]:
    f = answer.forecast
    return {
        "method": "stage_weighted",
        "period": f.quarter.name,
        "first_day": f.quarter.first,
        "last_day": f.quarter.last,
        "calendar": f.quarter.calendar.words or "calendar years",
        "as_of": f.as_of,
        "shared_shock_percent": f.shared_shock,
        "stale_after_days": f.stale_after_days,
        "incomplete": answer.incomplete,
        "without_rate": list(answer.apart),
        "indirect": [_block_json(block, answer) for block in f.indirect],
        "direct": [_block_json(block, answer) for block in f.direct],
    }


def _block_json(block: Block, answer: ForecastAnswer) -> dict[str, Any]:
    parts = {
        by: [
            _part_json(part) | {"name": answer.partners.get(part.name, part.name)}
            for part in getattr(block, f"by_{by}")
        ]
        for by in ("partner", "tier", "stage")
    }
    return {
        "currency": block.currency,
        **_part_json(block.whole),
        "low": block.low.amount,
        "high": block.high.amount,
        "range_percent": 80,
        "past_due": _left_json(block.past_due),
        "stale": _left_json(block.stale),
        "by": parts,
    }


def _part_json(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "won": part.won.amount,
        "expected": part.expected.amount,
        "forecast": part.forecast.amount,
        "open_deals": part.deals,
        "open_worth": part.unweighted.amount,
    }


def _left_json(left: LeftOut) -> dict[str, Any]:
    return {"deals": left.deals, "worth": left.worth.amount}
