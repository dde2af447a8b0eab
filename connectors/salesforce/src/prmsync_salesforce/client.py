"""The REST API of one org: signed calls, queries with their pages, composites, collections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

import httpx
import orjson

from prmsync.connector.budget import CallBudget, CallKind
from prmsync.connector.calls import Calls
from prmsync.connector.protocol import Runtime
from prmsync.errors import AuthError, OutcomeUnknownError, RetryableError
from prmsync_salesforce.auth import Token
from prmsync_salesforce.clock import answered_at
from prmsync_salesforce.errors import judge
from prmsync_salesforce.following import Following
from prmsync_salesforce.limits import API_CALLS, Limits
from prmsync_salesforce.links import record_url

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
_JSON = "application/json"


class TokenSource(Protocol):
    """Where a client has its token from."""

    def current(self) -> Token:
        """The token, signing in where there is none yet. Raises AuthError, RetryableError."""

    def renewed(self, refused: Token) -> Token:
        """A token other than the one that was refused. Raises AuthError where there is none."""


class Client:
    """Shared by threads. Every method raises the classes of `prmsync.errors`."""

    def __init__(
        self, tokens: TokenSource, runtime: Runtime, budget: CallBudget, api_version: str
    ) -> None:
        self._tokens = tokens
        self._budget = budget
        self._heard: datetime | None = None
        self._calls = Calls(runtime, judge, budget=budget, meter=self._meter)
        self.root = f"/services/data/v{api_version}"
        self.limits = Limits(lambda: self.get("metadata", "/limits"))

    @property
    def instance_url(self) -> str:
        """Where the org lives; signs in if need be."""
        return self._tokens.current().instance_url

    @property
    def signed_in_at(self) -> datetime:
        """When this session began, on the CRM's clock."""
        return self._tokens.current().issued_at

    def answered_at(self, answer: Answer) -> datetime | None:
        """The CRM's time of an answer, None where its Date headers cannot be trusted."""
        return answered_at(answer.response) if self._tokens.current().dated else None

    @property
    def crm_now(self) -> datetime:
        """The CRM's time of its latest answer; of the sign-in where Date headers tell another."""
        token = self._tokens.current()
        return self._heard if token.dated and self._heard is not None else token.issued_at

    @property
    def user(self) -> str:
        """Id of the user that we are signed in as."""
        return self._tokens.current().user

    def read_meter(self) -> None:
        """Where answers come without their usage header (a proxy may take it off), ask the org for
        its calls of the day."""
        if self._budget.usage().limit is None and (calls := self.limits.get(API_CALLS)) is not None:
            self._budget.observe(calls.most - calls.left, calls.most)

    def send(
        self,
        kind: CallKind,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One signed call; a session that ended is renewed once, never in circles. `path` begins
        with `/services/`. `body` goes as JSON, `content` as it is (name its type in `headers`)."""
        if body is not None:
            content = orjson.dumps(body)
        token = self._tokens.current()
        try:
            return self._signed(token, kind, method, path, params, content, headers)
        except AuthError as error:
            if error.code != "INVALID_SESSION_ID":
                raise
        token = self._tokens.renewed(token)
        return self._signed(token, kind, method, path, params, content, headers)

    def get(self, kind: CallKind, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The JSON of a GET below the API root."""
        return decoded(self.send(kind, "GET", self.root + path, params=params), kind)

    def query(
        self,
        kind: CallKind,
        soql: str,
        *,
        deleted: bool = False,
        ahead: Executor | None = None,
    ) -> Iterator[Answer]:
        """The pages of a query; with `deleted` it sees the recycle bin. With `ahead`, some pages
        are asked for together once the second one is wanted."""
        resource = "/queryAll" if deleted else "/query"
        response = self.send(
            kind,
            "GET",
            self.root + resource,
            params={"q": soql},
            headers={"Sforce-Query-Options": "batchSize=2000"},
        )
        pages = Following(lambda address: self.send(kind, "GET", address), ahead)
        seen = 0
        try:
            while True:
                page = decoded(response, kind)
                rows, total = page["records"], int(page.get("totalSize", 0))
                following = None if page.get("done", True) else page.get("nextRecordsUrl")
                yield Answer(rows, following is None, response, total)
                if following is None:
                    return
                seen += len(rows)
                response = pages.take(following, seen, len(rows), total)
        finally:
            pages.stop()

    def composite(self, kind: CallKind, paths: Mapping[str, str]) -> dict[str, SubAnswer]:
        """Up to 25 GETs, five of them queries, in one call; answers by the same names. An inner
        failure is the business of whoever asked for it."""
        requests = [
            {"method": "GET", "url": self.root + path, "referenceId": name}
            for name, path in paths.items()
        ]
        body = {"allOrNone": False, "compositeRequest": requests}
        response = self.send(kind, "POST", f"{self.root}/composite", body=body)
        return {
            part["referenceId"]: SubAnswer(part["httpStatusCode"], part["body"])
            for part in decoded(response, kind)["compositeResponse"]
        }

    def composite_writes(self, parts: Mapping[str, Mapping[str, Any]]) -> dict[str, SubAnswer]:
        """Up to 25 writes in one call, each by itself; answers by the same names."""
        requests = [{**part, "referenceId": name} for name, part in parts.items()]
        body = {"allOrNone": False, "compositeRequest": requests}
        response = self.send("write", "POST", f"{self.root}/composite", body=body)
        found = decoded(response, "write").get("compositeResponse", ())
        answers = {
            part["referenceId"]: SubAnswer(part["httpStatusCode"], part["body"]) for part in found
        }
        if answers.keys() != parts.keys():
            raise _miscounted()
        return answers

    def retrieve(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str]
    ) -> list[dict[str, Any] | None]:
        """Up to 2,000 records in the order of `ids`; None where the org shows none."""
        path = f"{self.root}/composite/sobjects/{object_name}"
        body = {"ids": list(ids), "fields": list(fields)}
        response = self.send("guard", "POST", path, body=body)
        return list(decoded(response, "guard"))

    def collection(
        self,
        method: str,
        path: str,
        expected: int,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """A write of `expected` rows, its results in their order."""
        path = f"{self.root}/composite/sobjects{path}"
        answer = self.send("write", method, path, body=body, params=params, headers=headers)
        results = decoded(answer, "write")
        if not isinstance(results, list) or len(results) != expected:
            raise _miscounted()
        return results

    def record_url(self, object_name: str, record_id: str) -> str | None:
        """Where a person opens this record."""
        return record_url(self.instance_url, object_name, record_id)

    def _signed(
        self,
        token: Token,
        kind: CallKind,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        content: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> httpx.Response:
        signed = {"authorization": f"Bearer {token.access_token}", "accept": _JSON}
        if content is not None:
            signed["content-type"] = _JSON
        return self._calls.send(
            kind,
            method,
            token.instance_url + path,
            params=params,
            content=content,
            headers={**signed, **(headers or {})},
        )

    def _meter(self, response: httpx.Response) -> None:
        self._heard = answered_at(response) or self._heard
        found = _USAGE.search(response.headers.get("sforce-limit-info", ""))
        if found:
            self._budget.observe(int(found[1]), int(found[2]))


class Answer:
    """One page of a query; `last` when no other follows, `total` are the rows of all pages."""

    __slots__ = ("last", "response", "rows", "total")

    def __init__(
        self, rows: list[dict[str, Any]], last: bool, response: httpx.Response, total: int
    ) -> None:
        self.total = total
        self.rows = rows
        self.last = last
        self.response = response


class SubAnswer:
    """One answer inside a composite."""

    __slots__ = ("body", "status")

    def __init__(self, status: int, body: Any) -> None:
        self.status = status
        self.body = body

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of an inner query; none where it failed."""
        return list(self.body["records"]) if self.status == 200 else []


def _miscounted() -> OutcomeUnknownError:
    return OutcomeUnknownError(
        "Salesforce answered a write with another number of results than rows",
        hint="The rows are read back before anything is sent again.",
    )


def query_path(soql: str) -> str:
    """The path of a query inside a composite."""
    return f"/query?q={quote(soql, safe='')}"


def decoded(response: httpx.Response, kind: CallKind) -> Any:
    """The answer's JSON. Raises RetryableError for anything else (a proxy's page), and for writes
    OutcomeUnknownError."""
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        problem = OutcomeUnknownError if kind == "write" else RetryableError
        raise problem(
            f"{response.url.host} answered {response.status_code} with something that is not JSON",
            hint="Is base_url right, and is there a proxy in between?",
        ) from None
