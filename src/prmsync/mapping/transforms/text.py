"""Text, codes in capitals, and web domains."""

from __future__ import annotations

import re
from collections.abc import Callable

from prmsync.domain.values import Scalar
from prmsync.mapping.transforms.codec import Codec, limited, same_both_ways


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
    """A code in upper case; blank is None."""
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
    # Projecting text is writing it: one pass, not the two of a limited codec in general.
    codec = limited(same_both_ways(canon, canon), length)
    return Codec(canon, codec.write, codec.write)
