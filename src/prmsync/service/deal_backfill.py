"""The past of deals as a CRM tells it, kept for the forecast."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from prmsync.answers.told_history import DealEvent, Told, tell_history
from prmsync.connector.protocol import PastReader, PastValues
from prmsync.domain.values import Values
from prmsync.errors import ConfigurationError
from prmsync.store import links
from prmsync.sync.session import Session, Stream

STREAM = "opportunity"
TOLD = ("stage", "amount", "currency", "close_date")
"""Fields of a deal whose past is asked for."""
PAGE = 500


def backfill(session: Session) -> Told:
    """Ask the CRM how its linked deals stood before, and keep that past. What was told of the same
    deals before is replaced, what the triggers saw is not; a backfill that was cut short can be
    run again.

    Raises ConfigurationError for a CRM that tells no past or a mapping without deals,
    ConnectorError from the CRM.
    """
    connector = session.connector
    stream = session.streams.get(STREAM)
    if stream is None:
        raise ConfigurationError(
            f"{session.name} maps no opportunities", hint="add a mapping of the stream opportunity"
        )
    if not isinstance(connector, PastReader):
        raise ConfigurationError(
            f"{session.connector_title} does not tell how deals stood before",
            hint="prmsync import FILE --as deal_history takes it from a file",
        )
    found = Told()
    fields = _fields(stream)
    for ids in _linked(session, stream):
        past = connector.past(stream.spec, list(ids), fields)
        events = list(deal_events(stream, past, ids))
        with session.database.begin() as connection:
            found += tell_history(connection, events, session.name, session.now())
        session.progress("deals asked", len(ids))
    return found


def deal_events(
    stream: Stream, past: Sequence[PastValues], ours: Mapping[str, str]
) -> Iterator[DealEvent]:
    """What the CRM tells, as events of our deals. `ours`: CRM id → our id. A value holds until it
    is told anew, so that a stage is read with the pipeline that it stood in."""
    told: dict[str, list[PastValues]] = defaultdict(list)
    for one in past:
        told[one.id].append(one)
    for record, entries in told.items():
        standing: Values = {}
        for entry in sorted(entries, key=lambda entry: entry.at):
            standing |= entry.values
            values = stream.translator.read(standing).values
            said = {name: _typed(name, values.get(name)) for name in TOLD if values.get(name)}
            yield DealEvent(ours[record], entry.at, said)


def _typed(name: str, value: Any) -> Any:
    if name == "amount":
        return Decimal(str(value))
    return date.fromisoformat(str(value)) if name == "close_date" else value


def _fields(stream: Stream) -> list[str]:
    """The CRM fields that say it, that of the pipeline included."""
    mapped = [stream.mapping.fields[name].crm for name in TOLD if name in stream.mapping.fields]
    stages = stream.mapping.stages
    if stages is not None and stages.field is not None:
        mapped.append(stages.field)
    return [stream.translator.crm_name(name) for name in mapped if name is not None]


def _linked(session: Session, stream: Stream) -> Iterator[dict[str, str]]:
    """CRM id → our id of the linked deals, page by page."""
    after = 0
    while True:
        with session.database.read() as connection:
            page = links.page(connection, stream.id, after, PAGE)
        if not page:
            return
        after = page[-1].id
        found = {one.crm_id: one.prm_id for one in page if one.crm_id and one.prm_id}
        if found:
            yield found
