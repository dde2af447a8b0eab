"""`prmsync demo`: the whole story on this machine, each step by the command a person would type."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prmsync.cli import demo_undo
from prmsync.cli.demo_terminal import Terminal, captured, step
from prmsync.cli.output import money, say, table

if TYPE_CHECKING:
    from prmsync.service.demo_crm import DemoCrm
    from prmsync.service.demo_story import Cast, Demo

SEED = 7
_PREFIX = "PRMSYNC_"


class Size(StrEnum):
    """How much is generated."""

    SMALL = "small"
    FULL = "full"


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    ctx: typer.Context,
    serve: Annotated[
        bool, typer.Option("--serve", help="Keep both simulated CRMs running until Ctrl-C.")
    ] = False,
    folder: Annotated[
        Path, typer.Option("--folder", metavar="DIR", help="Where it is made; kept afterwards.")
    ] = Path("prmsync-demo"),
    size: Annotated[
        Size, typer.Option("--size", help="full: 40 partners, 600 registrations, 2,000 deals.")
    ] = Size.FULL,
) -> None:
    """The whole story on this machine: two simulated CRMs and a sample partner program.

    Needs no account and no settings. Does what it prints, command by command, and checks it.
    """
    from prmsync.service.demo_story import cast

    with ExitStack() as stack:
        stack.enter_context(_embedded_defaults())
        terminal = Terminal(ctx)
        world = _set_up(terminal, stack, folder, size)
        _match(terminal, world)
        _first_sync(terminal, world)
        chosen = cast(world)
        _edits(terminal, world, chosen)
        _answers(terminal, world, chosen)
        demo_undo.chapter(terminal, world, chosen, 6)
        _quiet(terminal, world)
        _end(terminal, world, folder, chosen, serving=serve)
        if serve:
            _until_interrupted()
        for crm in world.crms.values():
            crm.save_state(state_file(crm))
    if terminal.failed:
        raise typer.Exit(1)


@contextmanager
def _embedded_defaults() -> Iterator[None]:
    """Neither the settings of this shell nor of a folder above reach the demo's commands."""
    taken = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}
    for name in taken:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(taken)


def _set_up(terminal: Terminal, stack: ExitStack, folder: Path, size: Size) -> Demo:
    from prmsync.service.demo_crm import simulated
    from prmsync.service.demo_folder import set_up, take_folder
    from prmsync.service.demo_story import Demo
    from prmsync.service.runtime import utc_now
    from prmsync.service.sample import SampleSize, sample_program
    from prmsync.service.sample_store import store_sample
    from prmsync.service.settings import load_settings
    from prmsync.service.wiring import open_application

    say("The whole story of prmsync, command by command. Nothing leaves this machine.")
    terminal.chapter(1, "Set up")
    again = take_folder(folder)
    with captured():
        step("starting both CRMs")
        served = [stack.enter_context(simulated(name)) for name in ("salesforce", "hubspot")]
        settings = set_up(folder, {crm.connector: crm.url for crm in served})
        opened = stack.enter_context(open_application(load_settings(settings)))
        crms = {crm.name: crm for crm in served}
        numbers = SampleSize() if size is Size.FULL else SampleSize(20, 200, 300)
        names = {crm.connector: crm.name for crm in served}
        sample = sample_program(SEED, utc_now().date(), size=numbers, **names)
        store_sample(opened.database, sample)
        world = Demo(folder, opened, crms, sample)
        for crm in served:
            _fill(world, crm)
    terminal.tell(
        f"{'Made anew' if again else 'Made'}: {folder}, with what `prmsync init --simulators` "
        "writes: settings, mappings, a database.",
        "In it is a sample partner program; in the CRMs is what their own users entered so far:",
        "",
    )
    _show_beginning(world)
    terminal.tell("Nothing is linked yet. Each command below works in that folder:", "")
    say(f"$ cd {folder}")
    stack.enter_context(contextlib.chdir(folder))
    world.folder = Path()
    return world


def _fill(world: Demo, crm: DemoCrm) -> None:
    entered = 0

    def advance(count: int) -> None:
        nonlocal entered
        entered += count
        if entered % 100 == 0:
            step(f"people enter what they know into {crm.title}: {entered:,}")

    crm.hire(world.sample.rows["person"])
    records = world.sample.salesforce if crm is world.salesforce else world.sample.hubspot
    with world.session(crm) as session:
        crm.enter(session, records, advance)


def _show_beginning(world: Demo) -> None:
    rows = world.sample.rows
    sides = (world.sample.salesforce, world.sample.hubspot)
    deals = [sum(one.stream == "opportunity" for one in side) for side in sides]
    known = [len(side) - count for side, count in zip(sides, deals, strict=True)]
    table(
        ["", "partners", "opportunities", "registrations"],
        [
            (
                f"partner database, {len(rows['tier'])} tiers",
                f"{len(rows['partner']):,}",
                f"{len(rows['opportunity']):,}",
                f"{len(rows['registration']):,}",
            ),
            *(
                (f"{crm.title}, {crm.url}", f"{companies:,}", f"{count:,}", "0")
                for crm, companies, count in zip(world.crms.values(), known, deals, strict=True)
            ),
        ],
        indent=2,
    )


