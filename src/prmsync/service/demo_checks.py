"""What must be so after each step of the demo; a demo that lies is a defect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from prmsync.answers.conflicts import list_conflicts, parties_of
from prmsync.domain.values import Values
from prmsync.service.demo_crm import DemoCrm, shown_in_crm
from prmsync.service.demo_story import Cast, Demo, flagged
from prmsync.service.waiting import HeldRow, held_rows, parked_rows
from prmsync.store import records, runs
from prmsync.store.runs import Run, RunState
from prmsync.sync.verify import verify

_FLAG = ("conflict", "conflict_kind", "conflict_reason")


def waiting_run(demo: Demo, crm: DemoCrm) -> Run | None:
    """The run that a brake holds."""
    with demo.application.database.read() as connection:
        found = runs.in_state(connection, crm.name, RunState.WAITING)
    return found[0] if found else None


def last_run(demo: Demo) -> int:
    """The number of the newest run; 0 before the first."""
    with demo.application.database.read() as connection:
        newest = runs.recent(connection, limit=1)
    return newest[0].id if newest else 0


def written(demo: Demo, after: int = 0) -> Counter[str]:
    """Records written by runs after this one: "create" and "update", on either side."""
    total: Counter[str] = Counter()
    with demo.application.database.read() as connection:
        newest = runs.recent(connection, limit=10_000)
    for run in newest:
        if run.id > after:
            for key, count in run.counts.items():
                parts = key.split("/")
                if len(parts) == 4 and parts[1] != "base" and parts[3] == "done":
                    total[parts[2]] += count
    return total


def held(demo: Demo) -> list[HeldRow]:
    """What needs a decision now."""
    return held_rows(demo.application.database)


def is_quiet(demo: Demo) -> bool:
    """Nothing is refused, and no brake holds a run."""
    braked = any(waiting_run(demo, crm) for crm in demo.crms.values())
    return not braked and not parked_rows(demo.application.database)


def ours(demo: Demo, kind: str, prm_id: str) -> Values:
    """A record's values in the partner database."""
    with demo.application.database.read() as connection:
        return records.read(connection, kind, [prm_id])[prm_id]


def theirs(demo: Demo, crm: DemoCrm, kind: str, prm_ids: Sequence[str]) -> dict[str, Values]:
    """Records' values as one CRM has them, by prm id."""
    with demo.session(crm) as session:
        return shown_in_crm(session, kind, prm_ids)


def everywhere(demo: Demo, kind: str, prm_id: str, wanted: Values) -> bool:
    """Whether the partner database and both CRMs say this of a record."""
    held_values = [ours(demo, kind, prm_id)]
    held_values += [theirs(demo, crm, kind, [prm_id])[prm_id] for crm in demo.crms.values()]
    return all(_holds(values, wanted) for values in held_values)


def _holds(values: Values, wanted: Values) -> bool:
    return all(values.get(name) == value for name, value in wanted.items())


def edits_arrived(demo: Demo, chosen: Cast) -> list[tuple[str, bool]]:
    """What the second sync had to bring about."""
    amount = f"{chosen.new_amount.amount:f}"
    merged: Values = {"expected_close": chosen.new_close, "customer_contact": chosen.new_contact}
    approved: Values = {"review_state": "approved"}
    return [
        (
            f"{chosen.merged.number} has Salesforce's close date and our new contact everywhere",
            everywhere(demo, "registration", chosen.merged.id, merged),
        ),
        (
            f"{chosen.deal.number} is committed with its new amount everywhere",
            everywhere(
                demo, "opportunity", chosen.deal.id, {"stage": "committed", "amount": amount}
            ),
        ),
        (
            f"the tier of {chosen.partner.name} is {chosen.partner.tier} again in HubSpot",
            everywhere(demo, "partner", chosen.partner.id, {"tier": chosen.partner.tier}),
        ),
        (
            f"{chosen.waiting.number} is approved, and its deal is marked as registered everywhere",
            everywhere(demo, "registration", chosen.waiting.id, approved)
            and everywhere(demo, "opportunity", chosen.direct.id, {"registered": True}),
        ),
    ]


def conflicts_found(demo: Demo, chosen: Cast) -> tuple[Counter[str], bool]:
    """Open conflicts by kind, and whether they are those of the sample and no others. The one
    about `waiting` is gone: its direct deal is the registered deal now."""
    found = list_conflicts(demo.application.database)
    parties = parties_of(demo.application.database, found)
    numbers = Counter(
        (one.kind.value, parties.registrations[one.registration].number) for one in found
    )
    planted = Counter(
        (one.kind, one.registration)
        for one in demo.sample.planted
        if one.registration != chosen.waiting.number
    )
    return Counter(one.kind.value for one in found), numbers == planted


def flags_in_crm(demo: Demo, crm: DemoCrm) -> tuple[int, bool]:
    """How many registrations are flagged, and whether the CRM shows flag, kind and reason."""
    with demo.application.database.read() as connection:
        marked = flagged(connection)
    shown = theirs(demo, crm, "registration", [one.id for one in marked])
    right = all(
        tuple(shown[one.id].get(name) for name in _FLAG)
        == (one.conflict.flag, one.conflict.kind, one.conflict.reason)
        for one in marked
    )
    return len(marked), right and bool(marked)


def is_verified(demo: Demo, names: Iterable[str]) -> bool:
    """Whether all records of all streams are linked and equal on both sides."""
    for name in names:
        with demo.session(demo.crms[name]) as session:
            for one in verify(session):
                if not (one.prm_records == one.crm_records == one.equal):
                    return False
    return True


def conflict_example(demo: Demo) -> int:
    """The id of the first conflict with a direct deal."""
    found = list_conflicts(demo.application.database)
    return min(one.id for one in found if one.opportunity is not None)
