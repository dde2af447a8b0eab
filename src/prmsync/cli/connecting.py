"""`prmsync connect`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from prmsync.cli import context
from prmsync.cli.browsing import open_page
from prmsync.cli.output import note, say, say_wrapped

if TYPE_CHECKING:
    from prmsync.service.settings import Settings
    from prmsync.service.signing_in import Begun, SignedIn

LEFT_TO_DO = 1
_WAIT_SECONDS = 600.0


def register(app: typer.Typer) -> None:
    app.command("connect")(connect)


def connect(
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="Whom to sign in to.")],
    again: Annotated[
        bool, typer.Option("--again", help="Sign in with the browser although one is kept.")
    ] = False,
    browser: Annotated[
        bool,
        typer.Option(
            "--browser/--no-browser",
            help="Open the page here, or show its address to open elsewhere.",
        ),
    ] = True,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="PORT", help="Where the browser's answer arrives (8791)."),
    ] = None,
) -> None:
    """Sign in, keep the sign-in where the settings say, and show the account."""
    from prmsync.errors import AuthError
    from prmsync.service import signing_in

    settings = context.settings()
    place = signing_in.kept_at(settings, connection)
    if place is None and not again:
        found = signing_in.check(settings, connection, os.environ)
        _show(settings, connection, found)
        _end(found)
    if not again and signing_in.is_kept(settings, connection, os.environ):
        try:
            found = signing_in.check(settings, connection, os.environ)
            _show(settings, connection, found)
            _end(found)
        except AuthError as error:
            if error.code != "invalid_grant":
                raise
            note(f"{error.message}. It takes a new sign-in.")
    found = _with_browser(settings, connection, browser, port)
    _show(settings, connection, found)
    say("", f"The sign-in is kept at {place}.")
    _end(found)


def _end(found: SignedIn) -> NoReturn:
    """Something is left to do where a right is missing."""
    raise typer.Exit(LEFT_TO_DO if found.lacks else 0)


def _with_browser(settings: Settings, connection: str, browser: bool, port: int | None) -> SignedIn:
    from prmsync.service import loop_back, signing_in

    number = loop_back.PORT if port is None else port
    begun = signing_in.begin(settings, connection, loop_back.redirect_uri(number), os.environ)
    if not browser:
        return signing_in.finish(begun, _pasted(begun))
    with loop_back.listening(number) as listener:
        open_page(begun.address)
        answer = listener.wait(lambda given: signing_in.belongs(begun, given), _WAIT_SECONDS)
    return signing_in.finish(begun, answer)


def _pasted(begun: Begun) -> dict[str, str]:
    from prmsync.service.signing_in import answer_of

    note(
        "Open this address in any browser and sign in:",
        f"  {begun.address}",
        "The browser then ends at an address of localhost that it may not be able to show.",
    )
    return answer_of(typer.prompt("Copy that address here", err=True))


def _show(settings: Settings, name: str, found: SignedIn) -> None:
    account = found.account
    told = {
        "org": f"{account.org_id}  {account.name}",
        "environment": account.environment,
        "user": account.user,
        "API version": account.api_version,
        "currency": account.currency,
        "time zone": account.time_zone,
        **(
            {"rights": "all that the mappings need, as far as the CRM tells"}
            if found.told and not found.lacks
            else {}
        ),
    }
    say(f"{name} is signed in.", "", *(f"  {key:<13}{value}" for key, value in told.items()))
    if settings.connection(name).org is None:
        say("", f"Not pinned to this org yet. Add to [connections.{name}]:")
        say(f'  org = "{account.org_id}"')
    if found.lacks:
        say("", f"Rights that the mappings need and this sign-in lacks: {len(found.lacks)}")
        for one in found.lacks:
            say_wrapped(f"! {one.where}  {one.message}", indent=2, hang=4)
        say_wrapped(f"{found.hint}.", indent=2)
