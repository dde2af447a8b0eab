"""Sign-in with the OAuth client credentials flow, once for all threads.

simple-salesforce sends the token request: its `token_login` takes a whole URL, so that, unlike its
`SalesforceLogin`, it also reaches a base_url that is not `https://….salesforce.com`. It knows no
timeout, drops the answer's `id`, and takes any error answer for JSON; the poster that it is given
sees to these three.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from simple_salesforce.login import token_login

from prmsync.connector.budget import CallBudget
from prmsync.connector.calls import unreachable
from prmsync.connector.protocol import Runtime
from prmsync.connector.retry import retried
from prmsync.connector.values import parse_moment
from prmsync.errors import AuthError, RetryableError
from prmsync_salesforce.clock import http_date
from prmsync_salesforce.errors import sign_in_error

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
    """The token of one session, shared by threads; each expiry is one sign-in."""

    def __init__(
        self, base_url: str, auth: Mapping[str, str], runtime: Runtime, budget: CallBudget
    ) -> None:
        self._base_url = base_url
        self._auth = auth
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
        poster = _Poster(self._runtime.requests)
        pair = f"{self._auth['client_id']}:{self._auth['client_secret']}".encode()
        try:
            access_token, host = token_login(
                f"{self._base_url}/services/oauth2/token",
                {"grant_type": "client_credentials"},
                urlsplit(self._base_url).hostname or "",
                self._auth["client_id"],
                {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"},
                None,
                # token_login only posts; a whole session would let a call pass without a timeout.
                cast(requests.Session, poster),
            )
        except SalesforceAuthenticationFailed as error:
            raise sign_in_error(error.code, error.auth_message) from None
        scheme = urlsplit(self._base_url).scheme
        return Token(
            access_token=access_token,
            instance_url=f"{scheme}://{host.rstrip('/')}",
            user=poster.user,
            issued_at=poster.issued_at,
            dated=poster.dated,
        )


class _Poster:
    """The part of a requests session that `token_login` uses, bounded in time and judged."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self.user = ""
        self.issued_at = datetime.min.replace(tzinfo=UTC)
        self.dated = False

    def post(self, url: str, data: Mapping[str, str], **options: Any) -> requests.Response:
        answer = self._answer(lambda: self._session.post(url, data, timeout=_TIMEOUT, **options))
        if answer.status_code >= 500 or answer.status_code == 429:
            raise RetryableError(
                f"Salesforce answered the sign-in with {answer.status_code}",
                hint="Salesforce is busy; it is tried again.",
            )
        body = self._json(answer)
        if answer.status_code == 200:
            if not body.get("access_token") or not body.get("instance_url"):
                raise _not_salesforce(url)
            self._note(answer, body)
        return answer

    def _note(self, answer: requests.Response, body: Mapping[str, Any]) -> None:
        """What the answer tells beside the token."""
        self.user = str(body.get("id") or "").rstrip("/").rpartition("/")[2]
        try:
            self.issued_at = parse_moment(str(body["issued_at"]))
        except (KeyError, ValueError):
            raise _not_salesforce(answer.url) from None
        date = http_date(answer.headers.get("date", ""))
        self.dated = date is not None and abs(date - self.issued_at) < _SAME_TIME

    def _answer(self, post: Callable[[], requests.Response]) -> requests.Response:
        try:
            return post()
        except requests.Timeout as error:
            url = error.request.url if error.request is not None else ""
            raise RetryableError(
                "no answer to the sign-in in time", hint=f"Is {_host(url)} slow, or base_url wrong?"
            ) from error
        except requests.RequestException as error:
            url = error.request.url if error.request is not None else ""
            raise unreachable(error, url or "") from error

    def _json(self, answer: requests.Response) -> Mapping[str, Any]:
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
