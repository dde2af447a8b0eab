"""What the service works out beside syncing: conflicts, margins, forecasts, the log's upkeep."""

from __future__ import annotations

import threading
from typing import Any

import structlog

from prmsync.answers.conflicts import check_conflicts
from prmsync.answers.forecast_marks import mark_forecasts
from prmsync.answers.margins import recompute_margins
from prmsync.errors import PrmsyncError
from prmsync.service.forecast_marking import maps_forecast
from prmsync.service.program_file import program_of
from prmsync.service.wiring import Application
from prmsync.store import change_log

_FINDINGS = 20


class ProgramWork:
    """Conflict flags and margins after runs that changed something; one at a time."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._told: str | None = None
        self._log: Any = structlog.get_logger()

    def check(self) -> bool:
        """Find conflicts and compute margins; flags reach the CRMs with each one's next run.

        Raises nothing: an error is told once. Returns whether it was done.
        """
        app = self._application
        with self._lock:
            try:
                program = program_of(app.settings)
                found = check_conflicts(app.database, program, app.now())
                margins = recompute_margins(app.database, program, app.now())
            except PrmsyncError as error:
                self._tell(error.message, error)
                return False
        if found.opened or found.lapsed or found.marked or margins.entered or margins.adjusted:
            self._log.info(
                "program checked",
                conflicts_opened=found.opened,
                conflicts_closed=found.lapsed,
                records_marked=found.marked,
                margins_entered=margins.entered,
                margins_adjusted=margins.adjusted,
            )
        findings = [str(one) for one in margins.findings]
        self._tell("; ".join(findings), None, findings[:_FINDINGS])
        return True

    def forecast(self) -> bool:
        """Tell deals and partners what the forecast says of them, where it moved and a mapping has
        a field for it; the next runs take it to the CRMs. Raises nothing; returns whether all is
        well."""
        app = self._application
        with self._lock:
            try:
                if not maps_forecast(app):
                    return True
                marked = mark_forecasts(app.database, program_of(app.settings), app.now())
            except PrmsyncError as error:
                self._log.error("forecast not told", message=error.message, hint=error.hint)
                return False
        if marked.deals or marked.partners:
            self._log.info("forecast told", deals=marked.deals, partners=marked.partners)
        return True

    def prune(self) -> bool:
        """Delete what every connection has read of the change log. Raises nothing."""
        try:
            with self._application.database.begin() as connection:
                deleted = change_log.prune(connection)
        except PrmsyncError as error:
            self._log.error("change log not pruned", message=error.message, hint=error.hint)
            return False
        if deleted:
            self._log.info("change log pruned", rows=deleted)
        return True

    def _tell(
        self, what: str, error: PrmsyncError | None, findings: list[str] | None = None
    ) -> None:
        if what and what != self._told:
            if error is not None:
                named = [str(one) for one in error.findings[:_FINDINGS]]
                self._log.error(
                    "program not checked", message=error.message, hint=error.hint, findings=named
                )
            else:
                self._log.warning(
                    "margins not computed", findings=findings, hint="prmsync margins compute"
                )
        self._told = what or None
