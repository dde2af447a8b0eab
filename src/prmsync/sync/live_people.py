"""Who owns what: our people's e-mails as the CRM's user ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prmsync.connector.schema import Person
from prmsync.mapping.model import StreamMapping
from prmsync.sync.live_fields import Misfit, parts_of


@dataclass(frozen=True, slots=True)
class KnownPeople:
    """`people` our e-mail → CRM id, `emails` CRM id → our e-mail, both lower case."""

    people: Mapping[str, str] = field(default_factory=dict)
    emails: Mapping[str, str] = field(default_factory=dict)
    fallback: str | None = None


def resolve_people(
    mapping: StreamMapping, people: Sequence[Person], findings: list[Misfit]
) -> KnownPeople:
    """Active people only where a fallback owner stands in for the others; else everybody, so
    that a record of someone who left still shows its owner, and the CRM answers for writes.

    Findings name positions, never addresses.
    """
    if not any(mapped.transform == "owner" for mapped in mapping.fields.values()):
        return KnownPeople()
    active = {one.email.lower(): one.id for one in people if one.active and one.email}
    fallback = _fallback(mapping, active, findings)
    usable = [one for one in people if one.email and (one.active or fallback is None)]
    # Several users may share an address: the active one counts, and the first of them.
    ranked = sorted(usable, key=lambda one: not one.active)
    by_email: dict[str, str] = {}
    for one in ranked:
        by_email.setdefault(one.email.lower(), one.id)
    emails = {one.id: one.email.lower() for one in usable}
    _override(mapping, by_email, emails, findings)
    return KnownPeople(by_email, emails, fallback)


def _fallback(
    mapping: StreamMapping, active: Mapping[str, str], findings: list[Misfit]
) -> str | None:
    wanted = mapping.owners.fallback
    if wanted is None:
        return None
    found = active.get(wanted)
    if found is None:
        findings.append(
            Misfit(
                str(mapping.owners.at),
                "`owners.fallback` is no active user of this account",
                "name an active CRM user by e-mail",
                parts_of(mapping, "owner"),
            )
        )
    return found


def _override(
    mapping: StreamMapping,
    people: dict[str, str],
    emails: dict[str, str],
    findings: list[Misfit],
) -> None:
    original = dict(people)
    taken: set[str] = set()
    for place, (ours, theirs) in enumerate(mapping.owners.overrides.items(), start=1):
        found = original.get(theirs)
        if found is None:
            findings.append(
                Misfit(
                    str(mapping.owners.at),
                    f"line {place} of `owners.overrides` names no user of this account",
                    "right of the colon stands the person's e-mail in the CRM",
                    parts_of(mapping, "owner"),
                )
            )
            continue
        people[ours] = found
        if found not in taken:
            emails[found] = ours
            taken.add(found)
