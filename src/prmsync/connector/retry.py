"""When a call is made again: what may be repeated, how often, and after which wait."""

from __future__ import annotations

import email.utils
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import tenacity

from prmsync.errors import ConnectorError, OutcomeUnknownError, QuotaError, RetryableError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Waits double from `first_wait` to `longest_wait` (seconds). The CRM's own Retry-After goes
    first; one beyond `patience` is left to the next run."""

    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 20.0
    patience: float = 60.0


DEFAULT_POLICY = RetryPolicy()


def retry_after(headers: Mapping[str, str], now: datetime | None) -> float | None:
    """Seconds named by a Retry-After header (a number or an HTTP date), None without one. `now`
    is the CRM's clock; without it a date says nothing."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        return None if now is None else _until(text, now)


def _until(text: str, now: datetime) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def retried(
    call: Callable[[], T],
    sleep: Callable[[float], None],
    policy: RetryPolicy = DEFAULT_POLICY,
) -> T:
    """`call`, made again after a RetryableError that says that nothing was done.

    An OutcomeUnknownError is never repeated here: the write may have happened. The last error is
    raised as it came. A limit that names a short wait (QuotaError with `retry_after`) is waited
    for as well.
    """
    try:  # most calls succeed at once: what repeats them is made for those that do not
        return call()
    except ConnectorError as error:
        if not _worth_repeating(error, policy):
            raise
        return _again(error, call, sleep, policy)


def _again(
    failed: ConnectorError,
    call: Callable[[], T],
    sleep: Callable[[float], None],
    policy: RetryPolicy,
) -> T:
    """`call` after its first attempt, which has `failed`."""
    made = [failed]

    def attempt() -> T:
        if made:
            raise made.pop()
        return call()

    retrying = tenacity.Retrying(
        sleep=sleep,
        retry=tenacity.retry_if_exception(lambda error: _worth_repeating(error, policy)),
        wait=lambda state: _wait(state, policy),
        stop=tenacity.stop_after_attempt(policy.attempts),
        reraise=True,
    )
    return retrying(attempt)


def _worth_repeating(error: BaseException, policy: RetryPolicy) -> bool:
    if isinstance(error, OutcomeUnknownError):
        return False
    if isinstance(error, QuotaError):
        return error.retry_after is not None and error.retry_after <= policy.patience
    if isinstance(error, RetryableError):
        return error.retry_after is None or error.retry_after <= policy.patience
    return False


def _wait(state: tenacity.RetryCallState, policy: RetryPolicy) -> float:
    error = state.outcome.exception() if state.outcome else None
    named = error.retry_after if isinstance(error, (RetryableError, QuotaError)) else None
    if named is not None:
        return named
    doubled: float = policy.first_wait * 2.0 ** (state.attempt_number - 1)
    return min(doubled, policy.longest_wait)
