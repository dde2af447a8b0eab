"""What doctor finds between a connection's mappings and its account: gaps, and what nobody maps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from prmsync.connector.protocol import Connector, HistoryReader
from prmsync.connector.provisioning import ProvisioningPlugin, ProvisionPlan, StepKind
from prmsync.connector.registry import plugin
from prmsync.domain.counted import counted
from prmsync.domain.merge import Guard
from prmsync.errors import Finding, SchemaError
from prmsync.mapping.fields import CATALOGUE
from prmsync.mapping.model import StreamMapping
from prmsync.service.runtime import runtime
from prmsync.service.settings import Settings
from prmsync.service.wiring import connection_settings, is_on_this_machine
from prmsync.sync.live_schema import resolve_connection
from prmsync.sync.needs import needs_of

_SHOWN = 6
_PARTS = (StepKind.OBJECT, StepKind.FIELD, StepKind.RECORD_TYPE)
_PERMITS = (StepKind.PERMISSION, StepKind.ASSIGNMENT)


def lacks(
    settings: Settings,
    name: str,
    environ: Mapping[str, str],
    connector: Connector,
    mappings: Sequence[StreamMapping],
) -> list[Finding]:
    """Every gap; in a CRM that prmsync can provision, missing parts and permissions together."""
    plan = _planned(settings, name, environ, connector, mappings)
    misfits = resolve_connection(mappings, connector)[1]
    command = f"They are listed by: prmsync provision plan {name}"
    missing = [one.name for one in plan.steps if one.kind in _PARTS]
    if missing:
        says = f"{counted(len(missing), 'part')} missing: {_some(missing)}"
        beside = [one for one in misfits if not _is_about(missing, one)]
        return [Finding("", says, command), *_together(beside, plan.findings)]
    permits = _permits(plan)
    if permits and misfits:
        says = f"permissions are missing: {_some(permits)}"
        return [Finding("", says, command), *_together(misfits, plan.findings)]
    return _together(misfits, plan.findings)


def _is_about(missing: Sequence[str], misfit: Finding) -> bool:
    """Whether the mapping's check stumbled over a part that is told as missing already."""
    names = (name.rpartition(".")[2] for name in missing)
    return any(re.search(rf"\b{re.escape(name)}\b", misfit.message) for name in names)


def _permits(plan: ProvisionPlan) -> list[str]:
    """What the user that syncs was not given, of a permission set that is there."""
    if any(one.kind is StepKind.PERMISSION_SET for one in plan.steps):
        return [one.name for one in plan.steps if one.kind is StepKind.PERMISSION]
    return [one.name for one in plan.steps if one.kind in _PERMITS]


def _together(misfits: Sequence[Finding], planned: Sequence[Finding]) -> list[Finding]:
    """Each thing once: a field as the mapping's check tells it, with a near spelling; an object
    as the plan does, with what can stand in for it."""
    said = " ".join(one.message for one in misfits)
    objects = [one for one in planned if "." not in one.where]
    fields = [one for one in planned if "." in one.where]
    return [
        *(one for one in misfits if not any(f" {obj.where}:" in one.message for obj in objects)),
        *objects,
        *(one for one in fields if f"`{one.where.partition('.')[2]}`" not in said),
    ]


def _planned(
    settings: Settings,
    name: str,
    environ: Mapping[str, str],
    connector: Connector,
    mappings: Sequence[StreamMapping],
) -> ProvisionPlan:
    section = settings.connection(name)
    known = plugin(section.connector)
    if not isinstance(known, ProvisioningPlugin):
        return ProvisionPlan()
    described = connection_settings(settings, name, environ)
    with runtime(direct=is_on_this_machine(section.base_url)) as outside:
        return known.provisioner(described, outside, connector, None).plan(needs_of(mappings))


def uncovered(mappings: Sequence[StreamMapping], connector: Connector) -> Iterator[Finding]:
    """Fields of ours that a stream does not carry, and custom fields of the CRM's objects that
    no mapping names. Neither is wrong; somebody may have forgotten one."""
    for mapping in mappings:
        ours = [name for name in CATALOGUE[mapping.stream] if name not in mapping.fields]
        if ours and mapping.relation is None:
            yield Finding(mapping.stream, f"not carried to the CRM: {_some(ours)}")
    named: dict[str, set[str]] = {}
    for need in needs_of(mappings):
        named.setdefault(need.object, set()).update(one.name.lower() for one in need.fields)
    for on, names in named.items():
        try:
            schema = connector.describe(on)
        except SchemaError:
            continue  # named as missing already
        theirs = [one for one in schema.fields if one.endswith("__c") and one.lower() not in names]
        if theirs:
            yield Finding(on, f"custom fields that no mapping names: {_some(theirs)}")


def unseen(mappings: Sequence[StreamMapping], connector: Connector) -> Finding | None:
    """The streams whose updates may go over an edit of the last moment, and what finds it."""
    plain = [one.stream for one in mappings if one.relation is None and one.guard is Guard.LOOK]
    if not plain:
        return None
    word, cost = ("strict", "eight times the write calls")
    if isinstance(connector, HistoryReader):
        word, cost = ("history", "one call for 50 updates")
    return Finding(
        "",
        "what somebody types in the milliseconds between a look and its write goes under: "
        f"{', '.join(plain)}",
        f"With guard: {word} in their mappings nothing does ({cost}).",
    )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
