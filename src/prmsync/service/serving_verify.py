"""Rolling comparison beside the runs of the service: a slice after a run, when one is due."""

from __future__ import annotations

from datetime import timedelta

import structlog

from prmsync.errors import ConnectorError
from prmsync.sync.session import Session
from prmsync.sync.verify import verify_slice


def roll(session: Session, period: timedelta | None) -> None:
    """Compare the slice that is due; what a CRM refuses is put off to the next run.

    What differs is marked for the next run, and told.
    """
    if period is None:
        return
    log = structlog.get_logger()
    try:
        reports = verify_slice(session, period)
    except ConnectorError as error:
        log.warning("comparison put off", connection=session.name, message=error.message)
        return
    for one in reports:
        if not one.is_clean:
            log.warning(
                "sides differ",
                connection=session.name,
                stream=one.stream,
                compared=one.linked,
                differ=one.mismatched,
                not_shown=one.missing_in_crm,
                hint="the next run decides them; see prmsync status",
            )
