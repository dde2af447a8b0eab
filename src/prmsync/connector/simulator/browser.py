"""What simulated sign-in pages share: forms, the way back to the app, the loop-back rule."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode, urlsplit

from prmsync.connector.simulator.http import Request, Response

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def body_form(request: Request) -> dict[str, str]:
    """The first value of each parameter in the body."""
    form = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: found[0] for name, found in form.items()}


def form_of(request: Request) -> dict[str, str]:
    """The first value of each parameter, in the address or the body."""
    query = {name: found[0] for name, found in request.query.items()}
    return {**query, **body_form(request)}


def may_return_to(target: str, registered: str) -> bool:
    """Whether an app may send the browser there: its own address, or any on this machine where
    none was registered."""
    return target == registered if registered else urlsplit(target).hostname in _LOOPBACK


def way_back(values: Mapping[str, str], **answer: str) -> Response:
    """Send the browser back to the app with an answer (RFC 6749, section 4.1.2)."""
    if "state" in values:
        answer["state"] = values["state"]
    target = values["redirect_uri"]
    joint = "&" if urlsplit(target).query else "?"
    return Response(302, b"", {"location": target + joint + urlencode(answer)})


def html_page(status: int, text: str) -> Response:
    """A page for a person."""
    return Response(status, text.encode(), {"content-type": "text/html; charset=UTF-8"})
