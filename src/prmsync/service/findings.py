"""pydantic's errors in our words: where, what, and a remedy with the nearest spelling."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from prmsync.errors import Finding

_PLAIN = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "dict_type": "must be a table of keys",
    "model_type": "must be a table of keys",
    "list_type": "must be text or a list of texts",
}


def describe(
    error: ErrorDetails, model: type[BaseModel], where: Callable[[tuple[str, ...]], str]
) -> Finding:
    """One validation error as a finding. Values are not repeated: they may be secrets."""
    key = tuple(str(part) for part in error["loc"])
    name = key[-1]
    kind = error["type"]
    if kind == "extra_forbidden":
        return Finding(where(key), f"unknown key `{name}`", _nearest(name, key, model))
    if kind == "missing":
        return Finding(where(key[:-1]), f"`{name}` is missing in [{'.'.join(key[:-1])}]")
    context: Mapping[str, Any] = error.get("ctx", {})
    if kind == "setting":
        return Finding(where(key), f"`{name}` {context['message']}", str(context["hint"]))
    if kind == "literal_error":
        return Finding(where(key), f"`{name}` must be one of {context['expected']}")
    message = _PLAIN.get(kind) or error["msg"][0].lower() + error["msg"][1:]
    return Finding(where(key), f"`{name}` {message}")


def _nearest(name: str, key: tuple[str, ...], model: type[BaseModel]) -> str:
    known = _known_keys(key[:-1], model)
    near = get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known) or 'none'}"


def _known_keys(section: tuple[str, ...], model: type[BaseModel]) -> list[str]:
    wanted: Any = model
    for part in section:
        if isinstance(wanted, type) and issubclass(wanted, BaseModel):
            wanted = wanted.model_fields[part].annotation
        else:
            wanted = typing.get_args(wanted)[1]
    return list(wanted.model_fields)
