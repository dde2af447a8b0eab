"""People are told between systems by e-mail."""

from __future__ import annotations


def email_key(email: str) -> str:
    """The form in which e-mail addresses are compared."""
    return email.strip().casefold()
