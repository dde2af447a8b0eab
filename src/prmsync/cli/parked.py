"""`prmsync parked list|show|replay|drop`: writes that the other side refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli.context import application, known
from prmsync.cli.held import LONGEST_NAME, Record, Urls
from prmsync.cli.options import AsJson, OneOrAll, Stream
from prmsync.cli.output import emit_json, say, say_wrapped
from prmsync.cli.plans import cut

if TYPE_CHECKING:
    from prmsync.service.waiting import Filter, ParkedRow
    from prmsync.service.wiring import Application
    from prmsync.store.database import Database

Code = Annotated[
    str | None, typer.Option("--code", metavar="CODE", help="The refusal's code, or its beginning.")
]
Side = Annotated[str | None, typer.Option("--side", metavar="prm|crm", help="Which side refused.")]


def register(app: typer.Typer) -> None:
    parked = typer.Typer(
        help="Records that were refused by the CRM, or by the partner database.",
        no_args_is_help=True,
    )
    parked.command("list")(list_parked)
    parked.command("show")(show)
    parked.command("replay", help="Try refused records again at the next run.")(
        _answer(_replay, "replayed", _replayed)
    )
    parked.command(
        "drop", help="Take refused records off the list; the next edit of one is tried again."
    )(_answer(_drop, "dropped", _dropped))
    app.add_typer(parked, name="parked")


def list_parked(
    connection: OneOrAll = None,
    stream: Stream = None,
    code: Code = None,
    side: Side = None,
    record: Record = None,
    as_json: AsJson = False,
) -> None:
    """Records that were refused, in the words of who refused them, and the remedy."""
    from prmsync.service.names_meant import require_names

    which = _filter(stream, code, side, record)
    with application() as app:
        rows = _rows(app, connection, which)
        urls = _urls(app, rows)
        if not rows:
            require_names(app, connection, stream=stream)
    if as_json:
        emit_json([_parked_json(one, urls) for one in rows])
        return
    if not rows:
        say("Nothing is refused.")
    for one in rows:
        _show(one, urls)
    if len(rows) > 1:
        say(
            "",
            "Try all of them again: prmsync parked replay --all",
            "Take off this list what stays as it is: prmsync parked drop LINK",
        )


def _filter(stream: str | None, code: str | None, side: str | None, record: str | None) -> Filter:
    from prmsync.errors import ConfigurationError
    from prmsync.service.waiting import Filter

    if side not in (None, "prm", "crm"):
        raise ConfigurationError("--side is prm or crm: which side refused")
    return Filter(stream=stream, code=code, side=side, record=record)


def _rows(app: Application, connection: str | None, which: Filter) -> list[ParkedRow]:
    from prmsync.service.waiting import parked_rows

    return parked_rows(app.database, known(app, connection), which)


def _urls(app: Application, rows: Sequence[ParkedRow]) -> Urls:
    from prmsync.service.record_links import record_urls

    return record_urls(
        app, [(one.connection, one.stream, one.crm_id) for one in rows if one.crm_id]
    )


def _show(one: ParkedRow, urls: Urls) -> None:
    by = "the CRM" if one.item.side == "crm" else "the partner database"
    told = one.item.code is None or one.item.code in one.item.message
    code = "" if told else f" ({one.item.code})"
    say_wrapped(
        f"{one.item.link_id:>4}  refused by {by}  {one.stream} {cut(one.title, LONGEST_NAME)}  "
        f"{one.item.message}{code}",
        hang=6,
    )
    if one.item.hint:
        say_wrapped(one.item.hint, indent=6)
    url = urls.get((one.connection, one.stream, one.crm_id or ""))
    if url:
        say(f"      {url}")
    say(f"      {_waits(one.item.again_at)}, or: prmsync parked replay {one.item.link_id}")


def _waits(again_at: datetime | None) -> str:
    if again_at is None:
        return "waits for a change of the record or of the rule"
    return f"tried again by itself after {again_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _parked_json(one: ParkedRow, urls: Urls) -> dict[str, Any]:
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
        "again_at": item.again_at,
        "crm_id": one.crm_id,
        "url": urls.get((one.connection, one.stream, one.crm_id or "")),
    }


def show(
    link: Annotated[int, typer.Argument(metavar="LINK", help="As `parked list` shows.")],
    as_json: AsJson = False,
) -> None:
    """One refused record."""
    from prmsync.errors import NotFoundError
    from prmsync.service.waiting import Filter

    with application() as app:
        rows = [row for row in _rows(app, None, Filter()) if row.item.link_id == link]
        urls = _urls(app, rows)
    if not rows:
        raise NotFoundError(f"nothing is refused as {link}", hint="see `prmsync parked list`")
    (one,) = rows
    if as_json:
        emit_json(_parked_json(one, urls))
    else:
        _show(one, urls)


Links = Annotated[list[int] | None, typer.Argument(metavar="LINK", help="As `parked list` shows.")]
Connection = Annotated[
    str | None, typer.Option("--connection", metavar="NAME", help="Only this connection.")
]
Every = Annotated[bool, typer.Option("--all", help="All that are refused.")]


def _answer(
    act: Callable[[Database, list[int]], int],
    done: str,
    tell: Callable[[int, list[int]], None],
) -> Callable[..., None]:
    """A command that does one thing to refusals, named or meant by a filter."""

    def command(
        links: Links = None,
        connection: Connection = None,
        stream: Stream = None,
        code: Code = None,
        side: Side = None,
        record: Record = None,
        every: Every = False,
        as_json: AsJson = False,
    ) -> None:
        with application() as app:
            which = _filter(stream, code, side, record)
            chosen = _chosen(app, links, connection, which, every=every)
            count = act(app.database, chosen)
        if as_json:
            emit_json({done: count, "links": chosen})
        else:
            tell(count, chosen)

    return command


def _replay(database: Database, links: list[int]) -> int:
    from prmsync.service.waiting import replay_links

    return replay_links(database, links)


def _drop(database: Database, links: list[int]) -> int:
    from prmsync.service.waiting import drop_links

    return drop_links(database, links)


def _replayed(count: int, _: list[int]) -> None:
    say(f"{count:,} will be tried again: prmsync sync")


def _dropped(count: int, links: list[int]) -> None:
    say(f"{count:,} taken off the list; both sides stay as they are, and `prmsync verify` says so.")
    if count:
        shown = f" {links[0]}" if count == 1 else " LINK"
        say(f"Tried again when somebody edits the record, or by: prmsync parked replay{shown}")


def _chosen(
    app: Application,
    links: list[int] | None,
    connection: str | None,
    which: Filter,
    *,
    every: bool,
) -> list[int]:
    """The refusals that are named or meant. Raises NotFoundError where a filter means none."""
    from prmsync.errors import ConfigurationError, NotFoundError
    from prmsync.service.names_meant import require_names
    from prmsync.service.waiting import Filter

    if links:
        return list(dict.fromkeys(links))
    if which == Filter() and connection is None and not every:
        raise ConfigurationError("name a LINK, a filter such as --code, or --all")
    rows = _rows(app, connection, which)
    if not rows and not every:
        require_names(app, connection, stream=which.stream)
        raise NotFoundError("nothing that is meant is refused", hint="see `prmsync parked list`")
    return [one.item.link_id for one in rows]
