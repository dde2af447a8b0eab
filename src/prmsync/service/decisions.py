"""Decisions of people on held fields: checked together, noted all or none."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson

from prmsync.domain.counted import counted
from prmsync.domain.merge import Direction, Side
from prmsync.errors import ConfigurationError, Finding, InputError, StateError
from prmsync.mapping.model import StreamMapping
from prmsync.service.csv_cells import cell
from prmsync.service.waiting import HeldRow, held_rows
from prmsync.store import held
from prmsync.store.database import Database
from prmsync.store.held import GroupValue, HeldItem

COLUMNS = (
    "take", "id", "connection", "stream", "record", "field", "ours", "crm", "agreed", "why",
    "since", "seen",
)  # fmt: skip
NEEDED = ("take", "id", "seen")

Mappings = Mapping[str, Sequence[StreamMapping]]
"""Connection → its mappings, to know where a field may flow."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants done with one held item. `where` names it in messages; `seen` is the
    mark of the values they saw, None for those that are there now."""

    where: str
    item: int
    take: str
    seen: str | None = None


def seen_mark(item: HeldItem) -> str:
    """Changes whenever one of the two values does; a spreadsheet leaves it as it is."""
    said = orjson.dumps([item.group, item.prm, item.crm])
    return "v" + hashlib.blake2b(said, digest_size=6).hexdigest()


def write_file(path: Path, rows: Sequence[HeldRow]) -> None:
    """Held items as CSV with an empty column `take`. Raises ConfigurationError if it
    cannot be written."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(_row(one) for one in rows)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error


def _row(one: HeldRow) -> list[str]:
    item = one.item
    values = (_told(item.prm), _told(item.crm), _told(item.base))
    said = [str(item.id), one.connection, one.stream, one.title, item.group, *values, item.kind]
    since = item.since.isoformat(timespec="seconds")
    return ["", *(cell(text) for text in said), since, seen_mark(item)]


def _told(value: GroupValue | None) -> str:
    if value is None:
        return "(deleted)"
    return " · ".join("–" if one is None else cell(one) for one in value)


def read_file(path: Path) -> list[Wish]:
    """The rows that say prm or crm; empty ones are left.

    Raises InputError with every bad line, ConfigurationError for a file of another kind.
    """
    findings: list[Finding] = []
    wishes = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [one for one in NEEDED if one not in (reader.fieldnames or ())]
            if missing:
                raise ConfigurationError(
                    f"{path} is no file of held fields: it lacks {', '.join(missing)}",
                    hint="make one: prmsync held list --out FILE",
                )
            for row in reader:
                where = f"{path}:{reader.line_num}"
                take, item = (row["take"] or "").strip().lower(), (row["id"] or "").strip()
                if not take:
                    continue
                if take not in ("prm", "crm"):
                    findings.append(Finding(where, f"take is `{row['take']}`", "prm or crm"))
                elif not item.isdigit():
                    findings.append(Finding(where, f"id is `{row['id']}`", "as the file had it"))
                else:
                    wishes.append(Wish(where, int(item), take, (row["seen"] or "").strip()))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"{path} is not UTF-8 CSV text", hint="save it as CSV UTF-8 and try again"
        ) from error
    if findings:
        raise InputError(
            f"{counted(len(findings), 'line')} cannot be read. Nothing was decided.",
            findings=findings,
        )
    return wishes


def decide(
    database: Database, wishes: Sequence[Wish], mappings: Mappings, by: str, now: datetime
) -> int:
    """Note these decisions, all or none; returns how many.

    Raises StateError with every wish that cannot be: nothing waits under its number, its values
    moved since they were seen, two wishes for one item, or the mapping lets no value go there.
    """
    with database.begin() as connection:
        rows = {
            one.item.id: one for one in held_rows(database, chosen=[wish.item for wish in wishes])
        }
        findings = [one for wish in wishes if (one := _wrong(wish, rows, mappings))]
        findings += _contradictions(wishes)
        if findings:
            count = counted(len(findings), "decision")
            raise StateError(f"{count} cannot be noted. Nothing was decided.", findings=findings)
        for wish in {one.item: one for one in wishes}.values():
            held.decide(connection, wish.item, wish.take, by, now)
    return len({one.item for one in wishes})


def _wrong(wish: Wish, rows: Mapping[int, HeldRow], mappings: Mappings) -> Finding | None:
    row = rows.get(wish.item)
    if row is None:
        return Finding(
            wish.where,
            f"nothing waits as {wish.item}: it was decided, or its values moved",
            "see `prmsync held list`",
        )
    if wish.seen is not None and wish.seen != seen_mark(row.item):
        return Finding(
            wish.where,
            f"{row.title}, {row.item.group}: its values are not those in the file",
            "make a new file: prmsync held list --out FILE",
        )
    return _against_direction(wish, row, mappings.get(row.connection, ()))


def _against_direction(
    wish: Wish, row: HeldRow, mappings: Sequence[StreamMapping]
) -> Finding | None:
    groups = next((one.groups for one in mappings if one.stream == row.stream), {})
    group = groups.get(row.item.group)
    if group is None or group.direction is Direction.BOTH:
        return None
    flows_to = Side.CRM if group.direction is Direction.TO_CRM else Side.PRM
    if (wish.take == Side.PRM) == (flows_to is Side.CRM):
        return None
    where = "the CRM" if flows_to is Side.CRM else "the partner database"
    source = "the partner database" if flows_to is Side.CRM else "the CRM"
    return Finding(
        wish.where,
        f"{row.title}, {row.item.group}: the mapping lets this field flow to {where} only",
        f"change the value in {source}, or `direction` at {group.at}",
    )


def _contradictions(wishes: Sequence[Wish]) -> list[Finding]:
    first: dict[int, Wish] = {}
    found = []
    for wish in wishes:
        other = first.setdefault(wish.item, wish)
        if other.take != wish.take:
            found.append(
                Finding(wish.where, f"{wish.item} is to be {wish.take}, and {other.take} before")
            )
    return found
