"""`prmsync held list|show|decide` and `prmsync parked list|replay`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli import plans
from prmsync.cli.context import application, known
from prmsync.cli.options import AsJson, OneOrAll
from prmsync.cli.output import ago, emit_json, say

if TYPE_CHECKING:
    from prmsync.service.waiting import HeldRow, ParkedRow
    from prmsync.store.held import GroupValue, HeldItem


def register(app: typer.Typer) -> None:
    held = typer.Typer(
        help="Fields that need a decision: no rule may make it.", no_args_is_help=True
    )
    held.command("list")(list_held)
    held.command("show")(show_held)
    held.command("decide")(decide)
    app.add_typer(held, name="held")
    parked = typer.Typer(
        help="Records that were refused by the CRM, or by the partner database.",
        no_args_is_help=True,
    )
    parked.command("list")(list_parked)
    parked.command("replay")(replay)
    app.add_typer(parked, name="parked")


def list_held(connection: OneOrAll = None, as_json: AsJson = False) -> None:
    """What needs a decision, and both values."""
    from prmsync.service.waiting import held_rows

    with application() as app:
        rows = held_rows(app.database, known(app, connection))
        now = app.now()
    if as_json:
        emit_json([_held_json(one) for one in rows])
        return
    if not rows:
        say("Nothing needs a decision.")
        return
    for one in rows:
        item = one.item
        ours, theirs = _told(item, item.prm, item.crm), _told(item, item.crm, item.prm)
        say(
            f"{item.id:>4}  {one.title}  {item.group}    {one.connection}, {ago(item.since, now)}",
            f"      ours {ours}  |  CRM {theirs}    {item.kind}",
        )
    say("", "Decide: prmsync held decide ID --take prm|crm")


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


def _held_json(one: HeldRow) -> dict[str, Any]:
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
    }


def show_held(
    item: Annotated[int, typer.Argument(metavar="ID", help="As `held list` shows.")],
    as_json: AsJson = False,
) -> None:
    """One held field: what was agreed, and what each side says now."""
    from prmsync.service.waiting import held_row

    with application() as app:
        one = held_row(app.database, item)
    if as_json:
        emit_json(_held_json(one))
        return
    say(f"{one.title} · {one.connection} · {one.item.kind}")
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
    field: Annotated[
        str | None,
        typer.Option("--field", metavar="NAME", help="All that wait on this field or group."),
    ] = None,
    connection: Annotated[
        str | None, typer.Option("--connection", metavar="NAME", help="Only this connection.")
    ] = None,
) -> None:
    """Decide held fields; valid for the values you saw, done by the next run."""
    from prmsync.errors import ConfigurationError, NotFoundError
    from prmsync.service.syncing import person
    from prmsync.service.waiting import decide_items, held_rows

    if take not in ("prm", "crm"):
        raise ConfigurationError("--take is prm or crm: whose value holds")
    if not items and field is None:
        raise ConfigurationError("name an ID, or --field for all that wait on it")
    with application() as app:
        found = dict.fromkeys(items or ())
        if field is not None:
            found |= dict.fromkeys(
                one.item.id
                for one in held_rows(app.database, known(app, connection))
                if field == one.item.group or field in one.item.fields
            )
        if not found:
            raise NotFoundError(f"nothing waits on `{field}`", hint="see `prmsync held list`")
        chosen = list(found)
        decide_items(app.database, chosen, take, person(), app.now())
    side = "our value" if take == "prm" else "the CRM's value"
    say(f"{len(chosen):,} decided: {side} holds. The next run does it: prmsync sync")


def list_parked(connection: OneOrAll = None, as_json: AsJson = False) -> None:
    """Records that were refused, in the words of who refused them, and the remedy."""
    from prmsync.service.waiting import parked_rows

    with application() as app:
        rows = parked_rows(app.database, known(app, connection))
    if as_json:
        emit_json([_parked_json(one) for one in rows])
        return
    if not rows:
        say("Nothing is refused.")
    for one in rows:
        by = "the CRM" if one.item.side == "crm" else "the partner database"
        code = f" ({one.item.code})" if one.item.code else ""
        say(f"refused by {by}  {one.stream} {one.title}  {one.item.message}{code}")
        if one.item.hint:
            say(f"        {one.item.hint}")
        say(
            f"        waits for a change of the record or of the rule, or: "
            f"prmsync parked replay {one.item.link_id}"
        )


def _parked_json(one: ParkedRow) -> dict[str, Any]:
    item = one.item
    return {
        "link": item.link_id,
        "connection": one.connection,
        "stream": one.stream,
        "record": one.title,
        "side": item.side,
        "code": item.code,
        "message": item.message,
        "hint": item.hint,
        "since": item.since,
    }


def replay(
    links: Annotated[list[int], typer.Argument(metavar="LINK", help="As `parked list` shows.")],
) -> None:
    """Try refused records again at the next run."""
    from prmsync.service.waiting import replay_links

    with application() as app:
        count = replay_links(app.database, links)
    say(f"{count:,} will be tried again: prmsync sync")
