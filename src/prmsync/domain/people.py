"""People: who owns a record, told between systems by e-mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


def email_key(email: str) -> str:
    """The form in which e-mail addresses are compared."""
    return email.strip().casefold()


@dataclass(frozen=True, slots=True)
class Person:
    """A user of ours or of a CRM; the e-mail is how both sides mean the same person."""

    id: str
    email: str
    name: str | None = None
    active: bool = True


class OwnerFound(StrEnum):
    """How an owner was found; everything but `email` and `override` is reported."""

    EMAIL = "email"
    OVERRIDE = "override"
    FALLBACK_UNKNOWN = "fallback: unknown"
    FALLBACK_INACTIVE = "fallback: inactive"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Owner:
    """The e-mail to write (None when there is nobody), and how it was found."""

    email: str | None
    found: OwnerFound


@dataclass(frozen=True, slots=True)
class OwnerRules:
    """Overrides (our e-mail → theirs) and who owns what nobody known owns."""

    overrides: Mapping[str, str] = field(default_factory=dict)
    fallback: str | None = None

    def find(self, email: str | None, known: Mapping[str, bool]) -> Owner:
        """Owner on the other side. `known` maps that side's e-mails (as keys) to active."""
        if not email:
            return Owner(None, OwnerFound.NOBODY)
        keyed = {email_key(ours): theirs for ours, theirs in self.overrides.items()}
        override = keyed.get(email_key(email))
        wanted = override or email
        active = known.get(email_key(wanted))
        if active:
            return Owner(wanted, OwnerFound.OVERRIDE if override else OwnerFound.EMAIL)
        if not self.fallback:
            return Owner(None, OwnerFound.NOBODY)
        unknown = active is None
        found = OwnerFound.FALLBACK_UNKNOWN if unknown else OwnerFound.FALLBACK_INACTIVE
        return Owner(self.fallback, found)
