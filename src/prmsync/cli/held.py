"""`prmsync held list|show|decide`: what waits for a person's decision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli import plans
from prmsync.cli.context import application, known
from prmsync.cli.options import AsJson, OneOrAll, Stream
from prmsync.cli.output import ago, emit_json, say
from prmsync.cli.reasons import sentence

if TYPE_CHECKING:
    from prmsync.service.decisions import Wish
    from prmsync.service.waiting import HeldRow
    from prmsync.service.wiring import Application
    from prmsync.store.held import GroupValue, HeldItem

Urls = dict[tuple[str, str, str], str]
LONGEST_NAME = 60
"""Characters of a record's name that a list shows; `--json` has it whole."""

Field = Annotated[
    str | None,
    typer.Option("--field", metavar="NAME", help="All that wait on this field or group."),
]
Kind = Annotated[
    str | None,
    typer.Option("--kind", metavar="TEXT", help="Why it waits, or how that begins."),
]
Record = Annotated[
    str | None, typer.Option("--record", metavar="TEXT", help="Part of the record's name.")
]


def register(app: typer.Typer) -> None:
    held = typer.Typer(
        help="Fields that need a decision: no rule may make it.", no_args_is_help=True
    )
    held.command("list")(list_held)
    held.command("show")(show_held)
    held.command("decide")(decide)
    app.add_typer(held, name="held")


