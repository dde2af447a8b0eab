"""Near spellings: what a person most likely meant."""

from __future__ import annotations

from collections.abc import Iterable

from rapidfuzz import fuzz, process, utils

_CLOSE_ENOUGH = 65.0


def near(word: str, choices: Iterable[str]) -> str | None:
    """The choice most like `word`, ignoring case and punctuation; None when none is close."""
    found = process.extractOne(
        word,
        list(choices),
        scorer=fuzz.ratio,
        processor=utils.default_process,
        score_cutoff=_CLOSE_ENOUGH,
    )
    return None if found is None else str(found[0])


def did_you_mean(word: str, choices: Iterable[str], *, otherwise: str = "") -> str:
    """A hint: the near spelling, or else the choices themselves when they are few."""
    listed = sorted(choices)
    close = near(word, listed)
    if close is not None:
        return f"did you mean `{close}`?"
    if otherwise or not listed or len(listed) > 40:
        return otherwise
    return "known: " + ", ".join(listed)
