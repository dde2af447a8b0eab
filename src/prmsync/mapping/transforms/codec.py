"""What a transform is: three functions between canonical values (`prmsync.domain.values`).

`read` takes the CRM's value, `write` gives it, and `project`, which equals `read ∘ write`, is
idempotent. What has no counterpart raises Untranslatable; nothing is cut and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prmsync.domain.counted import counted
from prmsync.domain.values import Scalar

Convert = Callable[[Scalar], Scalar]
MISSING = object()


class Untranslatable(Exception):
    """A value without counterpart. `instead` is what stands in for it, MISSING when nothing."""

    def __init__(self, message: str, hint: str = "", instead: object = MISSING) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.instead = instead


@dataclass(frozen=True, slots=True)
class Codec:
    """How values cross: `read` from the CRM, `write` to it, `project` what would come back."""

    read: Convert
    write: Convert
    project: Convert


def composed(read: Convert, write: Convert) -> Codec:
    """A codec whose projection is to write and read back."""
    return Codec(read, write, lambda value: read(write(value)))


def same_both_ways(canon: Convert, limit: Convert) -> Codec:
    """A codec whose two sides look alike; `limit` is `canon` and refuses what does not fit."""
    return Codec(canon, limit, limit)


def limited(codec: Codec, length: int | None) -> Codec:
    """`codec` for a CRM field of at most `length` characters; longer values do not fit."""
    if length is None:
        return codec
    most = length

    def write(value: Scalar) -> Scalar:
        written = codec.write(value)
        if isinstance(written, str) and len(written) > most:
            raise Untranslatable(
                f"{counted(len(written), 'character')}, the CRM field takes {most}",
                "shorten it, or lengthen the CRM field",
            )
        return written

    def project(value: Scalar) -> Scalar:
        write(value)
        return codec.project(value)

    return Codec(codec.read, write, project)
