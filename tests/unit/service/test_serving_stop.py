"""The wish to stop, as threads see it."""

from __future__ import annotations

import sys
import threading
from types import FrameType

import pytest

from prmsync.service import serving_stop
from prmsync.service.serving_stop import Stop, StoppedError


def test_one_that_waits_goes_on_once_a_stop_is_asked_for() -> None:
    stop = Stop()
    waiting = threading.Thread(target=stop.wait_until_asked)
    waiting.start()
    assert waiting.is_alive()
    stop.ask()
    waiting.join(timeout=30)
    assert not waiting.is_alive()


def test_a_stop_that_was_asked_for_ends_every_wait_and_look() -> None:
    stop = Stop()
    stop.check()
    assert not stop.wait(0)
    stop.ask()
    stop.wait_until_asked()
    assert stop.wait(60)
    with pytest.raises(StoppedError):
        stop.check()
    with pytest.raises(StoppedError):
        stop.sleep(60)


@pytest.mark.parametrize("place", range(1, 40))
def test_a_signal_may_fall_between_any_two_lines_of_the_wait_that_it_ends(
    place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_stop, "_LOOK_SECONDS", 0.01)
    stop, lines = Stop(), iter(range(1, place))

    def at_a_line(_frame: FrameType, event: str, _argument: object) -> object:
        if event == "line" and not stop.asked and next(lines, None) is None:
            stop.ask()
        return at_a_line

    def wait() -> None:
        sys.settrace(at_a_line)
        stop.wait_until_asked()

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    waiting.join(timeout=30)
    assert stop.asked
    assert not waiting.is_alive()
