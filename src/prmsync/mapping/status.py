"""The sync state that a CRM record carries, in the words of a CRM user.

Three CRM fields (`status` in a mapping): the state, one sentence why, and a picklist by which
somebody in the CRM answers what needs a decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from prmsync.domain.values import Scalar, Values

STATE, REASON, DECISION = "@state", "@reason", "@decision"
"""Extra keys in read and written values. A record without `STATE` is in step, or was never told."""
STATUS_KEYS = (STATE, REASON, DECISION)
UNKNOWN = "?"
"""Before a value of a status field that is none of our words."""


class State(StrEnum):
    """What is told of a record."""

    IN_STEP = "in_step"
    NEEDS_DECISION = "needs_decision"
    REFUSED = "refused"
    WAITING = "waiting"
    PAUSED = "paused"


STATE_WORDS: Mapping[str, str] = {
    State.IN_STEP: "In step",
    State.NEEDS_DECISION: "Needs decision",
    State.REFUSED: "Refused",
    State.WAITING: "Waiting",
    State.PAUSED: "Paused",
}
DECISION_WORDS: Mapping[str, str] = {"crm": "Keep CRM value", "prm": "Take partner value"}
"""Side whose value is taken → the words of the picklist."""


@dataclass(frozen=True, slots=True)
class StatusField:
    """One of the three fields in one account: its name there, our word → the CRM's code."""

    name: str
    codes: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None


class StatusCodec:
    """Reads and writes the status fields that an account has; `fields` by their keys."""

    def __init__(self, fields: Mapping[str, StatusField]) -> None:
        self.fields = fields
        self._words = {
            key: {code: word for word, code in one.codes.items()} for key, one in fields.items()
        }

    def read(self, crm: Values, into: Values) -> None:
        """Add what the record shows, where it is anything but in step and silent."""
        for key, one in self.fields.items():
            shown = crm.get(one.name)
            if not shown:
                continue
            if key != REASON:
                shown = self._words[key].get(str(shown), f"{UNKNOWN}{shown}")
            if shown != State.IN_STEP:
                into[key] = shown

    def write(self, values: Values) -> Values:
        """Take our keys out of the values of one write; what they are in the CRM's own words."""
        told: Values = {}
        for key in STATUS_KEYS:
            if key in values:
                value = values.pop(key)
                if key in self.fields:
                    told[self.fields[key].name] = self._code(key, value)
        return told

    def _code(self, key: str, value: Scalar) -> Scalar:
        one = self.fields[key]
        if value is None or not isinstance(value, str):
            return None
        if key != REASON:
            return one.codes.get(value)
        longest = one.length
        return value if longest is None or len(value) <= longest else value[: longest - 1] + "…"

    def fitting(self, values: Values) -> Values:
        """These values as they will be read back, so that they can be compared."""
        back: Values = {}
        self.read({self.fields[k].name: self._code(k, v) for k, v in values.items()}, back)
        return back
