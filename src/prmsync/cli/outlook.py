"""The forecast that learns from history, in words and in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from prmsync.answers.attainment import without_rate
from prmsync.answers.deal_history import DIMENSIONS
from prmsync.answers.quarter_outlook import FEW_WINS
from prmsync.cli import judgement, margin_outlook, targets
from prmsync.cli.outlook_words import say_few_wins, say_left_out, say_record, say_unknown
from prmsync.cli.output import WIDTH, emit_json, moment, say, say_wrapped, table
from prmsync.forecast.groups import TOTAL
from prmsync.forecast.rollup import (
    INTERVALS,
    LEVELS,
    Row,
    by_age,
    by_dimension,
    by_label,
    by_stage,
    total,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from prmsync.answers.judgement import Judgement
    from prmsync.answers.margin_outlook import MarginRates
    from prmsync.answers.quarter_outlook import QuarterOutlook, View
    from prmsync.forecast.period import Quarter

GROUPINGS = (*DIMENSIONS, "stage", "age", "owner")
NOBODY = "nobody"
_WIDTH = 15


@dataclass(frozen=True, slots=True)
class Beside:
    """What is set beside the forecast: people's judgements, and the partners' margin rates."""

    judgements: Sequence[Judgement] = ()
    margins: MarginRates | None = None


def show(
    outlook: QuarterOutlook,
    model: str,
    by: tuple[str, ...],
    *,
    beside: Beside,
    as_json: bool,
) -> None:
    """Print the outlook by a model, with rows by some of GROUPINGS."""
    if as_json:
        emit_json(_json(outlook, model, by, beside))
        return
    _head(outlook, model)
    for indirect, direct in zip(outlook.indirect, outlook.direct, strict=True):
        _block(outlook, indirect, direct, model, by, beside)
    judgement.tell_rest(outlook, beside.judgements)
    if not outlook.indirect:
        say("  no deal is known yet")
    if outlook.book.findings or outlook.retold:
        say("")
    for currency in without_rate(outlook):
        say_wrapped(f"Targets in {currency} lead nowhere: no deal is in it, and it has no rate.")
    _retold(outlook)
    for what, count in outlook.book.findings.items():
        say_wrapped(f"{count:,} deals {what}", indent=2)


def _retold(outlook: QuarterOutlook) -> None:
    found = outlook.retold
    if found is not None:
        say_wrapped(
            f"This day is rebuilt otherwise than it was stored on {moment(found.taken_at)}: "
            f"{found.rebuilt:,} deals, then {found.kept:,}. Its past was told anew since, or deals "
            "came later that say they were made before.",
            indent=2,
        )


def head(outlook: QuarterOutlook, what: str = "") -> str:
    """The line above every answer on a quarter."""
    return f"Indirect {title(outlook.quarter, outlook.as_of, what)}"


def title(quarter: Quarter, as_of: date, what: str = "") -> str:
    """A quarter and where a day stands in it; of a fiscal calendar its days as well."""
    calendar = quarter.calendar.words
    days = f" ({calendar}: {quarter.first} to {quarter.last})" if calendar else ""
    place = f"day {quarter.day_number(as_of)} of {quarter.days}"
    return f"{quarter.year} Q{quarter.number}{days}{what}, as of {as_of} ({place})"


def whole(worth: float) -> str:
    """Whole units: what people read in a forecast; --json has every digit."""
    return f"{round(worth) + 0:,}"


def _head(outlook: QuarterOutlook, model: str) -> None:
    say_wrapped(head(outlook))
    words = {
        "hazard": "Deals move on, are won and are lost at the pace that yours have shown",
        "conversion": "Open deals bring what such deals, by stage and age, brought before",
        "naive": "Won to date, and what last quarter still brought from this day on",
        "average": "Half the default model, half the average of naive and conversion",
    }
    learned = "; `prmsync forecast explain` shows what was learned" if model == "hazard" else ""
    say_wrapped(f"{words[model]}{learned}.")
    rates = [
        f"{name} at {rate} since {since}"
        for name, (rate, since) in outlook.book.converted().items()
    ]
    if rates:
        say_wrapped(f"Converted: {', '.join(rates)}; what is won, at the rate of its close.")


def _block(
    outlook: QuarterOutlook,
    view: View,
    direct: View,
    model: str,
    by: tuple[str, ...],
    beside: Beside,
) -> None:
    row, same_day = row_of(view, model), row_of(direct, model)
    speechless = view.unknown(model) and bool((view.cut.history.amount > 0).any())
    if not (row.forecast or row.deals or same_day.forecast or speechless):
        return
    say("", f"  {'':<26} {view.currency:>{_WIDTH}}")
    if view.unknown(model):
        say(_line("won to date", row.won))
        say_unknown(model)
        return
    few = view.recorded_wins < FEW_WINS
    parts = [_line("won to date", row.won), *_to_come(row, model)]
    whole_ = [_line("forecast", row.forecast, _range(row, 80)), _line_of_ranges(row)]
    say(*([*whole_, *parts] if few else [*parts, *whole_]))
    if beside.margins is not None:
        margin_outlook.show(view, beside.margins, row.forecast, _WIDTH)
    if not (len(direct.cut.history.created) and direct.unknown(model)):
        say(_line("direct, same day", same_day.forecast))
    if few:
        say_few_wins(outlook, view)
    if model == "average":
        say_left_out(view)
    if model == "hazard":
        say_record(view)
    targets.show(outlook, view, model)
    judgement.show(outlook, view, model, beside.judgements)
    for grouping in by:
        _rows(outlook, view, model, grouping)


def _line(name: str, worth: float, words: str = "") -> str:
    return f"  {name:<26} {whole(worth):>{_WIDTH}}     {words}".rstrip()


def _to_come(row: Row, model: str) -> list[str]:
    if model != "hazard":
        return [_line("to come, expected", row.open)]
    return [
        _line("open, expected", row.open, f"{row.deals:,} deals, stated {whole(row.stated)}"),
        _line("deals to come, expected", row.new, "that are not there yet"),
    ]


def _range(row: Row, percent: int) -> str:
    low, high = row.ranges[percent]
    return f"{percent} %: {whole(low)} – {whole(high)}"


def _line_of_ranges(row: Row) -> str:
    margin = f"  {'':<26} {'':>{_WIDTH}}     "
    one, two = _range(row, 50), _range(row, 95)
    wide = len(margin) + len(one) + len(two) + 3 > WIDTH
    return f"{margin}{one}\n{margin}{two}" if wide else f"{margin}{one}   {two}"


def row_of(view: View, model: str) -> Row:
    """The whole of a view by any model, in one row."""
    if model == "hazard":
        return total(view.found, view.deals)
    return _row_of_groups(view, model, TOTAL, (TOTAL,))[0]


def rows_of(outlook: QuarterOutlook, view: View, model: str, grouping: str) -> list[Row]:
    """The rows of one grouping. Models other than the default know the dimensions only."""
    if model != "hazard":
        if grouping not in DIMENSIONS:
            return []
        rows = _row_of_groups(view, model, grouping, view.deals.names[grouping])
        return sorted((row for row in rows if row.forecast), key=lambda row: -row.forecast)
    if grouping == "stage":
        return by_stage(view.found)
    if grouping == "age":
        return by_age(view.found)
    if grouping == "owner":
        owners = [outlook.book.owners.get(deal, NOBODY) for deal in view.deals.ids]
        return by_label(view.found, owners)
    return by_dimension(view.found, view.deals, grouping)


def _row_of_groups(view: View, model: str, grouping: str, names: tuple[str, ...]) -> list[Row]:
    groups = view.by(model)[grouping]
    ends = groups.quantiles(LEVELS)
    return [
        Row(
            name,
            float(groups.won[at]),
            float(groups.to_come.mean[at]),
            0.0,
            {
                percent: (float(ends[2 * i, at]), float(ends[2 * i + 1, at]))
                for i, percent in enumerate(INTERVALS)
            },
            0,
            0.0,
        )
        for at, name in enumerate(names)
    ]


def _rows(outlook: QuarterOutlook, view: View, model: str, grouping: str) -> None:
    rows = rows_of(outlook, view, model, grouping)
    say("")
    if not rows:
        say(f"  no rows by {grouping} of this model")
        return
    parts = model == "hazard"  # The others tell open deals and those to come in one sum.
    columns = ["open", "to come"] if parts else ["to come"]
    table(
        [grouping, "won", *columns, "forecast", "80 % from", "to", *(["deals"] if parts else [])],
        [
            (
                outlook.book.shown(grouping, row.name),
                whole(row.won),
                whole(row.open),
                *([whole(row.new)] if parts else []),
                whole(row.forecast),
                *(whole(end) for end in row.ranges[80]),
                *([f"{row.deals:,}"] if parts else []),
            )
            for row in rows
        ],
        indent=2,
        shorten=("partner", "owner"),
    )


def exact(worth: float) -> Decimal:
    """An estimate to the cent, for programs."""
    return Decimal(f"{worth:.2f}")


_PARTS = ("won", "open", "new")


def row_json(row: Row) -> dict[str, Any]:
    """One row for programs: amounts in major units, ranges by per cent."""
    return _row_json(row, {part: exact(getattr(row, part)) for part in _PARTS})


def rows_json(rows: list[Row], whole_: Row) -> list[dict[str, Any]]:
    """Rows whose rounded parts sum to the rounded total: the largest row takes what is left."""
    cents = [{part: exact(getattr(row, part)) for part in _PARTS} for row in rows]
    for part in _PARTS if rows else ():
        left = exact(getattr(whole_, part)) - sum(one[part] for one in cents)
        max(cents, key=lambda one: one[part])[part] += left
    return [_row_json(row, one) for row, one in zip(rows, cents, strict=True)]


def _named(
    outlook: QuarterOutlook, grouping: str, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Partners by name, and by the id that tells them apart."""
    if grouping != "partner":
        return rows
    shown = outlook.book.shown
    return [{"id": row["name"]} | row | {"name": shown(grouping, row["name"])} for row in rows]


