"""What is sent of a group of fields: all of it or nothing, for a group is one value.

Members that change are sent as we have them, the others as the CRM showed them when the record was
guarded: in their own spelling, for several values there may mean one of ours. So nobody's edit that
comes between the guard and the write is mixed with ours into what nobody typed.
"""

from __future__ import annotations

from prmsync.domain.values import Values
from prmsync.store.journal import Action
from prmsync.sync.session import Stream


def changed_only(stream: Stream, action: Action, values: Values) -> Values:
    """The CRM fields of an update whose value changes; `completed` adds the rest of a group."""
    if action.op != "update" or stream.spec.relation is not None:
        return values
    same = {
        _crm_name(stream, name)
        for name, (old, new) in action.fields.items()
        if old == new and name in stream.mapping.fields
    }
    return {name: value for name, value in values.items() if name not in same}


def completed(stream: Stream, sent: Values, shown: Values) -> Values:
    """An update with the whole of each group of which something is sent; `shown` are the CRM's own
    values as the guard read them."""
    if stream.spec.relation is not None:
        return sent
    more: Values = {}
    for group in stream.rule.groups:
        if len(group.members) > 1:
            names = [_crm_name(stream, member) for member in group.members]
            if any(name in sent for name in names):
                more |= {name: shown[name] for name in names if name in shown}
    return {**more, **sent}


def _crm_name(stream: Stream, member: str) -> str:
    return stream.translator.crm_name(stream.mapping.fields[member].crm)
