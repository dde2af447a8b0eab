"""A plan as data: what `plan` prints, `--out` writes, and `apply FILE` checks before it acts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, ValidationError

from prmsync.errors import ConfigurationError, StateError
from prmsync.service.naming import with_names
from prmsync.store import journal, links, runs, streams
from prmsync.store.database import Database
from prmsync.store.journal import Action, ActionState
from prmsync.sync.status import titles

VERSION = 1
_EQUAL = "base"
_CHANGING = ("create", "update", "delete", "end", "rest", "merge", "erase")
Listed = tuple[str, Sequence[tuple[Action, str]], int]


class PlanFile(BaseModel):
    """One connection's plan. `digest` covers all rows, so an edited file is refused."""

    model_config = ConfigDict(extra="forbid")

    version: int
    run: int
    connection: str
    org_id: str
    digest: str
    actions: list[dict[str, Any]]


def rows_of(
    database: Database, run_id: int, limit: int | None, states: Sequence[ActionState] = ()
) -> list[Listed]:
    """A run's rows by stream with the records' titles: (stream, first rows, how many). What the
    run decided anew itself is listed once. Of limited rows those that change something come before
    what was found equal."""
    wanted = states or tuple(ActionState)
    found: list[Listed] = []
    with database.read() as connection:
        run = runs.get(connection, run_id)
        for name, state in streams.streams_of(connection, run.connection).items():
            total = sum(
                count
                for (stream_id, _, _, row_state), count in journal.counts(
                    connection, run_id
                ).items()
                if stream_id == state.id and row_state in wanted
            )
            rows = _rows(connection, run_id, state.id, wanted, limit)
            if limit is not None and len(rows) == limit < total:
                changing = _rows(connection, run_id, state.id, wanted, limit, ops=_CHANGING)
                rows = [*changing, *(one for one in rows if one.op == _EQUAL)][:limit]
            known = links.by_ids(connection, {one.link_id for one in rows})
            named = titles(connection, name, list(known.values()))
            found.append((name, [(one, named[one.link_id]) for one in rows], total))
    return found


def named_rows(database: Database, run_id: int, limit: int | None) -> list[Listed]:
    """`rows_of` for people: references by name."""
    return [
        (
            stream,
            list(
                zip(
                    with_names(database, stream, [action for action, _ in listed]),
                    [title for _, title in listed],
                    strict=True,
                )
            ),
            total,
        )
        for stream, listed, total in rows_of(database, run_id, limit)
    ]


def _rows(
    connection: sa.Connection,
    run_id: int,
    stream_id: int,
    states: Sequence[ActionState],
    limit: int | None,
    ops: Sequence[str] = (),
) -> list[Action]:
    rows: list[Action] = []
    while limit is None or len(rows) < limit:
        after = rows[-1].id if rows else 0
        size = links.CHUNK if limit is None else min(links.CHUNK, limit - len(rows))
        page = journal.page(
            connection,
            run_id,
            states,
            stream_id=stream_id,
            ops=ops,
            once=True,
            after=after,
            limit=size,
        )
        rows.extend(page)
        if len(page) < size:
            break
    return rows


def plan_data(database: Database, run_id: int, *, org_id: str) -> dict[str, Any]:
    """The plan as a JSON object, all rows included."""
    rows = rows_of(database, run_id, None, (ActionState.PLANNED, ActionState.WAITING))
    actions = [
        {
            "action": action.id,
            "stream": stream,
            "record": title,
            "side": action.side,
            "op": action.op,
            "fields": {
                name: {"old": old, "new": new} for name, (old, new) in action.fields.items()
            },
            "reason": action.reason,
            "cause": action.cause,
        }
        for stream, listed, _ in rows
        for action, title in listed
    ]
    with database.read() as connection:
        name = runs.get(connection, run_id).connection
    return {
        "version": VERSION,
        "run": run_id,
        "connection": name,
        "org_id": org_id,
        "digest": _digest(actions),
        "actions": actions,
    }


def _digest(actions: Sequence[dict[str, Any]]) -> str:
    """Over what would be written; a record's title may change without changing the plan."""
    rows = [{key: value for key, value in one.items() if key != "record"} for one in actions]
    return hashlib.blake2b(
        orjson.dumps(rows, option=orjson.OPT_SORT_KEYS), digest_size=16
    ).hexdigest()


def write_plan(path: Path, plans: Sequence[dict[str, Any]]) -> None:
    """Write plans as JSON. Raises ConfigurationError when the file cannot be written."""
    try:
        path.write_bytes(orjson.dumps(list(plans), option=orjson.OPT_INDENT_2))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error


def read_plan(path: Path) -> list[PlanFile]:
    """Read a plan file. Raises ConfigurationError for anything but an unchanged plan."""
    try:
        data = orjson.loads(path.read_bytes())
        if not isinstance(data, list) or not data:
            raise TypeError("a plan file is a list of plans")
        plans = [PlanFile.model_validate(one) for one in data]
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}",
            hint="give the number of a run, or a file that `prmsync plan --out` wrote",
        ) from error
    except (orjson.JSONDecodeError, ValidationError, TypeError) as error:
        raise ConfigurationError(
            f"{path} is not a plan file", hint="make one: prmsync plan --out FILE"
        ) from error
    for plan in plans:
        if plan.version != VERSION:
            raise ConfigurationError(
                f"{path} is a plan of format {plan.version}, this program knows {VERSION}",
                hint="make a new plan: prmsync plan --out FILE",
            )
        if _digest(plan.actions) != plan.digest:
            raise ConfigurationError(
                f"{path} was edited after it was made",
                hint="make a new plan: prmsync plan --out FILE",
            )
    return plans


def _account(database: Database, name: str) -> str | None:
    with database.read() as connection:
        return next(
            (one.org_id for one in streams.all_connections(connection) if one.name == name), None
        )


def runs_of_file(database: Database, plans: Sequence[PlanFile]) -> list[int]:
    """The runs to apply. Raises StateError when one no longer is what the file says."""
    for plan in plans:
        stored = plan_data(database, plan.run, org_id=plan.org_id)
        if stored["connection"] != plan.connection:
            raise StateError(
                f"run {plan.run} belongs to {stored['connection']}, the file to {plan.connection}",
                hint="this plan was made with another database",
            )
        if plan.org_id != _account(database, plan.connection):
            raise StateError(
                f"the file is a plan for account {plan.org_id}, which {plan.connection} is not "
                "bound to",
                hint=f"make a new plan: prmsync plan {plan.connection} --out FILE",
            )
        if stored["digest"] != plan.digest:
            raise StateError(
                f"run {plan.run} is no longer what the file says",
                hint="something was written or decided since: make a new plan",
            )
    return [plan.run for plan in plans]
