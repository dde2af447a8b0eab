"""Reads SOQL text into a query tree."""

from __future__ import annotations

import re
from dataclasses import dataclass

from prmsync_salesforce.simulator import soql_tree as tree
from prmsync_salesforce.simulator.date_literals import LITERAL
from prmsync_salesforce.simulator.failure import ApiError

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)
    | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_.]*(?::\d+)?)
    | (?P<operator><=|>=|!=|<>|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_FUNCTIONS = frozenset({"COUNT", "COUNT_DISTINCT", "SUM", "MIN", "MAX", "AVG", "GROUPING"})


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def pointed(text: str, at: int, message: str) -> str:
    """A message under the query's text with a caret, the way Salesforce points at an error."""
    caret = " " * at + "^"
    return f"\n{text}\n{caret}\nERROR at Row:1:Column:{at + 1}\n{message}"


def malformed(message: str) -> ApiError:
    return ApiError(400, "MALFORMED_QUERY", message)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            rest = text[position:].lstrip()
            raise malformed(f"unexpected token: '{rest[:1]}'")
        kind = str(match.lastgroup)
        tokens.append(_Token(kind, match.group(kind), match.start(kind)))
        position = match.end()
    tokens.append(_Token("end", "<EOF>", end))
    return tokens


def unquoted(text: str) -> str:
    """The value of a quoted literal; `\\%` and `\\_` keep their backslash for LIKE."""

    def replaced(match: re.Match[str]) -> str:
        letter = match.group(1)
        return f"\\{letter}" if letter in "%_" else _ESCAPES.get(letter, letter)

    return re.sub(r"\\(.)", replaced, text[1:-1])


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._next = 0

    def query(self) -> tree.Query:
        query = self._query()
        if self._peek().kind != "end":
            raise self._unexpected()
        return query

    def _query(self) -> tree.Query:
        query = tree.Query(self._text)
        self._expect("SELECT")
        query.select = self._selection()
        self._expect("FROM")
        query.object = self._name()
        if self._take("WHERE"):
            query.where = self._condition()
        if self._take("WITH"):
            self._expect("SECURITY_ENFORCED")
        if self._take("GROUP"):
            self._expect("BY")
            self._groups(query)
            query.having = self._condition() if self._take("HAVING") else None
        if self._take("ORDER"):
            self._expect("BY")
            query.order_by = self._orders()
        self._ends(query)
        return query

    def _groups(self, query: tree.Query) -> None:
        for word in ("ROLLUP", "CUBE"):
            if self._take(word):
                query.subtotals = word
        if query.subtotals:
            self._expect("(")
        query.group_by = self._list_of_names()
        if query.subtotals:
            self._expect(")")

    def _ends(self, query: tree.Query) -> None:
        if self._take("LIMIT"):
            query.limit = self._whole_number()
        if self._take("OFFSET"):
            query.offset = self._whole_number()
        for clause, last in (("FOR", ("VIEW", "REFERENCE", "UPDATE")), ("ALL", ("ROWS",))):
            if self._take(clause) and not any(self._take(word) for word in last):
                raise self._unexpected()

    def _subselect(self) -> tree.Subselect:
        """The query after an opening parenthesis, and the closing one."""
        at = self._peek().at
        inner = self._query()
        self._expect(")")
        return tree.Subselect(inner, at)

    def _at_select(self) -> bool:
        token = self._peek()
        return token.kind == "word" and token.text.upper() == "SELECT"

    def condition(self) -> tree.Condition:
        condition = self._condition()
        if self._peek().kind != "end":
            raise self._unexpected()
        return condition

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _advance(self) -> _Token:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _take(self, text: str) -> bool:
        token = self._peek()
        if token.kind in ("word", "operator") and token.text.upper() == text:
            self._advance()
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._unexpected()

    def _unexpected(self) -> ApiError:
        token = self._peek()
        if token.kind == "end":
            return malformed("unexpected token: <EOF>")
        message = f"unexpected token: '{token.text}'"
        return malformed(pointed(self._text, token.at, message))

    def _name(self) -> tree.Name:
        token = self._peek()
        if token.kind != "word" or ":" in token.text:
            raise self._unexpected()
        self._advance()
        return tree.Name(token.text, token.at)

    def _list_of_names(self) -> list[tree.Name]:
        names = [self._name()]
        while self._take(","):
            names.append(self._name())
        return names

    def _selection(self) -> list[tree.Shown | tree.Aggregate]:
        items = [self._item()]
        while self._take(","):
            items.append(self._item())
        return items

    def _item(self) -> tree.Shown | tree.Aggregate:
        if self._take("("):
            return self._subselect()
        return self._typeof() if self._at_typeof() else self._selected()

    def _at_typeof(self) -> bool:
        following = self._tokens[min(self._next + 1, len(self._tokens) - 1)]
        named = following.kind == "word" and following.text.upper() != "FROM"
        return named and self._take("TYPEOF")

    def _typeof(self) -> tree.Typeof:
        relation, cases = self._name(), []
        while self._take("WHEN"):
            kind = self._name()
            self._expect("THEN")
            cases.append((kind, tuple(self._list_of_names())))
        otherwise = tuple(self._list_of_names()) if self._take("ELSE") else ()
        self._expect("END")
        if not cases:
            raise malformed("TYPEOF needs a WHEN")
        return tree.Typeof(relation, tuple(cases), otherwise)

    def _selected(self, *, alias: bool = True) -> tree.Name | tree.Aggregate:
        name = self._name()
        if not self._take("("):
            return name
        function = name.text.upper()
        if function == "FIELDS":
            inner = self._name()
            self._expect(")")
            return tree.Name(f"FIELDS({inner.text.upper()})", name.at)
        if function == "TOLABEL":
            inner = self._name()
            self._expect(")")
            return tree.Name(inner.text, inner.at, label=True)
        if function not in _FUNCTIONS:
            raise malformed(f"unexpected token: '{name.text}'")
        of = None if self._peek().text == ")" else self._name()
        self._expect(")")
        token = self._peek()
        named = alias and token.kind == "word" and token.text.upper() != "FROM"
        return tree.Aggregate(function, of, self._advance().text if named else None, name.at)

    def _condition(self) -> tree.Condition:
        """Conditions that are all joined by AND or all by OR: who mixes them needs parentheses, and
        so does a NOT beside either."""
        if self._take("NOT"):
            return tree.Negation(self._single())
        first = self._single()
        for word, joined in (("AND", tree.Both), ("OR", tree.Either)):
            parts = [first]
            while self._take(word):
                parts.append(self._single())
            if len(parts) > 1:
                return joined(tuple(parts))
        return first

    def _single(self) -> tree.Condition:
        if self._take("("):
            inner = self._condition()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> tree.Comparison:
        name = self._selected(alias=False)
        if self._take("NOT"):
            self._expect("IN")
            return tree.Comparison(name, "NOT IN", self._values())
        for word in ("IN", "INCLUDES", "EXCLUDES"):
            if self._take(word):
                return tree.Comparison(name, word, self._values())
        if self._take("LIKE"):
            return tree.Comparison(name, "LIKE", (self._literal(),))
        token = self._peek()
        if token.kind != "operator" or token.text in ("(", ")", ","):
            raise self._unexpected()
        self._advance()
        operator = "!=" if token.text == "<>" else token.text
        return tree.Comparison(name, operator, (self._literal(),))

    def _values(self) -> tuple[tree.Literal, ...] | tree.Subselect:
        self._expect("(")
        if self._at_select():
            return self._subselect()
        values = [self._literal()]
        while self._take(","):
            values.append(self._literal())
        self._expect(")")
        return tuple(values)

    def _literal(self) -> tree.Literal:
        token = self._peek()
        if token.kind == "string":
            self._advance()
            return tree.Literal("string", unquoted(token.text))
        if token.kind in ("number", "date", "datetime"):
            self._advance()
            return tree.Literal(token.kind, token.text)
        word = token.text.lower()
        if token.kind == "word" and word in ("true", "false", "null"):
            self._advance()
            return tree.Literal("null" if word == "null" else "boolean", word)
        if token.kind == "word" and LITERAL.match(token.text):
            self._advance()
            return tree.Literal("relative", token.text.upper())
        raise self._unexpected()

    def _orders(self) -> list[tree.Order]:
        orders = [self._order()]
        while self._take(","):
            orders.append(self._order())
        return orders

    def _order(self) -> tree.Order:
        name = self._selected(alias=False)
        descending = self._take("DESC")
        if not descending:
            self._take("ASC")
        nulls_last = False
        if self._take("NULLS"):
            nulls_last = self._take("LAST")
            if not nulls_last:
                self._expect("FIRST")
        return tree.Order(name, descending, nulls_last)

    def _whole_number(self) -> int:
        token = self._peek()
        if token.kind != "number" or not token.text.isdigit():
            raise self._unexpected()
        self._advance()
        return int(token.text)


def parse(text: str) -> tree.Query:
    """The query tree. Raises ApiError MALFORMED_QUERY."""
    return _Parser(text).query()


def parse_condition(text: str) -> tree.Condition:
    """A condition alone, as after WHERE. Raises ApiError MALFORMED_QUERY."""
    return _Parser(text).condition()
