"""What looks like a broken promise and is none: a person who knew the whole story would agree."""

from __future__ import annotations

from typing import Any

import pytest

from simulation.play import Event, History, play


def run(on: str) -> Event:
    return {"do": "sync", "on": on, "release": True, "wire": []}


def people(at: str, number: int, event: Event) -> Event:
    return {"hook": "people", "at": at, "n": number, "when": "after", "events": [event]}


def fault(at: str, number: int, what: str) -> Event:
    return {"hook": "fault", "at": at, "n": number, "fault": what}


def about(deal: str, **what: Any) -> Event:
    return {"stream": "opportunity", "who": deal, **what}


UNSYNCED = {
    "a relation that a CRM never had is made there, and here was another",
    "an undo takes away what a run made and a person edited in a field that left the mapping",
}
"""Stories that begin before the first run."""
NEW = {
    "name": "Deal 162",
    "stage": "qualified",
    "amount": "5062.00",
    "currency": "EUR",
    "close_date": "2027-05-02",
    "customer_name": "Customer 162",
    "partner": "P3",
}
THERE = {name: value for name, value in NEW.items() if name != "partner"}
"""The same where a CRM's users type it."""
NAMED: Event = {"do": "edit", "stream": "partner", "who": "P7"}
RESELLER: Event = {"deal": "D3", "partner": "P3", "role": "reseller"}
PARTNER_5: Event = {"deal": "D5", "partner": "P5", "role": "reseller"}
AGREED: dict[str, tuple[str, list[Event]]] = {
    "a field that left the mapping is not put back by an undo": (
        "propagate",
        [
            about("D4", **{"do": "edit", "in": "prm", "set": {"name": "N", "source": "Fair"}}),
            run("hs"),
            {"do": "remap", "on": "hs", "stream": "opportunity", "group": "source", "to": "gone"},
            {"do": "undone", "on": "hs", "back": 0, "wire": []},
        ],
    ),
    "both sides' word was found equal by a run that died": (
        "propagate",
        [
            about("D5", **{"do": "delete", "in": "prm"}),
            {"do": "relate", "in": "prm", "deal": "D2", "partner": "P4", "role": "distributor"},
            {
                **run("sf"),
                "wire": [
                    people("commit", 7, {"do": "meet"}),
                    {"hook": "crash", "at": "write", "n": 0, "when": "after", "elsewhere": True},
                ],
            },
            {"do": "merge", "in": "sf", "stream": "partner", "who": "P4", "into": "P2"},
        ],
    ),
    "a relation that a CRM never had is made there, and here was another": (
        "propagate",
        [
            {**run("sf"), "wire": [fault("write", 2, "lost request")]},
            {
                **{"do": "rerole", "in": "prm", "deal": "D2", "partner": "P2"},
                **{"role": "reseller", "to": "distributor"},
            },
            {"do": "relate", "in": "sf", "deal": "D2", "partner": "P2", "role": "reseller"},
        ],
    ),
    "a relation comes back with its end, which went before a read could tell them apart": (
        "unlink",
        [
            {"do": "unrelate", "in": "sf", "deal": "D6", "partner": "P6", "role": "reseller"},
            {"do": "delete", "in": "sf", "stream": "partner", "who": "P6"},
            run("sf"),
            {"do": "restore", "in": "sf", "stream": "partner", "pick": 0},
        ],
    ),
    "a deletion goes on elsewhere until the record is back here": (
        "propagate",
        [
            about("D1", **{"do": "delete", "in": "sf"}),
            run("sf"),
            {"do": "restore", "in": "sf", "stream": "opportunity", "pick": 0},
        ],
    ),
    "what unlinking has parted may be merged in one CRM alone": (
        "unlink",
        [
            about("D7", **{"do": "delete", "in": "prm"}),
            about("D4", **{"do": "merge", "in": "hs", "into": "D7"}),
        ],
    ),
    "a relation is written on the record that its deal was merged into, in the same run": (
        "unlink",
        [
            {**RESELLER, "do": "rerole", "in": "prm", "to": "msp"},
            about("D5", **{"do": "delete", "in": "prm"}),
            about("D3", **{"do": "merge", "in": "hs", "into": "D5"}),
            about("D162", **{"do": "create", "in": "prm", "set": NEW}),
        ],
    ),
    "an edit that waits is taken back to what both sides had agreed on": (
        "propagate",
        [
            about("D6", **{"do": "edit", "in": "sf", "set": {"source": "Fair"}}),
            about("D6", **{"do": "edit", "in": "prm", "set": {"source": "Call"}}),
            run("sf"),
            about("D6", **{"do": "edit", "in": "prm", "set": {"source": None}}),
            run("sf"),
        ],
    ),
    "a relation waits for a person that is told by the CRM's own id of its deal": (
        "unlink",
        [
            {"do": "relate", "in": "prm", "deal": "D1", "partner": "P1", "role": "msp"},
            run("sf"),
            about("D1", **{"do": "delete", "in": "prm"}),
            about("D1", **{"do": "edit", "in": "hs", "set": {"amount": "1015.00"}}),
            run("sf"),
            run("hs"),
            {"do": "decide", "pick": 0, "take": "crm"},
        ],
    ),
    "a base that a CRM showed before its record was merged into another one": (
        "propagate",
        [
            about("D8", **{"do": "edit", "in": "prm", "set": {"customer_domain": "c.example"}}),
            about("D162", **{"do": "create", "in": "hs", "set": THERE}),
            about("D8", **{"do": "merge", "in": "hs", "into": "D162"}),
        ],
    ),
    "a relation that was undone goes on with the deal that takes its deal in": (
        "registrations",
        [
            {"do": "relate", "in": "hs", "deal": "D2", "partner": "P6", "role": "distributor"},
            run("hs"),
            {"do": "undone", "on": "hs", "back": 0, "wire": []},
            about("D2", **{"do": "delete", "in": "prm"}),
            about("D7", **{"do": "merge", "in": "hs", "into": "D2"}),
        ],
    ),
    "an undo takes away what a run made and a person edited in a field that left the mapping": (
        "unlink",
        [
            run("sf"),
            about("D2", **{"do": "edit", "in": "prm", "set": {"amount": "1011.00"}}),
            about("D2", **{"do": "edit", "in": "sf", "set": {"source": "Fair"}}),
            {"do": "remap", "on": "sf", "stream": "opportunity", "group": "source", "to": "gone"},
            run("sf"),
            {"do": "undone", "on": "sf", "back": 1, "wire": []},
        ],
    ),
    "a relation is taken back here to what was agreed on, and has another end in the CRM": (
        "registrations",
        [
            {**PARTNER_5, "do": "rerole", "in": "prm", "to": "msp"},
            {"do": "merge", "in": "sf", "stream": "partner", "who": "P5", "into": "P2"},
            run("hs"),
            run("sf"),
            {**PARTNER_5, "do": "relate", "in": "hs"},
        ],
    ),
    "the record that took a waiting one in shows what both sides had agreed on": (
        "propagate",
        [
            {"do": "twin", "in": "sf", "who": "P7", "as": "P7 twin 1"},
            {**NAMED, "in": "prm", "set": {"name": "Ours"}},
            {**NAMED, "in": "sf", "set": {"name": "Theirs"}},
            run("sf"),
            {"do": "merge", "in": "sf", "stream": "partner", "who": "P7", "into": "P7 twin 1"},
        ],
    ),
}


@pytest.mark.parametrize("story", AGREED)
def test_no_promise_is_broken_where(story: str) -> None:
    profile, events = AGREED[story]
    outcome = play(History(0, profile, story not in UNSYNCED, tuple(events), crashes=0))
    assert outcome.broken == ""
    assert outcome.counts["impossible"] == 0


def test_a_mapped_field_is_put_back_by_an_undo() -> None:
    """The first story without its edit of the mapping."""
    profile, events = AGREED["a field that left the mapping is not put back by an undo"]
    kept = [one for one in events if one["do"] != "remap"]
    outcome = play(History(0, profile, True, tuple(kept), crashes=0))
    assert outcome.broken == ""
    assert not any("kept" in line for line in outcome.story)
