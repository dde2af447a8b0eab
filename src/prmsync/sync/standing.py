"""What a CRM record is told of its sync state: a state and one sentence, for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from prmsync.domain.values import Scalar
from prmsync.mapping.status import DECISION_WORDS, State
from prmsync.reconcile.record import RECORD
from prmsync.store.held import HeldItem, HeldState, ParkedItem
from prmsync.sync.matching import MATCH
from prmsync.sync.session import Stream
from prmsync.sync.typed_meanwhile import TYPED_MEANWHILE

BLANK = "blank"
LONGEST = 60
"""Characters of a value in a sentence."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A state and why; a record in step needs no reason."""

    state: State = State.IN_STEP
    reason: str | None = None


IN_STEP = Standing()


class Undecided(Protocol):
    """A group that waits, as decided just now or as stored."""

    @property
    def group(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def prm(self) -> tuple[Scalar, ...] | None: ...
    @property
    def crm(self) -> tuple[Scalar, ...] | None: ...


def answerable(stream: Stream, item: Undecided) -> bool:
    """Whether the decision picklist of the record can answer this item, whichever value is taken.

    Which record another one is cannot be said by "keep" or "take".
    """
    return item.group != MATCH and item.group not in stream.paused


def needs_decision(stream: Stream, items: Sequence[Undecided], title: str) -> Standing:
    """Something waits for a person; the sentence names each group with both values."""
    paused = [one for one in items if one.group in stream.paused]
    open_items = [one for one in items if one.group not in stream.paused]
    if not open_items:
        names = ", ".join(_name(one.group) for one in paused)
        return Standing(State.PAUSED, f"{names}: paused, the field does not fit {title} just now.")
    asked = [one for one in open_items if answerable(stream, one)]
    if stream.translator.status is None or not asked:
        return Standing(State.NEEDS_DECISION, "; ".join(_item(one, title) for one in open_items))
    text = "; ".join(_item(one, title) for one in asked)
    if len(asked) > 1:
        names = ", ".join(_name(one.group) for one in asked)
        text = f"Your decision applies to {names}. {text}"
    others = [one for one in open_items if one not in asked]
    if others:
        text += f". Not by this decision: {'; '.join(_item(one, title) for one in others)}"
    return Standing(State.NEEDS_DECISION, f"{text}.")


def _item(item: Undecided, title: str) -> str:
    if item.group == MATCH:
        return "several records could be its partner; decide with prmsync held list"
    if item.group == RECORD:
        gone = "the partner database" if item.prm is None else title
        return f"deleted in {gone}, but edited here since ({item.kind})"
    ours, theirs = _value(item.prm), _value(item.crm)
    if item.kind == TYPED_MEANWHILE:
        typed = f"somebody typed {theirs} at the moment when {ours} was written over it"
        return f"{_name(item.group)}: {typed}; “Keep CRM value” brings {theirs} back"
    return f"{_name(item.group)}: {title} has {theirs}, the partner database {ours} ({item.kind})"


def _name(group: str) -> str:
    return "The record" if group == RECORD else group.replace("_", " ").capitalize()


def _value(value: tuple[Scalar, ...] | None) -> str:
    texts = [_text(one) for one in value or () if one is not None]
    return ", ".join(texts) or BLANK


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return f"“{text if len(text) <= LONGEST else text[: LONGEST - 1] + '…'}”"


def refused(item: ParkedItem, title: str) -> Standing:
    """The last write was refused by one side."""
    side = "the partner database" if item.side == "prm" else title
    return Standing(State.REFUSED, f"Refused by {side}: {item.message}")


WAITS_FOR_PARENT = Standing(State.WAITING, "Waits for a record that it refers to.")
TO_BE_DONE = Standing(State.WAITING, "Your decision is noted and waits to be carried out.")
NO_ANSWER = "Your decision was none of the choices and changed nothing."
TOO_LATE = "Your decision came too late: the values had changed. Nothing was done by it."


def outcome(items: Sequence[HeldItem], take: str, by: str) -> str:
    """What became of a decision."""
    if not items or all(one.state == HeldState.MOVED for one in items):
        return TOO_LATE
    names = ", ".join(_name(one.group) for one in items if one.state != HeldState.MOVED)
    return f"{DECISION_WORDS.get(take, take)} for {names}: done, as {by} decided."
