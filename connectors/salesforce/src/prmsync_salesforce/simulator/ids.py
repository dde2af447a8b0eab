"""Salesforce record ids: 15 characters that tell case, and the 18-character form that is safe
where case is lost (three characters say which of each five letters are capitals)."""

from __future__ import annotations

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_POD = "gK0"


def checksum(short: str) -> str:
    """The three characters that turn a 15-character id into its 18-character form."""
    letters = []
    for start in (0, 5, 10):
        chunk = short[start : start + 5]
        bits = sum(1 << place for place, letter in enumerate(chunk) if "A" <= letter <= "Z")
        letters.append(_CHECK[bits])
    return "".join(letters)


def make_id(prefix: str, number: int) -> str:
    """The `number`-th id of the object with this three-character key prefix."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    short = prefix + _POD + digits.rjust(9, "0")
    return short + checksum(short)


def long_id(text: object) -> str | None:
    """The 18-character form of an id in either form; None when it is not an id.

    An 18-character id whose letters lost their case gets it back from its checksum.
    """
    if not isinstance(text, str) or not text.isascii() or not text.isalnum():
        return None
    if len(text) == 15:
        return text + checksum(text)
    if len(text) != 18:
        return None
    if checksum(text[:15]) == text[15:]:
        return text
    return _restored(text)


def _restored(text: str) -> str | None:
    if text not in (text.lower(), text.upper()):
        return None
    letters = []
    for place, letter in enumerate(text[:15]):
        check = text[15 + place // 5].upper()
        if check not in _CHECK:
            return None
        capital = _CHECK.index(check) >> (place % 5) & 1
        letters.append(letter.upper() if capital else letter.lower())
    short = "".join(letters)
    return short + checksum(short) if checksum(short) == text[15:].upper() else None
