"""`/oauth/authorize`: the page on which an admin installs the app in the portal.

The page posts `decision` (`allow` or `deny`) back to its own address; a test does the same.
"""

from __future__ import annotations

import html
from collections.abc import Mapping

from prmsync.connector.simulator.browser import form_of, html_page, may_return_to, way_back
from prmsync.connector.simulator.http import Request, Response
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.settings import ALL_SCOPES, CLIENT_ID
from prmsync_hubspot.simulator.tokens import Tokens

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Connect app</title>
</head><body><h1>Account {portal}</h1><p>{client} asks for access to this simulated account:</p>
<ul>{scopes}</ul><form method="post"><p><button name="decision" value="allow">Connect app</button>
<button name="decision" value="deny">Cancel</button></p></form></body></html>"""


class Consent:
    """Asks an admin and sends the browser back with a code."""

    def __init__(self, portal: Portal, tokens: Tokens) -> None:
        self._portal = portal
        self._tokens = tokens

    def answer(self, request: Request) -> Response:
        """Answer GET with the page and POST with the way back."""
        values = form_of(request)
        problem = self._problem(values)
        if problem is not None:
            return html_page(400, f"<h1>Authorization failed</h1><p>{html.escape(problem)}</p>")
        scopes = self._scopes(values)
        if request.method != "POST":
            return self._page(scopes)
        if values.get("decision") != "allow":
            told = "user denied access"
            return way_back(values, error="access_denied", error_description=told)
        challenge = values.get("code_challenge") or None
        code = self._tokens.issue_code(scopes, values["redirect_uri"], challenge)
        return way_back(values, code=code)

    def _problem(self, values: Mapping[str, str]) -> str | None:
        """What keeps the browser here, as nothing makes sure where it would go."""
        if values.get("client_id") != CLIENT_ID:
            return "because the client id is unknown"
        if not may_return_to(values.get("redirect_uri", ""), self._portal.settings.redirect_uri):
            return "because the redirect URL doesn't match a registered redirect URL"
        wanted = set(values.get("scope", "").split())
        if not wanted:
            return "because one or more scopes are missing in the OAuth URL"
        unknown = sorted(wanted - self._allowed(wanted))
        if unknown:
            return f"because the app does not have the scopes {', '.join(unknown)}"
        return None

    def _scopes(self, values: Mapping[str, str]) -> frozenset[str]:
        """What is granted: the scopes asked for, and the optional ones that the app has."""
        wanted = set(values.get("scope", "").split())
        optional = self._allowed(set(values.get("optional_scope", "").split()))
        return frozenset({"oauth", *wanted, *optional})

    def _allowed(self, wanted: set[str]) -> set[str]:
        has = set(self._portal.settings.app_scopes)
        return wanted if ALL_SCOPES in has else wanted & {"oauth", *has}

    def _page(self, scopes: frozenset[str]) -> Response:
        listed = "".join(f"<li>{html.escape(scope)}</li>" for scope in sorted(scopes))
        portal = self._portal.account.portal_id
        return html_page(200, _PAGE.format(portal=portal, client=CLIENT_ID, scopes=listed))
