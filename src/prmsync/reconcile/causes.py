"""Who or what caused a write, from the values alone: brakes count by cause, people read it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from prmsync.domain.merge import Side
from prmsync.domain.values import Scalar, Values


class Cause(StrEnum):
    """The first word of a cause's text; `crm` is followed by whom the CRM names, if anybody."""

    PRM = "prm"
    """Somebody edited the partner database."""
    CRM = "crm"
    MAPPING = "mapping"
    """The mapping says something else than before."""
    FIRST = "first"
    """The records of both sides meet for the first time."""
    GONE_PRM = "gone_prm"
    """Deleted in the partner database."""
    GONE_CRM = "gone_crm"
    IMPORT = "import"
    """A file was imported into the partner database; its words follow."""
    DECISION = "decision"
    """A person decided a held field."""
    FORECAST = "forecast"
    """The forecast of a deal or a partner moved."""


BACKFILL = frozenset({Cause.MAPPING.value, Cause.FIRST.value})
"""Causes that are no edit of a person: these writes come after people's."""


class Lane(StrEnum):
    """What of the CRM's calls a write may use, in the order in which writes leave."""

    PEOPLE = "people"
    """What somebody edited or decided: all that is left of the connection's share."""
    BACKFILL = "backfill"
    """First loads and new fields: not what is kept for people."""
    FORECAST = "forecast"
    """A share of its own, and not what is kept for people."""


_FORECAST = "forecast_"
"""How the fields begin that the forecast fills."""
_FIRST_NAMES = "crm:"
_IMPORTED = f"{Cause.IMPORT.value}:"
HOME = "home"
"""The column that says which connection owns a record; it is nobody's edit."""


def by_crm_user(who: str | None) -> str:
    """The cause of what somebody did in the CRM; blank where it names nobody."""
    return f"{_FIRST_NAMES}{who}" if who else Cause.CRM.value


def by_import(told: str) -> str:
    """The cause of what an import led to; `told` says who, when and by which rule."""
    return f"{_IMPORTED}{told}"


def crm_user_of(cause: str) -> str | None:
    """The CRM's name for who caused it, None for other causes."""
    return cause.removeprefix(_FIRST_NAMES) if cause.startswith(_FIRST_NAMES) else None


def cause_of_update(
    side: str, changes: Mapping[str, tuple[Scalar, Scalar]], base: Values | None, who: str | None
) -> str:
    """Who moved the values of an update to `side`. `changes` are (replaced, written) by field,
    `who` is whom the CRM names as the record's last modifier.

    What is written to a side was edited on the other one, unless the replaced value is the one
    that left the base: then the edit is put back.
    """
    if base is None:
        return Cause.FIRST.value
    changed = [name for name, (old, new) in changes.items() if old != new and name[0] != "@"]
    if side == Side.CRM and changed and all(name.startswith(_FORECAST) for name in changed):
        return Cause.FORECAST.value
    edited_there = False
    for name, (old, new) in changes.items():
        if old == new or name.startswith("@") or name == HOME:
            continue
        if name not in base:  # never agreed on, though the record was: a field new in the mapping
            return Cause.MAPPING.value
        edited_there = edited_there or old != base[name] == new
    if (side == Side.CRM) is edited_there:
        return by_crm_user(who)
    return Cause.PRM.value


def words(cause: str, names: Mapping[str, str] | None = None) -> str:
    """A cause for people. `names` says what people call a CRM's users."""
    if cause.startswith(_IMPORTED):
        return cause.removeprefix(_IMPORTED)
    who = crm_user_of(cause)
    if who is not None:
        name = (names or {}).get(who)
        return f"edited in the CRM by {name} ({who})" if name else f"edited in the CRM by {who}"
    return _WORDS.get(cause, cause)


_WORDS = {
    Cause.PRM.value: "edited in the partner database",
    Cause.CRM.value: "edited in the CRM by somebody or something that it does not name",
    Cause.MAPPING.value: "the mapping was changed",
    Cause.FIRST.value: "both sides meet for the first time",
    Cause.GONE_PRM.value: "deleted in the partner database",
    Cause.GONE_CRM.value: "deleted in the CRM",
    Cause.IMPORT.value: "imported into the partner database",
    Cause.FORECAST.value: "the forecast moved",
    Cause.DECISION.value: "decisions on held fields",
}