def _row_json(row: Row, cents: dict[str, Decimal]) -> dict[str, Any]:
    return {
        "name": row.name,
        "won": cents["won"],
        "open": cents["open"],
        "to_come": cents["new"],
        "forecast": sum(cents.values()),
        "ranges": {
            str(percent): {"low": exact(low), "high": exact(high)}
            for percent, (low, high) in row.ranges.items()
        },
        "open_deals": row.deals,
        "open_worth": exact(row.stated),
    }


def _json(
    outlook: QuarterOutlook, model: str, by: tuple[str, ...], beside: Beside
) -> dict[str, Any]:
    q = outlook.quarter
    return {
        "method": model,
        "period": q.name,
        "first_day": q.first,
        "last_day": q.last,
        "calendar": q.calendar.words or "calendar years",
        "as_of": outlook.as_of,
        "findings": [
            {"what": what, "deals": count} for what, count in outlook.book.findings.items()
        ],
        "rates": [
            {"currency": name, "rate": rate, "since": since}
            for name, (rate, since) in outlook.book.converted().items()
        ],
        "retold": None
        if outlook.retold is None
        else {"stored": outlook.retold.kept, "rebuilt": outlook.retold.rebuilt},
        "indirect": [
            _view_json(outlook, view, model, by)
            | {
                "judgement": []
                if view.unknown(model)
                else judgement.as_json(outlook, view, model, beside.judgements),
                "margin": margin_outlook.as_json(view, beside.margins) if beside.margins else None,
            }
            for view in outlook.indirect
        ],
        "direct": [_view_json(outlook, view, model, by) for view in outlook.direct],
    }


