"""A person at a browser, for every command that opens one, and a port for the way back."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Iterator

import httpx
import pytest

from prmsync.service import loop_back


class Person:
    """Signs in on whatever page is opened, and lets the browser follow. A stranger's attempt comes
    back first; `shown` are the two pages that they see. A browser that `stays` is a program that
    ends only after the person is done."""

    def __init__(self) -> None:
        self.stays = False
        self.decision = {"decision": "allow"}
        self.opened: list[str] = []
        self.shown: list[str] = []
        self.threads: list[threading.Thread] = []

    def open(self, address: str) -> bool:
        self.opened.append(address)
        thread = threading.Thread(target=self._sign_in, args=(address,))
        thread.start()
        self.threads.append(thread)
        if self.stays:
            thread.join()
        return True

    def back(self, address: str) -> str:
        """Where the browser is sent after the person's answer."""
        with httpx.Client(trust_env=False) as client:
            return client.post(address, data=self.decision).headers["location"]

    def _sign_in(self, address: str) -> None:
        with httpx.Client(trust_env=False) as client:
            back = self.back(address).replace("localhost", "127.0.0.1")
            strangers = back.replace("state=", "state=not")
            self.shown += [client.get(strangers).text, client.get(back).text]


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    person = Person()
    monkeypatch.setattr(webbrowser, "open", person.open)
    yield person
    for thread in person.threads:
        thread.join(10)


@pytest.fixture
def port() -> str:
    with loop_back.listening(0) as free:
        return str(free.port)
