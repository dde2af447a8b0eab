"""The demo's mistake: a list with the wrong contact is imported, synced, and taken back."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from prmsync.domain.registration import Registration
from prmsync.service.demo_checks import ours, theirs
from prmsync.service.demo_story import Cast, Demo

FILE = "mistake.csv"
WRONG = "reception@wrong-list.example"


@dataclass(frozen=True, slots=True)
class Mistake:
    """Registrations that get a wrong contact; `before` is their contact by id. `corrected` is put
    right by a person in Salesforce before the run is undone."""

    records: tuple[Registration, ...]
    before: dict[str, str | None]
    corrected: Registration

    @property
    def right(self) -> str:
        return f"purchasing@{self.corrected.customer.domain}"

    @property
    def undone(self) -> list[Registration]:
        """Those that nobody put right."""
        return [one for one in self.records if one is not self.corrected]


def make(demo: Demo, chosen: Cast) -> Mistake:
    """Write the wrong list as a CSV for `prmsync import`."""
    records = (chosen.merged, chosen.agreed, chosen.disputed)
    before = {
        str(one.id): _text(ours(demo, "registration", one.id)["customer_contact"])
        for one in records
    }
    with (demo.folder / FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "partner", "customer_contact"])
        writer.writerows([one.number, chosen.partners[one.partner], WRONG] for one in records)
    return Mistake(records, before, chosen.disputed)


def _text(value: str | bool | None) -> str | None:
    return value if isinstance(value, str) else None


def put_right(demo: Demo, mistake: Mistake, chosen: Cast) -> str:
    """The sales person corrects one of them in Salesforce; who it was."""
    user = str(chosen.deal.owner)
    with demo.session(demo.salesforce) as session:
        values = {"customer_contact": mistake.right}
        record = mistake.corrected.id
        demo.salesforce.edit(session, "registration", record, dict(values), user)
    return user


def is_back_in_salesforce(demo: Demo, mistake: Mistake) -> bool:
    """The former contacts stand there again."""
    shown = theirs(demo, demo.salesforce, "registration", [one.id for one in mistake.undone])
    return all(
        shown[one.id].get("customer_contact") == mistake.before[one.id] for one in mistake.undone
    )


def is_kept(demo: Demo, mistake: Mistake) -> bool:
    """What was put right meanwhile stands."""
    record = mistake.corrected.id
    shown = theirs(demo, demo.salesforce, "registration", [record])[record]
    return shown.get("customer_contact") == mistake.right
