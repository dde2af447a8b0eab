"""The match file: possible pairs as CSV for an admin, who says yes and gives it back."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from prmsync.domain.counted import counted
from prmsync.errors import ConfigurationError, Finding, InputError
from prmsync.service.csv_cells import cell
from prmsync.store import links
from prmsync.store import records as prm_records
from prmsync.sync.matching import Candidate, candidates, link_pairs
from prmsync.sync.observe import observe
from prmsync.sync.running import holding
from prmsync.sync.session import Session, Stream

COLUMNS = (
    "link",
    "stream",
    "prm_id",
    "prm_name",
    "crm_id",
    "crm_name",
    "score",
    "matched_by",
    "differs",
)
YES = frozenset({"yes", "y", "true", "1", "x"})
NO = frozenset({"no", "n", "false", "0", ""})


@dataclass(frozen=True, slots=True)
class Row:
    """A possible pair for people. `sure` pairs are the only candidates of both records."""

    candidate: Candidate
    prm_id: str
    prm_name: str
    crm_id: str
    crm_name: str
    differs: tuple[str, ...]


def find_pairs(session: Session) -> list[Row]:
    """Read both sides and list every possible pair of unlinked records; links nothing."""
    with holding(session):
        observe(session)
    rows: list[Row] = []
    for stream in session.streams.values():
        found = candidates(session, stream)
        with session.database.read() as connection:
            rows.extend(_rows(connection, stream, found))
    return rows


def _rows(connection: sa.Connection, stream: Stream, found: Sequence[Candidate]) -> Iterator[Row]:
    ids = {one for pair in found for one in (pair.prm_link, pair.crm_link)}
    known = links.by_ids(connection, ids)
    prm_ids = [str(one.prm_id) for one in known.values() if one.prm_id]
    ours = prm_records.read(connection, stream.name, prm_ids)
    for pair in sorted(found, key=lambda one: (not one.unique, -one.score)):
        mine, other = known[pair.prm_link], known[pair.crm_link]
        values = ours.get(str(mine.prm_id), {})
        theirs = other.crm or {}
        projected = stream.translator.project(
            {name: values.get(name) for name in stream.members}
        ).values
        yield Row(
            pair,
            str(mine.prm_id),
            _name(values),
            str(other.crm_id),
            _name(theirs),
            tuple(
                name
                for name in stream.members
                if name in theirs and projected.get(name) != theirs[name]
            ),
        )


def _name(values: dict[str, str | bool | None]) -> str:
    return str(values.get("name") or values.get("customer_name") or values.get("number") or "")


def write_file(path: Path, rows: Sequence[Row]) -> None:
    """The match file: sure pairs say yes already, the others wait for the admin. Raises
    ConfigurationError if it cannot be written."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(_cells(row) for row in rows)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error


def _cells(row: Row) -> list[str]:
    """One line; names stand as text even where a spreadsheet would take them for a formula."""
    pair = row.candidate
    return [
        "yes" if pair.unique else "",
        pair.stream,
        row.prm_id,
        cell(row.prm_name),
        row.crm_id,
        cell(row.crm_name),
        str(pair.score),
        pair.by,
        " ".join(row.differs),
    ]


def apply_file(session: Session, path: Path) -> tuple[int, int]:
    """Link the pairs that say yes; returns (linked, were not free any more).

    Raises InputError with every line that cannot be read, ConfigurationError for a file of another
    kind; then nothing is linked.
    """
    pairs = _read(path)
    with holding(session):
        wanted = _resolve(session, path, pairs)
        linked = link_pairs(session, wanted)
    return linked, len(wanted) - linked


def _read(path: Path) -> list[tuple[int, dict[str, str]]]:
    findings: list[Finding] = []
    chosen = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [one for one in COLUMNS[:5] if one not in (reader.fieldnames or ())]
            if missing:
                raise ConfigurationError(
                    f"{path} is not a match file: it lacks {', '.join(missing)}",
                    hint="make one: prmsync match CONNECTION --out FILE",
                )
            for row in reader:
                answer = (row["link"] or "").strip().lower()
                if answer in YES:
                    chosen.append((reader.line_num, row))
                elif answer not in NO:
                    where = f"{path}:{reader.line_num}"
                    findings.append(Finding(where, f"link is `{row['link']}`", "yes or no"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"{path} is not UTF-8 CSV text", hint="save it as CSV UTF-8 and try again"
        ) from error
    if findings:
        raise InputError(
            f"{counted(len(findings), 'line')} cannot be read. Nothing was linked.",
            findings=findings,
        )
    return chosen


def _resolve(
    session: Session, path: Path, chosen: Sequence[tuple[int, dict[str, str]]]
) -> list[Candidate]:
    findings: list[Finding] = []
    pairs: list[Candidate] = []
    with session.database.read() as connection:
        for line, row in chosen:
            stream = session.streams.get(row["stream"])
            if stream is None:
                findings.append(Finding(f"{path}:{line}", f"no stream `{row['stream']}`"))
                continue
            mine = links.by_prm_ids(connection, stream.id, [row["prm_id"]]).get(row["prm_id"])
            other = links.by_crm_ids(connection, stream.id, [row["crm_id"]]).get(row["crm_id"])
            if mine is None or other is None:
                unknown = row["prm_id"] if mine is None else row["crm_id"]
                findings.append(
                    Finding(
                        f"{path}:{line}", f"no {stream.name} {unknown}", "make a new match file"
                    )
                )
                continue
            pairs.append(Candidate(stream.name, mine.id, other.id, "admin", 100, True))
    if findings:
        raise InputError(
            f"{counted(len(findings), 'line')} cannot be linked: there is no such record. "
            "Nothing was linked.",
            findings=findings,
        )
    return pairs