def list_held(
    connection: OneOrAll = None,
    stream: Stream = None,
    field: Field = None,
    kind: Kind = None,
    record: Record = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="As CSV, to fill in and give to `decide`."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What needs a decision, and both values."""
    from prmsync.service.decisions import write_file
    from prmsync.service.names_meant import require_names
    from prmsync.service.naming import held_with_names
    from prmsync.service.waiting import Filter, held_rows

    which = Filter(stream=stream, field=field, kind=kind, record=record)
    with application() as app:
        rows = held_rows(app.database, known(app, connection), which)
        urls = _urls(app, rows) if as_json else {}
        told = [] if as_json else held_with_names(app.database, rows)
        now = app.now()
        if not rows:
            require_names(app, connection, stream=stream, field=field)
    if out is not None:
        write_file(out, rows)
    if as_json:
        emit_json([_held_json(one, urls) for one in rows])
        return
    if not rows:
        say("Nothing needs a decision.")
        return
    if out is not None:
        say(
            f"{len(rows):,} written to {out}: write prm or crm into its first column where you "
            "have decided.",
            f"Then: prmsync held decide --file {out}",
        )
        return
    for one in told:
        item = one.item
        ours, theirs = _told(item, item.prm, item.crm), _told(item, item.crm, item.prm)
        what = plans.FIELD_WORDS.get(item.group, item.group)
        say(
            f"{item.id:>4}  {plans.cut(one.title, LONGEST_NAME)}  {what}    "
            f"{one.connection}, {ago(item.since, now)}",
            f"      ours {ours}  |  CRM {theirs}    {sentence(item.kind)}",
        )
    say("", "Decide: prmsync held decide ID --take prm|crm")


def _urls(app: Application, rows: Sequence[HeldRow]) -> Urls:
    from prmsync.service.record_links import record_urls

    return record_urls(
        app, [(one.connection, one.stream, one.crm_id) for one in rows if one.crm_id]
    )


def value_text(value: Sequence[Any] | None) -> str:
    """A group's value in one line."""
    return "deleted" if value is None else " · ".join(plans.shown(one) for one in value)


def _told(item: HeldItem, value: GroupValue | None, other: GroupValue | None) -> str:
    """A group's value where it differs from the other side's; an amount with its currency."""
    if value is None or other is None or len(value) != len(other):
        return value_text(value)
    told = zip(item.fields, value, other, strict=True)
    return value_text(
        tuple(
            mine
            for name, mine, theirs in told
            if mine != theirs or (name == "currency" and "amount" in item.fields)
        )
    )


def _held_json(one: HeldRow, urls: Urls) -> dict[str, Any]:
    item = one.item
    return {
        "id": item.id,
        "connection": one.connection,
        "stream": one.stream,
        "record": one.title,
        "group": item.group,
        "fields": list(one.item.fields),
        "why": item.kind,
        "base": item.base,
        "prm": item.prm,
        "crm": item.crm,
        "since": item.since,
        "state": str(item.state),
        "crm_id": one.crm_id,
        "url": urls.get((one.connection, one.stream, one.crm_id or "")),
    }


def show_held(
    item: Annotated[int, typer.Argument(metavar="ID", help="As `held list` shows.")],
    as_json: AsJson = False,
) -> None:
    """One held field: what was agreed, and what each side says now."""
    from prmsync.service.naming import held_with_names
    from prmsync.service.waiting import held_row

    with application() as app:
        one = held_row(app.database, item)
        urls = _urls(app, [one])
        if not as_json:
            (one,) = held_with_names(app.database, [one])
    if as_json:
        emit_json(_held_json(one, urls))
        return
    title = plans.cut(one.title, LONGEST_NAME)
    say(f"{title} · {one.connection} · {sentence(one.item.kind)}")
    say(*urls.values())
    for index, name in enumerate(one.item.fields):
        agreed, ours, theirs = (
            "deleted" if value is None else plans.shown(value[index])
            for value in (
                one.item.base or ("–",) * len(one.item.fields),
                one.item.prm,
                one.item.crm,
            )
        )
        say(f"  {name:<20} agreed {agreed}   ours {ours}   CRM {theirs}")
    say(
        f"  Take ours       prmsync held decide {item} --take prm",
        f"  Take the CRM's  prmsync held decide {item} --take crm",
    )


def decide(
    items: Annotated[
        list[int] | None, typer.Argument(metavar="ID", help="As `held list` shows.")
    ] = None,
    take: Annotated[
        str, typer.Option("--take", metavar="prm|crm", help="Whose value holds: ours or the CRM's.")
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="From `held list --out`, filled in."),
    ] = None,
    stream: Stream = None,
    field: Field = None,
    kind: Kind = None,
    record: Record = None,
    connection: Annotated[
        str | None, typer.Option("--connection", metavar="NAME", help="Only this connection.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide held fields; valid for the values you saw, done by the next run."""
    from prmsync.errors import ConfigurationError, NotFoundError
    from prmsync.service.decisions import decide as note
    from prmsync.service.decisions import read_file
    from prmsync.service.syncing import person
    from prmsync.service.waiting import Filter, held_rows

    which = Filter(stream=stream, field=field, kind=kind, record=record)
    if file is None and take not in ("prm", "crm"):
        raise ConfigurationError("--take is prm or crm: whose value holds")
    if file is not None and (items or take or which != Filter()):
        raise ConfigurationError("--file says what is decided: give nothing beside it")
    if file is None and not items and which == Filter():
        raise ConfigurationError("name an ID, or a filter such as --field for all that wait on it")
    with application() as app:
        wishes = read_file(file) if file is not None else _wishes(items, take)
        if file is None and which != Filter():
            rows = held_rows(app.database, known(app, connection), which)
            wishes += _wishes([one.item.id for one in rows], take)
        if not wishes:
            what = f"on `{field}`" if field else "that is meant"
            raise NotFoundError(f"nothing waits {what}", hint="see `prmsync held list`")
        mappings = {name: app.mappings(name) for name in app.settings.connections}
        count = note(app.database, wishes, mappings, person(), app.now())
    if as_json:
        emit_json({"decided": count, "items": sorted({one.item for one in wishes})})
        return
    sides = {"prm": "our value", "crm": "the CRM's value"}
    held = f"{sides[take]} holds" if take else "as the file says"
    say(f"{count:,} decided: {held}. The next run does it: prmsync sync")


def _wishes(items: Sequence[int] | None, take: str) -> list[Wish]:
    from prmsync.service.decisions import Wish

    return [Wish(str(one), one, take) for one in items or ()]
