"""What a link knows once the CRM has acknowledged a write."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from prmsync.connector.protocol import WriteResult
from prmsync.domain.values import Values
from prmsync.mapping.status import STATE, STATUS_KEYS, State, StatusCodec
from prmsync.mapping.translate import PIPELINE
from prmsync.store import told
from prmsync.store.links import OURS, UNSTAMPED, LinkState
from prmsync.sync.accepting import first_base
from prmsync.sync.session import KEY, Stream
from prmsync.sync.write import Write


def acknowledge(stream: Stream, op: str, one: Write, result: WriteResult) -> None:
    """The base moves to what was acknowledged, for this row only."""
    link, new = one.link, one.action.new_values
    if op == "delete":
        link.state, link.crm_gone = LinkState.ENDED, True
        return
    if op == "create":
        link.base, link.crm = first_base(stream, one.action), None
    else:
        link.agree(one.action.field_values)
    link.crm = {**(link.crm or {}), **new}
    if KEY in new:
        link.crm.pop(UNSTAMPED, None)
    if stream.translator.status is not None:
        _show_status(stream.translator.status, link.crm, new)
    if result.id is not None and (op == "create" or stream.spec.relation is not None):
        link.crm_id, link.state, link.crm_gone = result.id, LinkState.LIVE, False
    if op == "create":
        if stream.spec.key is not None:
            link.crm[KEY] = link.prm_id
        if stream.mapping.stages is not None:
            link.crm[PIPELINE] = stream.translator.resolved.default_pipeline
    if result.version is not None:
        link.crm_version = result.version
    if not (link.crm_modified_by or "").startswith(OURS):
        link.crm_modified_by = f"{OURS}{link.crm_modified_by or ''}"


def _show_status(codec: StatusCodec, crm: Values, new: Values) -> None:
    """The status fields as they will be read back: a record in step and silent shows none."""
    written = {key: new[key] for key in STATUS_KEYS if key in new}
    for key in written:
        del crm[key]
    crm.update(codec.fitting({key: one for key, one in written.items() if key in codec.fields}))


def compare_what_was_told(
    connection: sa.Connection, stream: Stream, written: Sequence[Write]
) -> None:
    """A write may tell what was so when it was planned: somebody has decided since, or another run
    sends it; or that a record is in step of which something else is refused. The end of the run
    compares it with what is so by then."""
    shown = {str(one.link.crm_id): (one.link.crm or {}).get(STATE) for one in written}
    telling = [crm_id for crm_id, state in shown.items() if state not in (None, State.IN_STEP)]
    said = [str(one.link.crm_id) for one in written if STATE in one.action.fields]
    if telling or said:
        told.look_again(connection, stream.id, [*telling, *said], telling)