def _unknown_json(view: View, model: str) -> dict[str, Any]:
    """Of a model without an earlier quarter to go by: what is won, and null for the rest."""
    nothing = dict.fromkeys(
        ("open", "to_come", "forecast", "ranges", "open_deals", "open_worth", "targets", "by")
    )
    won = exact(row_of(view, model).won)
    return {
        "currency": view.currency,
        "name": TOTAL,
        "won": won,
        "recorded_wins": view.recorded_wins,
        **nothing,
    }


def _view_json(
    outlook: QuarterOutlook, view: View, model: str, by: tuple[str, ...]
) -> dict[str, Any]:
    if view.unknown(model):
        return _unknown_json(view, model)
    whole_ = row_of(view, model)
    found: dict[str, Any] = {
        "currency": view.currency,
        **row_json(whole_),
        "recorded_wins": view.recorded_wins,
        "targets": targets.as_json(outlook, view, model),
        "by": {
            grouping: _named(
                outlook, grouping, rows_json(rows_of(outlook, view, model, grouping), whole_)
            )
            for grouping in by or (GROUPINGS if model == "hazard" else DIMENSIONS)
        },
    }
    if model != "hazard":  # The others do not look at single deals.
        for row in (found, *(row for rows in found["by"].values() for row in rows)):
            row["open_deals"] = row["open_worth"] = None
    else:
        calibration = view.found.calibration
        found["calibration"] = {
            "factor": round(calibration.bias, 4),
            "quarters": calibration.record,
        }
    return found