def _match(terminal: Terminal, world: Demo) -> None:
    from prmsync.service.demo_story import judge_pairs

    terminal.chapter(2, "Match: what is on both sides already")
    for crm in world.crms.values():
        path = Path(f"matches-{crm.name}.csv")
        terminal.run(f"match {crm.name} --out {path}", first=14, last=3)
        answered = judge_pairs(crm, path)
        refused = sum(answer == "no" for answer, _ in answered)
        terminal.tell(
            f"The admin opens {path} and answers what is marked: {len(answered) - refused} yes, "
            f"{refused} no, such as"
        )
        for wanted in ("yes", "no"):
            row = next((row for answer, row in answered if answer == wanted), None)
            if row is not None:
                say(f"  {wanted:<4} {row['prm_name']}  |  {row['crm_name']}")
        terminal.run(f"match {crm.name} --apply {path}")


def _first_sync(terminal: Terminal, world: Demo) -> None:
    from prmsync.service import demo_checks as so

    terminal.chapter(3, "First sync: the brake holds it, a person looks and lets go")
    for crm in world.crms.values():
        terminal.run(f"sync {crm.name}", code=3)
        _release(terminal, world, crm, look=crm is world.salesforce)
    terminal.tell("HubSpot's own deals are new to Salesforce now:")
    for crm in world.crms.values():
        braked = terminal.run(f"sync {crm.name}", code=3 if crm is world.salesforce else 0)
        if "Stopped before writing" in braked:
            _release(terminal, world, crm, look=False)
    waiting = so.held(world)
    terminal.tell(
        f"{len(waiting)} customers were spelled differently on both sides, and no rule may choose:"
    )
    terminal.run("held list", first=4, last=2)
    terminal.tell("One decision for all of them: the partner database's spelling.")
    terminal.run("held decide --field customer --take prm")
    terminal.run("sync")
    terminal.check(not so.held(world) and so.is_quiet(world), "nothing waits, nothing is refused")
    terminal.check(
        so.is_verified(world, world.crms), "every record is linked and equal on both sides"
    )


def _release(terminal: Terminal, world: Demo, crm: DemoCrm, *, look: bool) -> None:
    from prmsync.service import demo_checks as so

    held = so.waiting_run(world, crm)
    if held is None:
        terminal.check(False, f"the brake holds the first writes into {crm.title}")
        return
    if look:
        terminal.run(f"runs show {held.id}", first=9, last=3)
    terminal.run(f"apply {held.id} --yes")
    terminal.check(so.waiting_run(world, crm) is None, f"run {held.id} is written")


def _edits(terminal: Terminal, world: Demo, chosen: Cast) -> None:
    from prmsync.service import demo_checks as so

    terminal.chapter(4, "People edit on all sides; the second sync merges field by field")
    _tell_edits(terminal, world, chosen)
    terminal.run("plan")
    terminal.run("sync")
    terminal.tell("What came from one CRM reaches the other in its next run:")
    terminal.run("sync")
    for what, true in so.edits_arrived(world, chosen):
        terminal.check(true, what)
    _decide(terminal, world, chosen)


def _tell_edits(terminal: Terminal, world: Demo, chosen: Cast) -> None:
    from prmsync.service.demo_story import (
        EDITS,
        edit_in_hubspot,
        edit_in_salesforce,
        manager,
        write_edits,
    )

    seller = world.named(edit_in_salesforce(world, chosen))
    other = world.named(edit_in_hubspot(world, chosen))
    write_edits(world, chosen)
    terminal.tell(
        f"In Salesforce, {seller}",
        f"  moves {chosen.deal.number} {chosen.deal.name} to Negotiation/Review, now "
        f"{_money(chosen.new_amount)}",
        f"  expects {chosen.merged.number} to close on {chosen.new_close}",
        f"  types a new contact into {chosen.agreed.number}",
        f"In HubSpot, {other}",
        f"  lowers {chosen.disputed.number} to {_money(chosen.their_amount)}",
        f"  sets the tier of {chosen.partner.name} to Platinum, which the channel team decides",
        f"In the partner database, {world.named(manager(world))} imports a list: a contact for "
        f"{chosen.merged.number}, the same",
        f"  contact for {chosen.agreed.number}, {_money(chosen.our_amount)} for "
        f"{chosen.disputed.number}; and approves {chosen.waiting.number}",
        "  for a deal that sales had already:",
    )
    terminal.run(f"import {EDITS} --as registration")
    terminal.run(
        f"registrations approve {chosen.waiting.number} --opportunity {chosen.direct.id} "
        f"--by {manager(world)}"
    )


def _money(amount: object) -> str:
    from prmsync.domain.money import Money

    return money(amount.amount, amount.currency) if isinstance(amount, Money) else "–"


