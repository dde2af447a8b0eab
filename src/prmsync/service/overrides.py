"""PRMSYNC_SECTION__KEY environment variables laid over the values of prmsync.toml.

Names are upper case, levels are joined by two underscores, and `-` in a connection's name is
written `_`: PRMSYNC_CONNECTIONS__ACME_SF__BASE_URL. Names without two underscores are not ours.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from prmsync.errors import Finding
from prmsync.service.secrets import is_reference

PREFIX = "PRMSYNC_"
_LEVELS = "__"
_TRUTH = {"true": True, "false": False}
_FRACTION = re.compile(r"\d+\.\d+")
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """`origins` says which variable set a key; `findings` names variables that set nothing."""

    origins: Mapping[Key, str]
    findings: tuple[Finding, ...]


def variable(name: str) -> str:
    """How a connection is spelled inside a variable's name."""
    return name.upper().replace("-", "_")


def apply(raw: dict[str, Any], environ: Mapping[str, str], model: type[BaseModel]) -> Applied:
    """Put overrides into `raw` in place, with the types that `model` wants."""
    origins: dict[Key, str] = {}
    findings: list[Finding] = []
    for name in sorted(environ):
        levels = name.removeprefix(PREFIX).split(_LEVELS)
        if not name.startswith(PREFIX) or len(levels) < 2:
            continue
        try:
            key, wanted = _locate(levels, raw, model)
            _put(raw, key, _value(name, environ[name], key, wanted))
            origins[key] = name
        except _NoSuchKey as error:
            findings.append(Finding(name, error.message, error.hint))
    return Applied(origins, tuple(findings))


class _NoSuchKey(Exception):
    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def _locate(levels: list[str], raw: Mapping[str, Any], model: type[BaseModel]) -> tuple[Key, Any]:
    """The key path that a variable's levels name, and the type of its value."""
    key: Key = ()
    wanted: Any = model
    here: Any = raw
    for level in levels:
        if isinstance(wanted, type) and issubclass(wanted, BaseModel):
            name = _choose(level, list(wanted.model_fields), "key")
            wanted = wanted.model_fields[name].annotation
        elif typing.get_origin(wanted) is dict:
            wanted = typing.get_args(wanted)[1]
            nested = isinstance(wanted, type) and issubclass(wanted, BaseModel)
            known = list(here) if isinstance(here, Mapping) else []
            name = _choose(level, known, "connection") if nested else level.lower()
        else:
            raise _NoSuchKey(f"`{'.'.join(key)}` has no keys below it")
        key += (name,)
        here = here.get(name) if isinstance(here, Mapping) else None
    if isinstance(wanted, type) and issubclass(wanted, BaseModel):
        raise _NoSuchKey(
            f"`{'.'.join(key)}` is a section", f"Name one of its keys: {'__'.join(levels)}__…"
        )
    return key, wanted


def _choose(level: str, known: list[str], kind: str) -> str:
    spelled = {variable(name): name for name in known}
    if level in spelled:
        return spelled[level]
    near = get_close_matches(level, spelled, n=1)
    listing = ", ".join(sorted(known)) or "none"
    hint = f"Did you mean {near[0]}?" if near else f"There are: {listing}."
    raise _NoSuchKey(f"no {kind} of prmsync.toml is spelled {level}", hint)


def _put(raw: dict[str, Any], key: Key, value: object) -> None:
    for part in key[:-1]:
        below = raw.setdefault(part, {})
        if not isinstance(below, dict):
            return
        raw = below
    raw[key[-1]] = value


def _value(name: str, text: str, key: Key, wanted: Any) -> object:
    # The environment may hold a secret itself: settings keep only where it is.
    secret = "auth" in key or key == ("database", "url")
    if secret and not is_reference(text):
        return f"env:{name}"
    return _typed(text, wanted)


def _typed(text: str, wanted: Any) -> object:
    """A number or true/false where one is wanted, a list at commas where a list is; else the
    text."""
    choices = typing.get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
    if bool in choices and text.strip() in _TRUTH:
        return _TRUTH[text.strip()]
    if int in choices and text.strip().isdecimal():
        return int(text)
    if float in choices and _FRACTION.fullmatch(text.strip()):
        return float(text)
    if any(typing.get_origin(choice) is list for choice in choices):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
