"""`/services/oauth2/authorize`: the page on which a person lets the app act for them.

The page posts `username` and `decision` (`allow` or `deny`) back to its own address; a test does
the same.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from datetime import datetime

from prmsync.connector.simulator.browser import form_of, html_page, may_return_to, way_back
from prmsync.connector.simulator.http import Request, Response
from prmsync_salesforce.simulator.identity import People
from prmsync_salesforce.simulator.settings import OrgSettings
from prmsync_salesforce.simulator.tokens import CODE_LIFETIME, Code, Tokens

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Allow access?</title>
</head><body><h1>{org}</h1><p>{client} asks to act for you in this simulated org.</p>
<form method="post"><p><label>Sign in as <select name="username">{people}</select></label></p>
<p><button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button></p></form></body></html>"""


class Authorize:
    """Asks for consent and sends the browser back with a code."""

    def __init__(
        self, settings: OrgSettings, people: People, tokens: Tokens, now: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._people = people
        self._tokens = tokens
        self._now = now

    def handle(self, request: Request) -> Response:
        """Answer GET with the page and POST with the way back."""
        values = form_of(request)
        problem = self._problem(values)
        if problem is not None:
            return html_page(400, f"<p>{html.escape(problem)}</p>")
        if values.get("response_type") != "code":
            return way_back(values, error="unsupported_response_type")
        if not values.get("code_challenge") and self._settings.require_pkce:
            return way_back(
                values,
                error="invalid_request",
                error_description="missing required code challenge",
            )
        if request.method != "POST":
            return self._page()
        return self._decided(values)

    def _problem(self, values: Mapping[str, str]) -> str | None:
        """What makes the way back itself unsure, so that the browser stays here."""
        if values.get("client_id") != self._settings.client_id:
            return "error=invalid_client_id&error_description=client identifier invalid"
        if not may_return_to(values.get("redirect_uri", ""), self._settings.callback_url):
            return (
                "error=redirect_uri_mismatch&error_description=redirect_uri must match "
                "configuration"
            )
        return None

    def _page(self) -> Response:
        names = [html.escape(name) for name in self._people.usernames()]
        options = "".join(f"<option>{name}</option>" for name in names)
        return html_page(
            200,
            _PAGE.format(
                org=html.escape(self._settings.name),
                client=html.escape(self._settings.client_id),
                people=options,
            ),
        )

    def _decided(self, values: Mapping[str, str]) -> Response:
        if values.get("decision") == "deny":
            return way_back(
                values, error="access_denied", error_description="end-user denied authorization"
            )
        user_id = self._people.by_username(values.get("username", self._people.admin))
        if user_id is None:
            return html_page(400, "<p>Please check your username and password.</p>")
        code = Code(
            user_id,
            values["redirect_uri"],
            values.get("code_challenge") or None,
            values.get("scope") or "refresh_token api",
            self._now() + CODE_LIFETIME,
        )
        return way_back(values, code=self._tokens.issue_code(code))
