"""Finds records by what a file calls them: numbers, names, domains, e-mails, ids."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.service.importing.fields import KEYS, PERSON
from prmsync.store.bulk import select_rows
from prmsync.store.tables import deal_partner, opportunity, partner, person, registration

Key = tuple[str, ...]

_NUMBERED = {"opportunity": opportunity, "registration": registration}


def name_key(name: str) -> str:
    """The form in which names are compared: case and spacing do not count."""
    return " ".join(name.split()).casefold()


def row_key(stream: str, values: Mapping[str, object]) -> Key:
    """The key of a row, by which a second import finds its record."""
    parts = tuple(str(values.get(name) or "") for name in KEYS[stream])
    return tuple(map(name_key, parts)) if stream == "partner" else parts


class PartnerBook:
    """All partners by name, domain and id: few enough to be held in memory."""

    def __init__(self, connection: sa.Connection) -> None:
        rows = connection.execute(sa.select(partner.c.id, partner.c.name, partner.c.domain))
        self._ids: dict[str, set[str]] = {}
        self._names: dict[str, set[str]] = {}
        for record, name, domain in rows:
            self.add(record, name, domain)

    def add(self, record: str, name: str, domain: str | None = None) -> None:
        self._names.setdefault(name_key(name), set()).add(record)
        for text in {name_key(name), name_key(domain or name), record}:
            self._ids.setdefault(text, set()).add(record)

    def find(self, text: str) -> set[str]:
        """Ids of the partners that `text` may mean: by id, name or domain."""
        return self._ids.get(name_key(text), set())

    def named(self, text: str) -> set[str]:
        """Ids of the partners with this name."""
        return self._names.get(name_key(text), set())


def opportunities(connection: sa.Connection, texts: Collection[str]) -> dict[str, set[str]]:
    """What a file calls an opportunity (number or id) → the ids it may mean."""
    found: dict[str, set[str]] = {}
    for column in (opportunity.c.number, opportunity.c.id):
        for text, record in select_rows(connection, [column, opportunity.c.id], column, texts):
            found.setdefault(text, set()).add(record)
    return found


def existing(
    connection: sa.Connection, stream: str, rows: Sequence[Values], partners: PartnerBook
) -> dict[Key, set[str]]:
    """Keys of rows whose references are ids already → the records they mean."""
    if stream == "partner":
        keys = {row_key(stream, values) for values in rows}
        return {key: found for key in keys if (found := partners.named(key[0]))}
    if stream == PERSON:
        return _by_one(connection, person.c.email, person.c.id, rows, "email")
    if stream in _NUMBERED:
        table = _NUMBERED[stream]
        return _by_one(connection, table.c.number, table.c.id, rows, "number")
    columns = [deal_partner.c[name] for name in KEYS[stream]]
    wanted = {str(values["opportunity"]) for values in rows}
    there = select_rows(connection, [*columns, deal_partner.c.id], columns[0], wanted)
    return {tuple(row[:-1]): {row[-1]} for row in there}


def _by_one(
    connection: sa.Connection,
    column: sa.Column[str],
    record: sa.Column[str],
    rows: Iterable[Values],
    name: str,
) -> dict[Key, set[str]]:
    wanted = {str(values[name]) for values in rows}
    found: dict[Key, set[str]] = {}
    for text, one in select_rows(connection, [column, record], column, wanted):
        found.setdefault((text,), set()).add(one)
    return found
