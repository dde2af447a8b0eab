"""Where a person opens a record in its CRM; no CRM is asked."""

from __future__ import annotations

from collections.abc import Iterable

from prmsync.errors import PrmsyncError
from prmsync.service.wiring import Application
from prmsync.store import streams

Wanted = tuple[str, str, str]
"""(connection, stream, CRM id)"""


def record_urls(application: Application, wanted: Iterable[Wanted]) -> dict[Wanted, str]:
    """Addresses of these records, as far as they are known without signing in."""
    found: dict[Wanted, str] = {}
    by_connection: dict[str, list[Wanted]] = {}
    for one in dict.fromkeys(wanted):
        by_connection.setdefault(one[0], []).append(one)
    with application.database.read() as connection:
        accounts = {one.name: one.org_id for one in streams.all_connections(connection)}
    for name, rows in by_connection.items():
        found.update(_of_connection(application, name, accounts.get(name), rows))
    return found


def _of_connection(
    application: Application, name: str, account: str | None, rows: Iterable[Wanted]
) -> dict[Wanted, str]:
    """`account` is the one that its runs signed in to. None at all where the connection's settings
    are not there to be asked: its list is shown all the same."""
    found: dict[Wanted, str] = {}
    try:
        objects = {one.stream: one.object for one in application.mappings(name)}
        with application.connected(name, account=account) as connector:
            for row in rows:
                url = connector.record_url(objects.get(row[1], ""), row[2])
                if url is not None:
                    found[row] = url
    except PrmsyncError:
        return found
    return found
