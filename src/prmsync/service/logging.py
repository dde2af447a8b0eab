"""Logs: structured, to stderr or a file, without secrets and without personal data."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import structlog

from prmsync.errors import ConfigurationError

REDACTED = "…"

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_DEEPEST = 8

_SECRET_KEY = re.compile(
    r"secret|token|password|passphrase|authorization|cookie|api_?key|private_key|signature",
    re.IGNORECASE,
)
_PERSONAL_KEY = re.compile(
    r"e_?mail|phone|contact|owner|manager|first_?name|last_?name|full_?name|address|^values?$",
    re.IGNORECASE,
)
_IN_TEXT = (
    # e-mail addresses
    re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    # bearer and basic credentials
    re.compile(r"(?<=bearer )\S+|(?<=basic )\S+", re.IGNORECASE),
    # HubSpot tokens, Salesforce session ids, JSON web tokens
    re.compile(r"\bpat-[a-z0-9]+-[\w-]+"),
    re.compile(r"\b00D\w{9,15}![\w.]+"),
    re.compile(r"\bey[\w-]+\.[\w-]+\.[\w-]+"),
    # credentials in query strings and forms
    re.compile(
        r"(?<=secret=)[^&\s]+|(?<=token=)[^&\s]+|(?<=password=)[^&\s]+|(?<=assertion=)[^&\s]+",
        re.IGNORECASE,
    ),
    # user:password@ in addresses
    re.compile(r"(?<=://)[^/\s@]+(?=@)"),
)


def configure(
    *, level: str = "info", form: str = "console", file: Path | None = None
) -> TextIO | None:
    """Send logs of `level` and above to stderr, or to `file` (appended, UTF-8).

    `form` is "console" for people or "json", one object a line. Returns the opened file for the
    caller to close at the end. Raises ConfigurationError when it cannot be opened.
    """
    opened = _open(file) if file is not None else None
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact,
            _head_first,
            _renderer(form, colours=opened is None and sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=opened or sys.stderr),
        cache_logger_on_first_use=False,
    )
    _quiet_libraries(opened or sys.stderr, form)
    return opened


def redact(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor: takes secrets and personal data out of every value of an event."""
    for key, value in event.items():
        event[key] = value if key in ("timestamp", "level") else _clean(key, value, 0)
    return event


def _head_first(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """When, how bad and what come first in a line that people read as well."""
    head = {key: event[key] for key in ("timestamp", "level", "event") if key in event}
    return head | dict(event)


def redact_text(text: str) -> str:
    """`text` without anything that has the shape of a credential or an e-mail address."""
    for pattern in _IN_TEXT:
        text = pattern.sub(REDACTED, text)
    return text


def _clean(key: str, value: object, depth: int) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SECRET_KEY.search(key) or _PERSONAL_KEY.search(key) or depth > _DEEPEST:
        return REDACTED
    if isinstance(value, Mapping):
        return {name: _clean(str(name), item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(key, item, depth + 1) for item in value]
    return redact_text(str(value))


class _RedactingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact_text(super().format(record))


class _JsonFormatter(logging.Formatter):
    """A library's line in the shape of our own, so that every line of the log is JSON."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        line = {
            "timestamp": at,
            "level": record.levelname.lower(),
            "event": redact_text(super().format(record)),
            "library": record.name,
        }
        return json.dumps(line, ensure_ascii=False)


def _quiet_libraries(stream: TextIO, form: str) -> None:
    # Libraries log request addresses at INFO and whole bodies at DEBUG: warnings only.
    handler = logging.StreamHandler(stream)
    plain = _RedactingFormatter("%(asctime)s %(name)s %(levelname)s %(message)s")
    handler.setFormatter(_JsonFormatter() if form == "json" else plain)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def _renderer(form: str, *, colours: bool) -> structlog.typing.Processor:
    if form == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=colours, exception_formatter=structlog.dev.plain_traceback
    )


def _open(file: Path) -> TextIO:
    try:
        return file.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise ConfigurationError(
            f"The log file {file} cannot be opened: {error.strerror}.",
            hint="Change [service] log_file.",
        ) from error