def _decide(terminal: Terminal, world: Demo, chosen: Cast) -> None:
    from prmsync.service import demo_checks as so

    waiting = so.held(world)
    terminal.check(
        [one.item.link_id for one in waiting] != [] and len(waiting) == 1,
        f"one field needs a decision: the amount of {chosen.disputed.number}",
    )
    if not waiting:
        return
    terminal.run("held list")
    terminal.run(f"held show {waiting[0].item.id}")
    terminal.tell("The lower amount is right.")
    terminal.run(f"held decide {waiting[0].item.id} --take crm")
    terminal.run("sync")
    terminal.check(
        so.everywhere(
            world,
            "registration",
            chosen.disputed.id,
            {"amount": f"{chosen.their_amount.amount:f}"},
        ),
        f"{chosen.disputed.number} is {_money(chosen.their_amount)} everywhere",
    )
    terminal.run(f"history registration {chosen.disputed.number}")


def _answers(terminal: Terminal, world: Demo, chosen: Cast) -> None:
    from prmsync.service import demo_checks as so

    terminal.chapter(5, "Answers: channel conflicts, margins, forecast")
    terminal.run("conflicts check")
    kinds, right = so.conflicts_found(world, chosen)
    told = ", ".join(f"{count} × {kind}" for kind, count in sorted(kinds.items()))
    terminal.check(right, f"{told}: all conflicts that the sample hides, and no others")
    terminal.run("conflicts list", first=5)
    terminal.run(f"conflicts show {so.conflict_example(world)}")
    terminal.tell("The next sync tells both CRMs' users, on the records they work with:")
    terminal.run("sync")
    for crm in world.crms.values():
        count, shown = so.flags_in_crm(world, crm)
        terminal.check(shown, f"{crm.title} shows flag, kind and reason on {count} registrations")
    terminal.run(f"margins explain {chosen.merged.number}")
    terminal.run("forecast")


def _quiet(terminal: Terminal, world: Demo) -> None:
    from prmsync.service import demo_checks as so

    terminal.chapter(7, "Without further edits nothing is written")
    before = so.last_run(world)
    terminal.run("sync")
    nothing = so.last_run(world) > before and not so.written(world, before)
    terminal.check(nothing, "neither run wrote anything")
    terminal.run("verify")
    terminal.check(
        so.is_verified(world, world.crms), "every record is linked and equal on both sides"
    )
    terminal.run("status")
    terminal.tell("Which reseller has active deals in what stage:")
    terminal.run("report pipeline", first=15)


def _end(terminal: Terminal, world: Demo, folder: Path, chosen: Cast, *, serving: bool) -> None:
    from prmsync.service import demo_checks as so

    terminal.chapter(8, "What happened, and where to look")
    total, crms = so.written(world), list(world.crms.values())
    quiet = so.is_quiet(world) and not so.held(world)
    calls = ", ".join(f"{crm.calls():,} calls to {crm.title}" for crm in crms)
    terminal.tell(
        f"  {total['create']:,} records created and {total['update']:,} updated, on all sides, by "
        f"{so.last_run(world)} runs",
        f"  {calls}, over HTTP on this machine, in {terminal.seconds:.0f} s",
        "  nothing refused, nothing waits for a decision" if quiet else "  something still waits",
        f"  {terminal.checks} facts checked, "
        + (f"{len(terminal.failed)} of them not so:" if terminal.failed else "all of them so"),
        *(f"    ✗ {what}" for what in terminal.failed),
    )
    say(
        "",
        f"  Folder      {folder}: prmsync.toml, prmsync.db, mappings/; the next demo makes it anew",
        f"  Look there  cd {folder}",
        "              prmsync runs list",
        f"              prmsync history registration {chosen.disputed.number}",
        "              prmsync margins compute",
        "              prmsync forecast --by partner",
    )
    _where_crms_are(crms, serving=serving)


def _where_crms_are(crms: list[DemoCrm], *, serving: bool) -> None:
    from prmsync.service.setup import SIMULATOR_PORTS

    if serving:
        for crm in crms:
            say(f"  {crm.title:<12}{crm.url}/_simulator/records takes edits as its users make them")
        return
    say("  The CRMs    stopped, their records are saved; from that folder, a terminal for each:")
    for crm in crms:
        port = int(crm.url.rpartition(":")[2])
        other = "" if port == SIMULATOR_PORTS[crm.connector] else f" --port {port}"
        say(f"              prmsync simulator {crm.connector} --data {state_file(crm)}{other}")
    say("              or all at once: prmsync demo --serve")


def state_file(crm: DemoCrm) -> Path:
    """Where a CRM's records are kept, in the demo's folder."""
    return Path(f"{crm.connector}-state.json")


def _until_interrupted() -> None:
    from prmsync.service.serving_stop import Stop

    say("", "Both CRMs keep running; commands in the folder above reach them. Stop: Ctrl-C")
    stop = Stop()
    before = signal.signal(signal.SIGTERM, lambda *_: stop.ask())
    try:
        with contextlib.suppress(KeyboardInterrupt):
            stop.wait_until_asked()
    finally:
        signal.signal(signal.SIGTERM, before)
