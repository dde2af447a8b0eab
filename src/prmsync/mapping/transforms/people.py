"""People by e-mail, and references to other records."""

from __future__ import annotations

from collections.abc import Mapping

from prmsync.domain.values import Scalar
from prmsync.mapping.transforms.codec import MISSING, Codec, Untranslatable
from prmsync.mapping.transforms.text import canon_text


def owner_codec(
    people: Mapping[str, str],
    emails: Mapping[str, str],
    fallback: str | None,
    nobody: str | None = None,
) -> Codec:
    """People by e-mail. Whom the CRM does not know as active is replaced by `fallback` (a CRM id)
    on both sides, and reported; without a fallback it has no counterpart. `nobody` is the CRM id
    that stands where we name no owner, in a CRM that never leaves the owner blank."""
    stand_in = None if fallback is None else emails.get(fallback)

    def read(value: Scalar) -> Scalar:
        if value is None or value == "":
            return None
        email = emails.get(str(value))
        if email is not None:
            return email
        raise _unknown_person("the CRM's owner is inactive or no user", stand_in)

    def write(value: Scalar) -> Scalar:
        text = canon_text(value)
        if text is None:
            return nobody
        found = people.get(text) or people.get(text.lower())
        if found is not None:
            return found
        raise _unknown_person("no active CRM user has the owner's e-mail", fallback)

    def project(value: Scalar) -> Scalar:
        try:
            return read(write(value))
        except Untranslatable as error:
            if error.instead is not MISSING:
                error.instead = stand_in
            raise

    return Codec(read, write, project)


def _unknown_person(message: str, instead: str | None) -> Untranslatable:
    if instead is None:
        hint = (
            "let the person be an active user of the CRM, and it is tried again by itself; or set "
            "`owners.fallback`, or add the person to `owners.overrides`"
        )
        return Untranslatable(message, hint)
    return Untranslatable(
        f"{message}: the fallback owner stands in",
        "add the person to `owners.overrides` in the mapping",
        instead,
    )


def same_id(value: Scalar) -> Scalar:
    """An id as it is; an empty one is blank."""
    return value or None
