"""What the service logs: every run in one line, every trouble once, with its remedy."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog

from prmsync.reconcile.brakes import can_wait
from prmsync.reconcile.causes import words
from prmsync.service.serving_board import Watch
from prmsync.service.serving_run import Ended, Kind, Trouble, refused
from prmsync.store.runs import RunState
from prmsync.sync.running import Report

_LONGEST = 500
_FINDINGS = 20


class Telling:
    """Remembers what was told of each connection, so that it is told once."""

    def __init__(self) -> None:
        self._log: Any = structlog.get_logger()
        self._braked: dict[str, int | None] = {}

    def ended(self, ended: Ended, before: Watch, after: Watch) -> None:
        """Tell how a turn ended, by what is new since the turn before."""
        log = self._log.bind(connection=ended.connection)
        if ended.report is not None:
            log.info("run ended", **_facts(ended.report, ended.seconds))
        match ended.kind:
            case Kind.FAILED:
                self._failed(log, before, after)
            case Kind.OUT_OF_CALLS:
                self._out_of_calls(log, before, after)
            case Kind.PAUSED:
                self._paused(log, before, after)
            case Kind.BUSY:
                log.info("turn skipped", **_words(ended.trouble))
            case Kind.STOPPED:
                log.info("run stopped", hint="the next run goes on from what was stored")
            case Kind.DONE | Kind.REFUSED:
                self._completed(log, ended, before)

    def _failed(self, log: Any, before: Watch, after: Watch) -> None:
        known = before.failures > 0 and _same(before.trouble, after.trouble)
        log = log.bind(failures=after.failures)
        if after.next_run_at is not None:
            log = log.bind(next_run_at=_iso(after.next_run_at))
        if known:
            log.debug("run failed again", error=after.trouble.error if after.trouble else None)
        else:
            log.error("run failed", **_words(after.trouble))

    def _out_of_calls(self, log: Any, before: Watch, after: Watch) -> None:
        if before.kind is not Kind.OUT_OF_CALLS:
            at = _iso(after.next_run_at) if after.next_run_at else None
            log.warning("out of calls", next_run_at=at, **_words(after.trouble))

    def _paused(self, log: Any, before: Watch, after: Watch) -> None:
        if before.kind is not Kind.PAUSED:
            why = after.trouble.message if after.trouble else ""
            log.info("paused, its turns are skipped", why=why, hint=_hint(after.trouble))

    def _completed(self, log: Any, ended: Ended, before: Watch) -> None:
        report = ended.report
        if report is None:
            return
        if before.failures:
            since = _iso(before.failing_since) if before.failing_since else None
            log.info("recovered", after_failures=before.failures, failing_since=since)
        if before.kind is Kind.PAUSED:
            log.info("goes on after its pause")
        if report.state is RunState.STOPPED:
            log.warning("backfill waits for calls", message=report.message)
        if refused(report):
            log.warning(
                "records were refused",
                records=refused(report),
                hint=f"prmsync parked list {ended.connection}",
            )
        self._brake(log, ended.connection, report)

    def _brake(self, log: Any, name: str, report: Report) -> None:
        waiting = report.waiting_run
        answers = [can_wait(one.cell) for one in report.waiting or report.trips]
        urgent = list(dict.fromkeys(one.why for one in answers if not one.can))
        if waiting is not None and self._braked.get(name) != waiting:
            log.warning(
                "a brake waits for a person",
                run=waiting,
                # Users by their id in the CRM: names are for people who sign in.
                what=[
                    f"{one.count} x {one.cell}: {one.why}; cause: {words(one.cell.cause)}"
                    for one in report.waiting or report.trips
                ],
                can_wait=not urgent,
                meanwhile=urgent or ["nothing is lost while it waits"],
                hint=f"prmsync runs show {waiting}; then prmsync apply {waiting} --yes, "
                f"prmsync runs revert {waiting} or prmsync runs drop {waiting}",
            )
        self._braked[name] = waiting


def _words(trouble: Trouble | None) -> dict[str, Any]:
    if trouble is None:
        return {}
    found = {
        "error": trouble.error,
        "message": trouble.message[:_LONGEST],
        "hint": trouble.hint,
        "findings": list(trouble.findings[:_FINDINGS]),
    }
    return {key: value for key, value in found.items() if value}


def _same(one: Trouble | None, other: Trouble | None) -> bool:
    if one is None or other is None:
        return one is other
    # Numbers in a message (calls used, a moment) move between two tries of one trouble.
    return (one.error, _without_numbers(one.message)) == (
        other.error,
        _without_numbers(other.message),
    )


def _without_numbers(text: str) -> str:
    return "".join(one for one in text if not one.isdigit())


def _hint(trouble: Trouble | None) -> str:
    return trouble.hint if trouble else ""


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _facts(report: Report, seconds: float) -> dict[str, Any]:
    written = {"crm": sum(report.went_on.values()), "prm": 0}
    for key, count in report.counts.items():
        _, side, _, state = key.split("/")
        if state == "done" and side in written:
            written[side] += count
    return {
        "run": report.run_id,
        "state": str(report.state),
        "seconds": round(seconds, 1),
        "written_to_crm": written["crm"],
        "written_to_prm": written["prm"],
        "linked": report.linked,
        "needs_decision": report.held,
        "calls": sum(report.calls.values()),
    }
