"""Text, codes in capitals, and web domains."""

from __future__ import annotations

import re
from collections.abc import Callable

from prmsync.domain.values import Scalar
from prmsync.mapping.transforms.codec import Codec, Untranslatable, same_both_ways


def canon_text(value: Scalar) -> str | None:
    """Line ends as `\\n`, no blanks around it; empty text is None."""
    if value is None:
        return None
    if not isinstance(value, str):
        return "true" if value else "false"
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    return value.strip() or None


def canon_code(value: Scalar) -> str | None:
    text = canon_text(value)
    return None if text is None else text.upper()


_PLAIN_DOMAIN = re.compile(r"(?!www\.)[a-z0-9-]+(?:\.[a-z0-9-]+)+")


def canon_domain(value: Scalar) -> str | None:
    """`https://www.Acme.com:443/about` → `acme.com`."""
    text = canon_text(value)
    if text is None or _PLAIN_DOMAIN.fullmatch(text):
        return text
    host = re.split(r"[/?#]", text.lower().split("://", 1)[-1], maxsplit=1)[0]
    host = host.rsplit("@", 1)[-1].split(":", 1)[0]
    while host != (shorter := host.strip().strip(".").removeprefix("www.")):
        host = shorter
    return host or None


def text_codec(canon: Callable[[Scalar], str | None], length: int | None) -> Codec:
    """Text of at most `length` characters in the CRM; longer text does not fit."""
    if length is None:
        return same_both_ways(canon, canon)
    most = length

    def limit(value: Scalar) -> Scalar:
        text = canon(value)
        if text is not None and len(text) > most:
            raise Untranslatable(
                f"{len(text)} characters, the CRM field takes {most}",
                "shorten it, or lengthen the CRM field",
            )
        return text

    return same_both_ways(canon, limit)
