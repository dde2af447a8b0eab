"""The demo's chapter about a mistake that is taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prmsync.cli.demo_terminal import Terminal
    from prmsync.service.demo_story import Cast, Demo


def chapter(terminal: Terminal, world: Demo, chosen: Cast, number: int) -> None:
    """A wrong list reaches Salesforce; its run is undone, one correction is kept."""
    from prmsync.service import demo_checks as so
    from prmsync.service import demo_mistake as mistakes

    terminal.chapter(number, "A mistake, and its undo")
    mistake = mistakes.make(world, chosen)
    terminal.tell("Somebody imports a list with the wrong contact, and the next run writes it:")
    terminal.run(f"import {mistakes.FILE} --as registration")
    terminal.run(f"sync {world.salesforce.name}")
    bad = so.last_run(world)
    seller = world.named(mistakes.put_right(world, mistake, chosen))
    terminal.tell(
        f"{seller} has noticed one of them and corrects {mistake.corrected.number} in Salesforce.",
        "Then the run is taken back; first a look at what that would do:",
    )
    terminal.run(f"runs undo {bad} --plan")
    terminal.run(f"runs undo {bad}")
    count = len(mistake.undone)
    terminal.check(
        mistakes.is_back_in_salesforce(world, mistake),
        f"the former contacts of {count} registrations stand in Salesforce again",
    )
    terminal.check(
        mistakes.is_kept(world, mistake),
        f"the correction of {mistake.corrected.number} was kept",
    )
    terminal.tell(
        "The wrong list still stands in the partner database, so nothing writes it again until",
        "somebody has decided:",
    )
    terminal.run("held list")
    waiting = [one for one in so.held(world) if one.item.kind == f"undone run {bad}"]
    terminal.check(len(waiting) == count, f"{count} fields wait, because run {bad} was undone")
    terminal.run("held decide --field customer_contact --take crm")
    terminal.run(f"sync {world.salesforce.name}")
    terminal.run("sync")
    everywhere = all(
        so.everywhere(world, "registration", one.id, {"customer_contact": mistake.before[one.id]})
        for one in mistake.undone
    ) and so.everywhere(
        world, "registration", mistake.corrected.id, {"customer_contact": mistake.right}
    )
    terminal.check(everywhere, "all sides have the right contacts, the correction among them")
    terminal.run(f"history registration {chosen.merged.number} --field customer_contact")
