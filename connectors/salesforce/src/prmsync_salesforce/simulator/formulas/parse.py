"""Reads a formula into a function from a record, now and before, to a value."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prmsync_salesforce.simulator.database import Row
from prmsync_salesforce.simulator.evaluate import Getter
from prmsync_salesforce.simulator.formulas.functions import (
    FUNCTIONS,
    Value,
    equal,
    less,
    number,
    plus,
    words,
)
from prmsync_salesforce.simulator.values import stamp

Formula = Callable[[Row, Row | None], Value]
"""(record, what it was before the write or None when it is new) → value."""

_TOKEN = re.compile(
    r"""\s*(?:/\*.*?\*/\s*)*(?:
      (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<name>\$?[A-Za-z_][A-Za-z0-9_.]*)
    | (?P<sign>&&|\|\||<=|>=|<>|!=|==|[-+*/&=<>!(),])
    | (?P<end>$)
    )""",
    re.VERBOSE | re.DOTALL,
)


class BadFormula(Exception):
    """In the words of a deployment."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a formula may look up: `getter` gives a field's value by path, or raises LookupError."""

    getter: Callable[[str], Getter]
    now: Callable[[], datetime]


def parse_formula(text: str, names: Names) -> Formula:
    """The formula as a function. Raises BadFormula."""
    return _Parser(text, names).whole()


class _Parser:
    def __init__(self, text: str, names: Names) -> None:
        self._tokens = _tokens(text)
        self._names = names
        self._next = 0

    def whole(self) -> Formula:
        formula = self._either()
        if self._peek()[0] != "end":
            raise self._unexpected()
        return formula

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next]

    def _take(self, *signs: str) -> str | None:
        kind, text = self._peek()
        if kind == "sign" and text in signs:
            self._next += 1
            return text
        return None

    def _expect(self, sign: str) -> None:
        if self._take(sign) is None:
            raise self._unexpected()

    def _unexpected(self) -> BadFormula:
        kind, text = self._peek()
        return BadFormula(f"Error: Syntax error. Found '{text if kind != 'end' else 'end'}'")

    def _either(self) -> Formula:
        left = self._both()
        while self._take("||"):
            left = _joined(left, self._both(), lambda one, two: bool(one or two))
        return left

    def _both(self) -> Formula:
        left = self._compared()
        while self._take("&&"):
            left = _joined(left, self._compared(), lambda one, two: bool(one and two))
        return left

    def _compared(self) -> Formula:
        left = self._sum()
        sign = self._take("=", "==", "<>", "!=", "<=", ">=", "<", ">")
        if sign is None:
            return left
        return _joined(left, self._sum(), _COMPARE[sign])

    def _sum(self) -> Formula:
        left = self._product()
        while sign := self._take("+", "-", "&"):
            left = _joined(left, self._product(), _ADD[sign])
        return left

    def _product(self) -> Formula:
        left = self._single()
        while sign := self._take("*", "/"):
            left = _joined(left, self._single(), _TIMES[sign])
        return left

    def _single(self) -> Formula:
        if self._take("-"):
            inner = self._single()
            return lambda row, old: -number(inner(row, old))
        if self._take("!"):
            inner = self._single()
            return lambda row, old: not inner(row, old)
        if self._take("("):
            inner = self._either()
            self._expect(")")
            return inner
        return self._leaf()

    def _leaf(self) -> Formula:
        kind, text = self._peek()
        if kind == "text":
            return self._constant(re.sub(r"\\(.)", r"\1", text[1:-1]))
        if kind == "number":
            return self._constant(float(text))
        if kind != "name":
            raise self._unexpected()
        constants = {"true": True, "false": False, "null": None}
        if text.lower() in constants:
            return self._constant(constants[text.lower()])
        self._next += 1
        return self._called(text.upper()) if self._take("(") else self._field(text)

    def _constant(self, value: Value) -> Formula:
        self._next += 1
        return lambda _row, _old: value

    def _field(self, path: str) -> Formula:
        try:
            get = self._names.getter(path)
        except LookupError as error:
            raise BadFormula(f"Error: Field {path} does not exist. Check spelling.") from error
        return lambda row, _old: get(row)

    def _called(self, name: str) -> Formula:
        if name in _ABOUT_THE_WRITE:
            return self._about_the_write(name)
        arguments: list[Formula] = []
        if not self._take(")"):
            arguments.append(self._either())
            while self._take(","):
                arguments.append(self._either())
            self._expect(")")
        if name in ("TODAY", "NOW"):
            length = 10 if name == "TODAY" else None
            return lambda _row, _old: stamp(self._names.now())[:length]
        if name not in FUNCTIONS:
            raise BadFormula(f"Error: Unknown function {name}. Check spelling.")
        least, work = FUNCTIONS[name]
        if len(arguments) < least:
            raise BadFormula(f"Error: Incorrect number of parameters for function '{name}()'")
        return lambda row, old: work([argument(row, old) for argument in arguments])

    def _about_the_write(self, name: str) -> Formula:
        """ISNEW, ISCHANGED and PRIORVALUE compare the record with what it was."""
        if name == "ISNEW":
            self._expect(")")
            return lambda _row, old: old is None
        kind, path = self._peek()
        if kind != "name":
            raise self._unexpected()
        self._next += 1
        now = self._field(path)
        self._expect(")")
        if name == "PRIORVALUE":
            return lambda row, old: now(row if old is None else old, None)
        return lambda row, old: old is not None and not equal(now(row, None), now(old, None))


_ABOUT_THE_WRITE = ("ISCHANGED", "ISNEW", "PRIORVALUE")


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    while not tokens or tokens[-1][0] != "end":
        match = _TOKEN.match(text, position)
        if match is None:
            raise BadFormula(f"Error: Syntax error. Found '{text[position:].lstrip()[:1]}'")
        kind = str(match.lastgroup)
        tokens.append((kind, match.group(kind)))
        position = match.end()
    return tokens


def _joined(left: Formula, right: Formula, work: Callable[[Any, Any], Value]) -> Formula:
    return lambda row, old: work(left(row, old), right(row, old))


_COMPARE: dict[str, Callable[[Any, Any], Value]] = {
    "=": equal,
    "==": equal,
    "<>": lambda one, two: not equal(one, two),
    "!=": lambda one, two: not equal(one, two),
    "<": less,
    ">": lambda one, two: less(two, one),
    "<=": lambda one, two: not less(two, one),
    ">=": lambda one, two: not less(one, two),
}
_ADD: dict[str, Callable[[Any, Any], Value]] = {
    "+": lambda one, two: plus(one, two, 1),
    "-": lambda one, two: plus(one, two, -1),
    "&": lambda one, two: words(one) + words(two),
}
_TIMES: dict[str, Callable[[Any, Any], Value]] = {
    "*": lambda one, two: number(one) * number(two),
    "/": lambda one, two: number(one) / number(two) if number(two) else None,
}
