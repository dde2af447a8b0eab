"""What is made again, how often, and after which wait."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from prmsync.connector.retry import RetryPolicy, retried, retry_after
from prmsync.errors import OutcomeUnknownError, QuotaError, RejectedError, RetryableError

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def failing(*errors, then="done"):
    waiting = list(errors)

    def call():
        if waiting:
            raise waiting.pop(0)
        return then

    return call


def named(kind, seconds):
    error = kind("busy")
    error.retry_after = seconds
    return error


def test_a_call_is_made_again_with_doubling_waits():
    slept: list[float] = []
    assert retried(failing(*(RetryableError("x") for _ in range(3))), slept.append) == "done"
    assert slept == [0.5, 1.0, 2.0]


def test_waits_stop_growing():
    slept: list[float] = []
    policy = RetryPolicy(attempts=5, first_wait=8, longest_wait=10)
    retried(failing(*(RetryableError("x") for _ in range(4))), slept.append, policy)
    assert slept == [8, 10, 10, 10]


def test_after_the_last_attempt_the_error_comes_as_it_is():
    slept: list[float] = []
    last = RetryableError("last")
    with pytest.raises(RetryableError) as caught:
        retried(failing(*(RetryableError("x") for _ in range(3)), last), slept.append)
    assert caught.value is last
    assert len(slept) == 3


def test_the_wait_that_the_crm_names_goes_first():
    slept: list[float] = []
    assert retried(failing(named(RetryableError, 7.0)), slept.append) == "done"
    assert slept == [7.0]


def test_a_limit_that_passes_soon_is_waited_for():
    slept: list[float] = []
    assert retried(failing(named(QuotaError, 9.0)), slept.append) == "done"
    assert slept == [9.0]


@pytest.mark.parametrize(
    "error",
    [
        OutcomeUnknownError("sent"),
        RejectedError("no"),
        QuotaError("the day's limit"),
        named(QuotaError, 3600.0),
        named(RetryableError, 3600.0),
        ValueError("ours"),
    ],
)
def test_other_errors_are_raised_at_once(error):
    slept: list[float] = []
    with pytest.raises(type(error)):
        retried(failing(error), slept.append)
    assert slept == []


@pytest.mark.parametrize(
    ("header", "now", "seconds"),
    [
        ("12", NOW, 12.0),
        ("0.5", None, 0.5),
        ("-3", NOW, 0.0),
        ("Sun, 22 Nov 2026 09:00:30 GMT", NOW, 30.0),
        ("Sun, 22 Nov 2026 08:00:00 GMT", NOW, 0.0),
        ("Sun, 22 Nov 2026 09:00:30 GMT", None, None),
        ("soon", NOW, None),
        ("", NOW, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, now, seconds):
    assert retry_after({"retry-after": header}, now) == seconds
