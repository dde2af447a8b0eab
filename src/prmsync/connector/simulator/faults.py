"""Faults on demand: refused calls, lost replies, slow answers, refused rows.

A rule without `record` works on whole calls; a rule with it works on single rows of a batch, where
the simulator asks `Faults.for_record` for each row.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from prmsync.connector.simulator.http import Request, Response


@dataclass(frozen=True, slots=True)
class InterruptedResponse(Response):
    """A response that arrives late, or (`drop`) never: the transports carry that out."""

    drop: bool = False
    latency_ms: int = 0


@dataclass(slots=True)
class FaultRule:
    """`path` is a regular expression searched in the path; `method` None means any.

    `status` answers with that status, by default before anything is committed. `drop` loses the
    reply, by default after the commit. `commit` overrides either default. `body` is the answer's
    JSON as it is; without it the simulator shapes its vendor's error from `code` and `message`.
    The rule fires `times` times (None: for ever), at each `every_nth` match, in `percent` of them.
    """

    path: str = ""
    method: str | None = None
    status: int | None = None
    code: str | None = None
    message: str | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    latency_ms: int = 0
    drop: bool = False
    commit: bool | None = None
    record: str | None = None
    times: int | None = None
    every_nth: int = 1
    percent: float = 100.0
    matched: int = 0
    fired: int = 0

    @property
    def commits(self) -> bool:
        """Whether the call does its work although its reply is lost or replaced."""
        return self.drop if self.commit is None else self.commit


_TYPES: dict[str, tuple[type, ...]] = {
    "path": (str,),
    "method": (str, type(None)),
    "status": (int, type(None)),
    "code": (str, type(None)),
    "message": (str, type(None)),
    "headers": (dict,),
    "latency_ms": (int,),
    "drop": (bool,),
    "commit": (bool, type(None)),
    "record": (str, type(None)),
    "times": (int, type(None)),
    "every_nth": (int,),
    "percent": (int, float),
}


def parse_rule(raw: Mapping[str, Any]) -> FaultRule:
    """A rule from the JSON of the control path. Raises ValueError that names every problem."""
    known = {item.name for item in fields(FaultRule)} - {"matched", "fired"}
    problems = [f"unknown key {key!r}" for key in raw if key not in known]
    for key, types in _TYPES.items():
        if key in raw and not isinstance(raw[key], types):
            names = " or ".join(kind.__name__ for kind in types)
            problems.append(f"{key} must be {names}")
    problems += _bad_patterns(raw)
    every_nth = raw.get("every_nth", 1)
    if isinstance(every_nth, int) and every_nth < 1:
        problems.append("every_nth must be at least 1")
    if problems:
        raise ValueError("; ".join(problems))
    return FaultRule(**raw)


def _bad_patterns(raw: Mapping[str, Any]) -> list[str]:
    problems = []
    for key in ("path", "record"):
        pattern = raw.get(key)
        if not isinstance(pattern, str):
            continue
        try:
            re.compile(pattern)
        except re.error as error:
            problems.append(f"{key} is not a regular expression: {error}")
    return problems


class Faults:
    """The rules in force, in the order they were added."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable chance, not a secret
        self._rules: list[FaultRule] = []

    def add(self, rule: FaultRule) -> None:
        self._rules.append(rule)

    def clear(self) -> None:
        self._rules.clear()

    def rules(self) -> list[dict[str, Any]]:
        """The rules with how often each matched and fired, as JSON objects."""
        return [asdict(rule) for rule in self._rules]

    @property
    def has_row_rules(self) -> bool:
        """Whether any rule is about single rows; lets a row loop skip asking."""
        return any(rule.record is not None for rule in self._rules)

    def for_request(self, request: Request) -> list[FaultRule]:
        """The whole-call rules that fire now: any that only delay, and the first that does more."""
        chosen: list[FaultRule] = []
        decided = False
        for rule in self._rules:
            breaks = rule.drop or rule.status is not None
            if rule.record is not None or (breaks and decided) or not _matches(rule, request):
                continue
            if self._fires(rule):
                chosen.append(rule)
                decided = decided or breaks
        return chosen

    def for_record(self, request: Request, texts: Iterable[str]) -> FaultRule | None:
        """The first row rule that fires for a row; `texts` are what `record` is searched in
        (an id, an external key, a name)."""
        if not self.has_row_rules:
            return None
        seen = list(texts)
        for rule in self._rules:
            if rule.record is None or not _matches(rule, request):
                continue
            pattern = rule.record
            if any(re.search(pattern, text) for text in seen) and self._fires(rule):
                return rule
        return None

    def _fires(self, rule: FaultRule) -> bool:
        rule.matched += 1
        if rule.times is not None and rule.fired >= rule.times:
            return False
        if rule.matched % rule.every_nth:
            return False
        if rule.percent < 100.0 and self._random.random() * 100.0 >= rule.percent:
            return False
        rule.fired += 1
        return True


def _matches(rule: FaultRule, request: Request) -> bool:
    if rule.method is not None and rule.method.upper() != request.method:
        return False
    return re.search(rule.path, request.path) is not None
