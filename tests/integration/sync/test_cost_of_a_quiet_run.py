"""What a run asks of the database does not grow with the records that are loaded already."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

GROWING = ("link", "action", "opportunity", "deal_partner", "registration", "partner", "change_log")
"""Tables with a row or more for each record."""
_LITTLE = r"(?:COVERING )?INDEX ix_\w+_(?:dirty|unlinked|open)"
"""Indexes of what something is still to be done about."""
_WHOLE = re.compile(rf"SCAN (?:{'|'.join(GROWING)})\b(?! USING {_LITTLE})")
_STREAM = re.compile(rf"SEARCH (?:link|action) USING (?!{_LITTLE}).*\(stream_id=\?\)")


@contextmanager
def asked(engine: sa.Engine) -> Iterator[dict[str, Any]]:
    """The statements that were carried out, each with the last values it was given."""
    found: dict[str, Any] = {}

    def note(_c: Any, _u: Any, statement: str, values: Any, _x: Any, many: bool) -> None:
        found[statement] = values[0] if many else values

    sa.event.listen(engine, "before_cursor_execute", note)
    yield found
    sa.event.remove(engine, "before_cursor_execute", note)


def went_through_all(world: Any, statements: dict[str, Any]) -> dict[str, list[str]]:
    """The statements that read a row for each record, with what the database says of them."""
    found: dict[str, list[str]] = {}
    with world.database.read() as connection:
        for statement, values in statements.items():
            if statement.split()[0] not in ("SELECT", "UPDATE", "DELETE"):
                continue
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            told = [row[3] for row in rows if _WHOLE.match(row[3]) or _STREAM.match(row[3])]
            if told:
                found[statement] = told
    return found


def deal(crm: Any, name: str) -> None:
    words = crm.words
    day = words["day"].format("2026-12-18")
    values = {"deal_name": name, "stage": words["negotiation"], "close_date": day}
    crm.create(words["opportunity"], {words[key]: one for key, one in values.items()})


def test_no_statement_goes_through_all_links_or_all_that_was_ever_written(
    world: Any, crm: Any
) -> None:
    for at in range(20):
        deal(crm, f"Deal {at}")
    world.settle("crm")
    world.wait(3600)
    with asked(world.database.engine) as statements:
        assert world.sync("crm").counts == {}
    assert len(statements) > 20
    assert went_through_all(world, statements) == {}
