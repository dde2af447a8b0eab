"""The program file, `[program] file` of the settings: a partner program as YAML.

Read strictly: every unknown key, wrong rate and name that leads nowhere is reported with its
place. Without a file the reference program holds. Every key is described in
docs/channel-manager.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from prmsync.domain.fiscal import FiscalCalendar, Named, Pattern
from prmsync.domain.money import MINOR_UNITS
from prmsync.domain.partner import Tier
from prmsync.domain.program import (
    CategoryRates,
    ConflictRules,
    ForecastRules,
    MarginRules,
    Program,
    ReviewSettings,
)
from prmsync.domain.rates import Rates
from prmsync.domain.stage import Stage
from prmsync.errors import ConfigurationError, Finding
from prmsync.mapping.document import Items, Node, Scalar, Table, read_document
from prmsync.mapping.spelling import did_you_mean
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.service.findings import describe
from prmsync.service.settings import Settings, wrong

Percent = Annotated[Decimal, Field(ge=0, le=100)]
Days = Annotated[int, Field(ge=0, le=3660)]
_Key = tuple[str, ...]
_DEFAULT = REFERENCE_PROGRAM


def _time_zone(name: object) -> object:
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        raise wrong("is not a time zone", "Write an IANA name, such as Europe/Berlin.") from None


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class _Review(_Section):
    protection_days: Days = _DEFAULT.review.protection_days
    decision_days: Days = _DEFAULT.review.decision_days
    resubmit_days: Days = _DEFAULT.review.resubmit_days
    extension_days: Days = _DEFAULT.review.extension_days
    max_extensions: Annotated[int, Field(ge=0)] = _DEFAULT.review.max_extensions
    time_zone: Annotated[ZoneInfo, BeforeValidator(_time_zone)] = ZoneInfo("UTC")


class _Category(_Section):
    tier: dict[str, Percent] = Field(default_factory=dict)
    registration_bonus: Percent = Decimal(0)
    flat: Percent | None = None


class _Margins(_Section):
    categories: Annotated[dict[str, _Category], Field(min_length=1)]
    product_categories: dict[str, str] = Field(default_factory=dict)
    default_category: str
    reseller_cap: Percent
    distributor_points: Percent = Decimal(0)
    referral_pool: Percent = Decimal(0)
    renewal: Percent = Decimal(0)


class _Conflicts(_Section):
    direct_activity_days: Days = _DEFAULT.conflicts.direct_activity_days
    target_hours: Annotated[int, Field(ge=1)] = _DEFAULT.conflicts.target_hours


class _Calendar(_Section):
    pattern: Pattern = Pattern.MONTHS
    start_month: Annotated[int, Field(ge=1, le=12)] = 1
    first_day: date | None = None
    long_years: frozenset[int] = frozenset()
    named: Named = Named.END


class _Forecast(_Section):
    probability: dict[Stage, Percent] = Field(
        default_factory=lambda: dict(_DEFAULT.forecast.probability)
    )
    shared_shock: Percent = _DEFAULT.forecast.shared_shock
    calendar: _Calendar = _Calendar()
    currency: str | None = None
    rates: dict[date, dict[str, Annotated[Decimal, Field(gt=0)]]] = Field(default_factory=dict)


class _File(_Section):
    version: str
    name: str
    valid_from: date
    tiers: Annotated[list[str], Field(min_length=1)]
    margins: _Margins
    product_lines: list[str] = Field(default_factory=list)
    review: _Review = _Review()
    conflicts: _Conflicts = _Conflicts()
    forecast: _Forecast | None = None


def program_of(settings: Settings) -> Program:
    """The program of these settings; the reference program where they name no file.

    Raises ConfigurationError with every problem of the file.
    """
    if settings.program.file is None:
        return REFERENCE_PROGRAM
    return load_program(settings.folder / settings.program.file)


def load_program(path: Path) -> Program:
    """Raises ConfigurationError with every problem of the file, as file:line:column."""
    findings: list[Finding] = []
    table = read_document(path, findings)
    if table is None:
        raise _refused(path, findings)
    places = _Places(path)
    raw = places.plain(table, ())
    try:
        file = _File.model_validate(raw)
    except ValidationError as error:
        findings += [describe(item, _File, places) for item in error.errors()]
        raise _refused(path, findings) from error
    findings += _names_that_lead_nowhere(file, places)
    if findings:
        raise _refused(path, findings)
    return _program(file)


def _refused(path: Path, findings: list[Finding]) -> ConfigurationError:
    return ConfigurationError(
        f"the partner program in {path} cannot be used. Nothing was read or written.",
        findings=findings,
    )


@dataclass(slots=True)
class _Places:
    """Plain data of a document, and where each of its keys stands."""

    path: Path
    at: dict[_Key, str] = field(default_factory=dict)

    def __call__(self, key: _Key) -> str:
        while key and key not in self.at:
            key = key[:-1]
        return self.at.get(key, str(self.path))

    def plain(self, node: Node, key: _Key) -> Any:
        self.at.setdefault(key, str(node.at))
        if isinstance(node, Scalar):
            return None if node.kind == "nothing" else node.text
        if isinstance(node, Items):
            return [self.plain(item, (*key, str(i))) for i, item in enumerate(node.items)]
        return self._table(node, key)

    def _table(self, node: Table, key: _Key) -> dict[str, Any]:
        for entry in node.entries:
            self.at[(*key, entry.key)] = str(entry.at)
        return {entry.key: self.plain(entry.value, (*key, entry.key)) for entry in node.entries}


def _names_that_lead_nowhere(file: _File, places: _Places) -> Iterator[Finding]:
    margins = file.margins
    for index, tier in enumerate(file.tiers):
        if tier in file.tiers[:index]:
            yield Finding(places(("tiers", str(index))), f"tier `{tier}` is named twice")
    named: dict[_Key, str] = {("margins", "default_category"): margins.default_category}
    for line, category in margins.product_categories.items():
        named["margins", "product_categories", line] = category
    for key, category in named.items():
        if category not in margins.categories:
            hint = did_you_mean(category, margins.categories)
            yield Finding(places(key), f"there is no category `{category}`", hint)
    for name, category_rates in margins.categories.items():
        for tier in category_rates.tier:
            if tier not in file.tiers:
                place = places(("margins", "categories", name, "tier", tier))
                yield Finding(place, f"there is no tier `{tier}`", did_you_mean(tier, file.tiers))
    for stage in file.forecast.probability if file.forecast else ():
        if stage.is_closed:
            place = places(("forecast", "probability", stage.value))
            yield Finding(place, f"`{stage}` is an end, it has no probability", "remove the line")
    if file.forecast is not None:
        yield from _calendar_at_odds(file.forecast.calendar, places)
        yield from _rates_at_odds(file.forecast, places)


def _rates_at_odds(forecast: _Forecast, places: _Places) -> Iterator[Finding]:
    """Currencies that do not exist, and rates that lead nowhere."""
    named: dict[_Key, str] = {}
    if forecast.currency is not None:
        named["forecast", "currency"] = forecast.currency
    for day, rates in forecast.rates.items():
        named |= {("forecast", "rates", day.isoformat(), code): code for code in rates}
        if forecast.currency in rates:
            place = places(("forecast", "rates", day.isoformat(), forecast.currency or ""))
            hint = "rates say what one unit of another currency is worth in it"
            yield Finding(place, f"`{forecast.currency}` is the currency of the forecast", hint)
    for key, code in named.items():
        if code not in MINOR_UNITS:
            yield Finding(places(key), f"`{code}` is not a currency", "an ISO 4217 code: USD")
    if forecast.rates and forecast.currency is None:
        hint = "name the currency that they lead to: currency: EUR"
        yield Finding(places(("forecast", "rates")), "`rates` need `currency` beside them", hint)


def _calendar_at_odds(calendar: _Calendar, places: _Places) -> Iterator[Finding]:
    """Keys of one kind of calendar beside the pattern of the other."""
    at = ("forecast", "calendar")
    of_weeks = calendar.pattern is not Pattern.MONTHS
    if of_weeks and calendar.first_day is None:
        hint = "name the first day of a fiscal year: first_day: 2026-02-02"
        yield Finding(places((*at, "pattern")), f"`{calendar.pattern}` needs `first_day`", hint)
    if of_weeks and "start_month" in calendar.model_fields_set:
        message = f"`start_month` means nothing in a calendar of `{calendar.pattern}`"
        yield Finding(places((*at, "start_month")), message, "remove the line")
    for key in ("first_day", "long_years") if not of_weeks else ():
        if key in calendar.model_fields_set:
            hint = "write `pattern: 4-4-5`, or remove the line"
            message = f"`{key}` means nothing in a calendar of months"
            yield Finding(places((*at, key)), message, hint)


def _program(file: _File) -> Program:
    margins = file.margins
    categories = {
        name: CategoryRates(rates.tier, rates.registration_bonus, rates.flat)
        for name, rates in margins.categories.items()
    }
    forecast = file.forecast
    return Program(
        name=file.name,
        version=file.version,
        valid_from=file.valid_from,
        tiers=tuple(Tier(name, rank) for rank, name in enumerate(file.tiers, start=1)),
        margins=MarginRules(**{**dict(margins), "categories": categories}),
        forecast=_forecast_rules(forecast) if forecast else REFERENCE_PROGRAM.forecast,
        review=ReviewSettings(**dict(file.review)),
        conflicts=ConflictRules(**dict(file.conflicts)),
        product_lines=tuple(file.product_lines),
    )


def _forecast_rules(section: _Forecast) -> ForecastRules:
    calendar = FiscalCalendar(**dict(section.calendar))
    rates = Rates(section.currency, section.rates) if section.currency else None
    return ForecastRules(section.probability, section.shared_shock, calendar, rates)
