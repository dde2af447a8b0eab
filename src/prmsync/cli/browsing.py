"""The page of a CRM on which a person signs in, opened in the browser of this machine."""

from __future__ import annotations

from threading import Thread

from prmsync.cli.output import note


def open_page(address: str, who: str = "") -> None:
    """Opens `address` and returns at once; `who` says as whom to sign in there.

    Some browsers are programs that end only when the person closes them, and the person's answer
    must be listened for meanwhile. Nobody can tell those from one that fails, so the address is
    shown in any case.
    """
    import webbrowser

    note(
        f"Sign in{who} on the page that opens now. If none opens, open this address in a browser "
        "that runs here (where none can: --no-browser):",
        f"  {address}",
    )
    Thread(target=webbrowser.open, args=(address,), daemon=True).start()
