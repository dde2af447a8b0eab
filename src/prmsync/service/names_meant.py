"""Names of streams and fields that people type, against what the mappings know."""

from __future__ import annotations

from collections.abc import Iterator

from prmsync.errors import NotFoundError
from prmsync.mapping.model import StreamMapping
from prmsync.mapping.spelling import did_you_mean
from prmsync.mapping.status import STATUS_KEYS
from prmsync.reconcile.record import RECORD
from prmsync.service.wiring import Application
from prmsync.store.columns import COLUMNS


def require_names(
    application: Application,
    connection: str | None,
    *,
    stream: str | None = None,
    field: str | None = None,
) -> None:
    """Raise NotFoundError, with the nearest spelling, for a stream or a field that no mapping of
    the connection (None: of any) has: "nothing waits" would be no answer to it."""
    if stream is not None:
        known = {one.stream for one in _mappings(application, connection)}
        if stream not in known:
            raise NotFoundError(f"there is no stream `{stream}`", hint=did_you_mean(stream, known))
    if field is not None:
        fields_meant(application, connection, field, stream)


def fields_meant(
    application: Application, connection: str | None, name: str, stream: str | None = None
) -> frozenset[str]:
    """The field of this name, or the members of the group that is called so.

    Raises NotFoundError with the nearest spelling.
    """
    known: set[str] = {*STATUS_KEYS, RECORD}
    members: set[str] = set()
    for one in _mappings(application, connection):
        if stream in (None, one.stream):
            known.update(one.fields, one.groups, COLUMNS[one.stream])
            if name in one.groups:
                members.update(one.groups[name].members)
    if name not in known:
        of = f"a {stream} has no" if stream else "there is no"
        shown = [one for one in known if not one.startswith("@")]
        raise NotFoundError(f"{of} field or group `{name}`", hint=did_you_mean(name, shown))
    return frozenset(members or {name})


def _mappings(application: Application, connection: str | None) -> Iterator[StreamMapping]:
    for name in application.settings.connections:
        if connection in (None, name):
            yield from application.mappings(name)
