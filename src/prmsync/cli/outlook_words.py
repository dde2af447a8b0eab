"""What must be said beside a forecast's numbers: what they rest on, and what they do not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prmsync.answers.quarter_outlook import FEW_WINS
from prmsync.cli.output import say_wrapped
from prmsync.domain.counted import counted

if TYPE_CHECKING:
    from prmsync.answers.quarter_outlook import QuarterOutlook, View

_MUCH = 0.1
"""Share of next week's wins from which on what the market does to them is worth a line."""
_GOES_BY = {
    "conversion": "what open deals brought on this day of earlier quarters",
    "naive": "what last quarter still brought from this day on",
}


def say_few_wins(outlook: QuarterOutlook, view: View) -> None:
    """That little was seen of how deals are won, and where more of it comes from."""
    seen, all_ = view.recorded_wins, int(view.deals.history.won.sum())
    won = f"{counted(all_, 'deal')} won so far"
    if seen == all_:
        say_wrapped(
            f"{won}: below {FEW_WINS} the range says more than the number.",
            indent=2,
        )
        return
    since = outlook.book.recorded_from
    record = f"stages are on record since {since}"
    if since > outlook.as_of:
        record = "no stages are on record yet"
    say_wrapped(
        f"Of {won}, {seen or 'none'} {'was' if seen < 2 else 'were'} seen on the way from stage to "
        f"stage ({record}). Until {FEW_WINS} are, the range says more than the number. What was "
        "before: `prmsync forecast backfill`, or `import --as deal_history`.",
        indent=2,
    )


def say_unknown(model: str) -> None:
    """That a model has nothing to go by."""
    say_wrapped(
        f"What is to come is not known to this model: it goes by {_GOES_BY[model]}, and no such "
        "quarter is on record. The default model answers from the first day.",
        indent=2,
    )


def say_left_out(view: View) -> None:
    """Which models the average does without."""
    missing = [name for name in _GOES_BY if view.unknown(name)]
    if missing:
        say_wrapped(
            f"Without {' and '.join(missing)}: no earlier quarter is on record to go by.", indent=2
        )


def say_record(view: View) -> None:
    """How the default model's own past corrects it, and what the market lately does."""
    calibration = view.found.calibration
    if calibration.record:
        percent = (calibration.bias - 1) * 100
        one = calibration.record == 1
        quarters = "quarter" if one else f"{calibration.record} quarters"
        say_wrapped(
            f"Corrected by {percent:+.0f} %: so the {'forecast' if one else 'forecasts'} made on "
            f"this day of the last {quarters} would have had to be.",
            indent=2,
        )
    near = float(view.found.fitted.level.ahead(1)[0])
    if abs(near - 1) >= _MUCH:
        how = "less often" if near < 1 else "more often"
        say_wrapped(
            f"The market: wins of the last weeks came {how} than those on record. Those of the "
            f"next week are taken at {near:.2f} times their pace, later ones nearer to it.",
            indent=2,
        )
    shift = view.shift()
    if shift is not None:
        seen, expected = shift
        say_wrapped(
            f"The market may have shifted: {seen:.0f} wins since this day of last quarter, until "
            f"its end, against {expected:.0f} expected then.",
            indent=2,
        )
