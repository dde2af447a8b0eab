"""The engine's reasons in the words of people who sell. Programs get them as they are stored."""

from __future__ import annotations

SENTENCES = {
    "first link: crm": "linked for the first time: the CRM's value holds",
    "first link: prm": "linked for the first time: the partner database's value holds",
    "first link: flows to the CRM": "linked for the first time: this field goes to the CRM",
    "first link: flows to the partner database": (
        "linked for the first time: this field comes from the CRM"
    ),
    "first link: blank in the CRM": "linked for the first time: the CRM had no value",
    "first link: blank in the partner database": (
        "linked for the first time: the partner database had no value"
    ),
    "first link: both sides have a value": (
        "linked for the first time: each side has a value of its own"
    ),
    "partner database owns": "the partner database decides this field",
    "CRM owns": "the CRM decides this field",
    "proposal: the CRM owns this": "a proposal: the CRM decides this field",
    "only in prm": "only the partner database has it",
    "only in the CRM": "only the CRM has it",
    "deleted in crm": "deleted in the CRM",
    "deleted in prm": "deleted in the partner database",
    "deleted in crm, made again": "deleted in the CRM, made again as the mapping says",
    "deleted in crm, edited here": "deleted in the CRM, edited in the partner database",
    "deleted in prm, edited here": "deleted in the partner database, edited in the CRM",
}
"""Engine's reason → sentence; a reason that is a sentence already is not listed."""


def sentence(reason: str) -> str:
    """A reason as people read it; several of one write are joined by semicolons, each with the
    field it is about."""
    if reason in SENTENCES:
        return SENTENCES[reason]
    return "; ".join(_part(part) for part in reason.split("; "))


def _part(part: str) -> str:
    group, colon, why = part.partition(": ")
    if part in SENTENCES:
        return SENTENCES[part]
    return f"{group}{colon}{SENTENCES[why]}" if why in SENTENCES else part
