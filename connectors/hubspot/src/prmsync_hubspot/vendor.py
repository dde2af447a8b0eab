"""hubspot-api-client for sign-in and metadata, without its network code.

The vendor's client knows the endpoints, their parameters and the OAuth form, and is used for
them: owners, properties, pipelines, schemas, association labels, token refresh. What it does not
do well is kept away from it:

- it sends through urllib3 of its own, without a timeout, and its retry skips POST. Its public hook
  `api_factory` builds each API; ours puts a `rest_client` there that hands every request to our
  transport, so that calls are paced, counted, bounded and repeated like all others and reach a
  simulator in process;
- it knows numbered paths only: the table in `paths` rewrites them to the configured version;
- it deserialises into models, and into None for a 2xx it has not heard of: it is always asked for
  the raw answer (`_preload_content=False`), which `client.read_answer` reads.

Records are read and written without it (18 times the processor time per record was measured).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, cast
from urllib.parse import urlencode

import httpx
from hubspot import HubSpot

from prmsync.connector.budget import CallKind
from prmsync_hubspot.client import Answer, Client, Transport, read_answer
from prmsync_hubspot.errors import no_results
from prmsync_hubspot.paths import Paths

Query = Iterable[tuple[str, object]] | None
Send = Callable[[str, str, Mapping[str, str], Iterable[tuple[str, object]] | None, Any], Any]
OWNERS_PAGE = 500


class RestBridge:
    """Stands in for the vendor's `RESTClientObject`: the same calls, our transport."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def GET(self, url: str, *, query_params: Query = None, **_ignored: Any) -> Any:
        return self._send("GET", url, _text(query_params), None, None)

    def POST(
        self,
        url: str,
        *,
        query_params: Query = None,
        post_params: Query = None,
        body: Any = None,
        **_ignored: Any,
    ) -> Any:
        return self._send("POST", url, _text(query_params), post_params, body)


class Metadata:
    """What an account defines: properties, pipelines, custom objects, labels, owners."""

    def __init__(self, client: Client, paths: Paths) -> None:
        self._client = client
        self._paths = paths
        crm = HubSpot(api_factory=_factory(self._send)).crm
        # Each attribute access of the vendor's client builds a new API object: keep one of each.
        self._owners = crm.owners.owners_api
        self._properties = crm.properties.core_api
        self._pipelines = crm.pipelines.pipelines_api
        self._schemas = crm.schemas.core_api
        self._labels = crm.associations.v4.schema.definitions_api

    def owners(self, *, archived: bool) -> Iterator[dict[str, Any]]:
        """Owner objects, page by page."""
        after: str | None = None
        while True:
            data = _data(
                self._owners.get_page(
                    limit=OWNERS_PAGE, after=after, archived=archived, _preload_content=False
                )
            )
            yield from results(data)
            after = next_after(data)
            if after is None:
                return

    def properties(self, object_type: str) -> list[dict[str, Any]]:
        return results(
            _data(self._properties.get_all(object_type, archived=False, _preload_content=False))
        )

    def pipelines(self, object_type: str) -> list[dict[str, Any]]:
        return results(_data(self._pipelines.get_all(object_type, _preload_content=False)))

    def schemas(self) -> list[dict[str, Any]]:
        """Custom objects of the account."""
        return results(_data(self._schemas.get_all(archived=False, _preload_content=False)))

    def labels(self, from_type: str, to_type: str) -> list[dict[str, Any]]:
        """Association types from one object to another: `{category, typeId, label}`."""
        return results(_data(self._labels.get_all(from_type, to_type, _preload_content=False)))

    def _send(
        self, method: str, url: str, params: Mapping[str, str], _form: Query, body: Any
    ) -> Answer:
        path = self._paths.rewrite(url)
        return self._client.call("metadata", method, path, params=params or None, body=body)


class SignIn:
    """Gets access tokens for an app."""

    def __init__(
        self, transport: Transport, paths: Paths, client_id: str, client_secret: str
    ) -> None:
        self._transport = transport
        self._paths = paths
        self._app = {"client_id": client_id, "client_secret": client_secret}
        self._tokens = HubSpot(api_factory=_factory(self._send)).oauth.tokens_api

    def refreshed(self, refresh_token: str) -> dict[str, Any]:
        """HubSpot's answer: `access_token`, `expires_in`, `scopes`. Raises AuthError."""
        return self._asked(grant_type="refresh_token", refresh_token=refresh_token)

    def redeemed(self, code: str, redirect_uri: str) -> dict[str, Any]:
        """The same, with `refresh_token`, for the code that a browser brought."""
        return self._asked(grant_type="authorization_code", code=code, redirect_uri=redirect_uri)

    def _asked(self, **form: str) -> dict[str, Any]:
        return _data(self._tokens.create(**form, **self._app, _preload_content=False))

    def _send(
        self, method: str, url: str, _params: Mapping[str, str], form: Query, _body: Any
    ) -> Answer:
        kind: CallKind = "sign_in"
        response: httpx.Response = self._transport.send(
            kind,
            method,
            self._paths.rewrite(url),
            content=urlencode(list(form or ())).encode(),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        return read_answer(response, kind)


def results(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The `results` of an answer that must have them: an answer of another kind is never taken
    for an empty one. Raises RetryableError."""
    found = data.get("results")
    if not isinstance(found, list):
        raise no_results()
    return found


def rows(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The `results` of a batch: HubSpot may leave them out where every row has an error."""
    return [] if data.get("errors") and "results" not in data else results(data)


def next_after(data: Mapping[str, Any]) -> str | None:
    """Where the next page begins, None on the last."""
    paging = data.get("paging") or {}
    after = (paging.get("next") or {}).get("after")
    return None if after is None else str(after)


def _data(answer: object) -> dict[str, Any]:
    return cast(Answer, answer).data


def _text(params: Query) -> dict[str, str]:
    """Query parameters as text: the vendor's client would send Python's `False`."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in params or ()
    }


def _factory(send: Send) -> Callable[[ModuleType, str, Mapping[str, Any]], Any]:
    """The vendor's hook that builds an API object, here on our transport."""

    def build(package: Any, api_name: str, _config: Mapping[str, Any]) -> Any:
        configuration = package.Configuration(host="")
        api_client = package.ApiClient(configuration=configuration)
        api_client.rest_client = RestBridge(send)
        return getattr(package, api_name)(api_client=api_client)

    return build
