"""Writing objects in batches, with an answer for every row.

Creates are upserts on the external key. HubSpot answers 200 or 201 when all rows were taken and
207 when some were not; errors name their row by the `objectWriteTraceId` that we send, or by id.
Source: HubSpot's "Handle multi-status errors".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from prmsync.connector.protocol import Change, NewRecord, WriteResult
from prmsync.errors import ConnectorError, GoneError, OutcomeUnknownError
from prmsync_hubspot.client import Client
from prmsync_hubspot.codec import Reader, version_of, write_values
from prmsync_hubspot.errors import NO_ANSWER_HINT, Link, row_error
from prmsync_hubspot.objects import ObjectType
from prmsync_hubspot.paths import OBJECTS, Paths
from prmsync_hubspot.reading import Found


class Writer:
    """Batch writes of any object type; at most 100 rows, one call each."""

    def __init__(
        self, client: Client, paths: Paths, link: Callable[[str, str], str | None]
    ) -> None:
        """`link` gives the address of a record by its object and id."""
        self._client = client
        self._paths = paths
        self._link = link

    def upsert(
        self, of: ObjectType, key: str, rows: Sequence[NewRecord], reader: Reader
    ) -> list[WriteResult]:
        """Create, or update what already carries the key."""
        inputs = [
            {
                "idProperty": key,
                "id": row.key,
                "properties": {**write_values(row.values), key: row.key},
                "objectWriteTraceId": _trace(at),
            }
            for at, row in enumerate(rows)
        ]
        data = self._post(of, "upsert", inputs)
        return _settled(data, [row.key for row in rows], key, reader, partial(self._link, of.path))

    def update(self, of: ObjectType, rows: Sequence[Change], reader: Reader) -> list[WriteResult]:
        """Write the named properties by record id."""
        inputs = [
            {
                "id": row.id,
                "properties": write_values(row.values),
                "objectWriteTraceId": _trace(at),
            }
            for at, row in enumerate(rows)
        ]
        try:
            data = self._post(of, "update", inputs)
        except GoneError as error:
            # HubSpot answers 404 instead of 207 when it knows none of the ids.
            return [WriteResult(error=error) for _ in rows]
        return _settled(data, [row.id for row in rows], None, reader, partial(self._link, of.path))

    def archive(self, of: ObjectType, ids: Sequence[str]) -> list[WriteResult]:
        """Archive. HubSpot answers the same for records that are archived already."""
        with suppress(GoneError):
            self._post(of, "archive", [{"id": one} for one in ids])
        return [WriteResult(id=one) for one in ids]

    def _post(self, of: ObjectType, what: str, inputs: Sequence[Found]) -> Found:
        path = self._paths.path(OBJECTS, of.path, "batch", what)
        body = {"inputs": inputs}
        return self._client.call("write", "POST", path, body=body, by_row=what != "archive").data


def unmentioned() -> OutcomeUnknownError:
    """The error of a row that an answer says nothing about."""
    return OutcomeUnknownError(
        "HubSpot's answer does not mention the record", hint=NO_ANSWER_HINT, code="NOT_MENTIONED"
    )


def written(data: Mapping[str, Any]) -> list[Found]:
    """What an answer to a write says was written; nothing where it is of another kind, so that
    its rows count as unknown."""
    found = data.get("results")
    return found if isinstance(found, list) else []


def _settled(
    data: Mapping[str, Any],
    names: Sequence[str],
    key: str | None,
    reader: Reader,
    link: Link,
) -> list[WriteResult]:
    """One result a row. `names` are the rows' keys or ids, by which HubSpot may name them."""
    rows = {name.lower(): at for at, name in enumerate(names)}
    rows |= {_trace(at): at for at in range(len(names))}
    settled: dict[int, WriteResult] = {}
    strays: list[Found] = []
    for found in written(data):
        at = _row_of(found, key, rows)
        if at is None:
            strays.append(found)
        else:
            settled[at] = _written(found, reader)
    others = _errors(data, rows, settled, link)
    left = [at for at in range(len(names)) if at not in settled]
    if len(left) == len(strays) == 1 and not others:
        # The one record that was merged away: HubSpot wrote to the survivor and names that.
        settled[left[0]] = _written(strays[0], reader)
    rest = WriteResult(error=others[0] if others else unmentioned())
    return [settled.get(at, rest) for at in range(len(names))]


def _row_of(found: Mapping[str, Any], key: str | None, rows: Mapping[str, int]) -> int | None:
    if (trace := found.get("objectWriteTraceId")) in rows:
        return rows[str(trace)]
    name = found.get("id") if key is None else (found.get("properties") or {}).get(key)
    return rows.get(str(name).lower())


def _errors(
    data: Mapping[str, Any],
    rows: Mapping[str, int],
    settled: dict[int, WriteResult],
    link: Link,
) -> list[ConnectorError]:
    """Put errors on the rows that they name; the rest is returned."""
    others: list[ConnectorError] = []
    for told in data.get("errors") or ():
        named = [rows[name] for name in _named(told) if name in rows]
        for at in named:
            settled[at] = WriteResult(error=row_error(told, link))
        if not named:
            others.append(row_error(told, link))
    return others


def _named(told: Mapping[str, Any]) -> list[str]:
    context = told.get("context") or {}
    for place in ("objectWriteTraceId", "ids", "id"):
        if names := context.get(place):
            return [str(name).lower() for name in names]
    return []


def _written(found: Mapping[str, Any], reader: Reader) -> WriteResult:
    return WriteResult(
        id=str(found["id"]),
        created=bool(found.get("new")),
        version=version_of(found),
        values=reader.told(found.get("properties") or {}),
    )


def _trace(at: int) -> str:
    return f"row-{at}"
