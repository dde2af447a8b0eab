"""Sign-in by any of the three OAuth grants, once for all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests

from prmsync.connector.budget import CallBudget
from prmsync.connector.calls import unreachable
from prmsync.connector.protocol import Runtime
from prmsync.connector.retry import retried
from prmsync.connector.values import parse_moment
from prmsync.errors import AuthError, RetryableError
from prmsync_salesforce.clock import http_date
from prmsync_salesforce.errors import sign_in_error
from prmsync_salesforce.grants import REFRESH_TOKEN, Grant, RefreshToken

_TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and to wait for the answer."""

_SAME_TIME = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Token:
    """What a sign-in gives. `user` is the id of the user the app runs as, `issued_at` the CRM's
    own time; `dated` says whether its answers' Date headers tell the same time (a proxy or a test
    server may put its own there)."""

    access_token: str = field(repr=False)
    instance_url: str
    user: str
    issued_at: datetime
    dated: bool


class Tokens:
    """The token of one session, shared by threads; each expiry is one sign-in.

    `keep` is told a refresh token that replaces the present one, as orgs that rotate them give;
    without it such an org is refused, because the next sign-in would fail.
    """

    def __init__(
        self,
        base_url: str,
        grant: Grant,
        runtime: Runtime,
        budget: CallBudget,
        keep: Callable[[str, str], None] | None = None,
    ) -> None:
        self._base_url = base_url
        self._grant = grant
        self._keep = keep
        self._runtime = runtime
        self._budget = budget
        self._lock = threading.Lock()
        self._token: Token | None = None

    def current(self) -> Token:
        """The token, signing in where there is none yet. Raises AuthError, RetryableError."""
        with self._lock:
            if self._token is None:
                self._token = self._sign_in()
            return self._token

    def renewed(self, refused: Token) -> Token:
        """A token other than the one that was refused; another thread may have it already."""
        with self._lock:
            if self._token is None or self._token is refused:
                self._token = self._sign_in()
            return self._token

    def _sign_in(self) -> Token:
        return retried(self._ask, self._runtime.sleep)

    def _ask(self) -> Token:
        self._budget.spend("sign_in")
        token, rotated = ask(self._base_url, self._grant, self._runtime)
        if isinstance(self._grant, RefreshToken) and rotated not in ("", self._grant.token):
            self._rotate(self._grant, rotated)
        return token

    def _rotate(self, grant: RefreshToken, rotated: str) -> None:
        if self._keep is None:
            raise AuthError(
                "the app rotates its refresh tokens, and the new one cannot be kept",
                hint="Keep auth.refresh_token at file:PATH or keyring:SERVICE/NAME, or turn "
                "rotation off in the app; then sign in again with prmsync connect.",
            )
        self._keep(REFRESH_TOKEN, rotated)
        self._grant = RefreshToken(grant.client_id, rotated, grant.client_secret)


def ask(base_url: str, grant: Grant, runtime: Runtime) -> tuple[Token, str]:
    """One token request: the token, and the refresh token where the answer holds one, else "".
    Raises AuthError for a refusal, RetryableError where nobody answers."""
    url = f"{base_url}/services/oauth2/token"
    answer = _posted(runtime.requests, url, grant.form(runtime.now()), grant.headers())
    if answer.status_code >= 500 or answer.status_code == 429:
        raise RetryableError(
            f"Salesforce answered the sign-in with {answer.status_code}",
            hint="Salesforce is busy; it is tried again.",
        )
    body = _json(answer)
    if answer.status_code != 200:
        raise sign_in_error(body.get("error"), body.get("error_description"), grant.hints)
    return _token(url, answer, body), str(body.get(REFRESH_TOKEN) or "")


def _posted(
    session: requests.Session, url: str, form: Mapping[str, str], headers: Mapping[str, str]
) -> requests.Response:
    try:
        return session.post(url, form, headers=dict(headers), timeout=_TIMEOUT)
    except requests.Timeout as error:
        raise RetryableError(
            "no answer to the sign-in in time", hint=f"Is {_host(url)} slow, or base_url wrong?"
        ) from error
    except requests.RequestException as error:
        raise unreachable(error, url) from error


def _token(url: str, answer: requests.Response, body: Mapping[str, Any]) -> Token:
    """An answer to an assertion tells no time of its own; then its Date header is taken."""
    address = urlsplit(str(body.get("instance_url") or ""))
    date = http_date(answer.headers.get("date", ""))
    try:
        issued_at = parse_moment(str(body["issued_at"])) if "issued_at" in body else date
    except ValueError:
        issued_at = None
    if not body.get("access_token") or not address.netloc or issued_at is None:
        raise _not_salesforce(url)
    return Token(
        access_token=str(body["access_token"]),
        instance_url=f"{urlsplit(url).scheme}://{address.netloc}",
        user=str(body.get("id") or "").rstrip("/").rpartition("/")[2],
        issued_at=issued_at,
        dated=date is not None and abs(date - issued_at) < _SAME_TIME,
    )


def _json(answer: requests.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except requests.JSONDecodeError:
        raise _not_salesforce(answer.url) from None
    if not isinstance(body, dict):
        raise _not_salesforce(answer.url)
    return body


def _not_salesforce(url: str) -> AuthError:
    return AuthError(
        f"{_host(url)} does not answer a sign-in as Salesforce does",
        hint="base_url must be the org's My Domain address, https://….my.salesforce.com.",
    )


def _host(url: str | None) -> str:
    return urlsplit(url or "").netloc
