"""`prmsync init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prmsync.cli.output import say


def register(app: typer.Typer) -> None:
    app.command("init")(init)


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder to set up; made if need be.")
    ] = Path(),
    simulators: Annotated[
        bool,
        typer.Option("--simulators", help="Active connections to both CRMs' simulators."),
    ] = False,
) -> None:
    """Write prmsync.toml, mappings and an empty database. Nothing is overwritten."""
    from prmsync.service.setup import SIMULATOR_PORTS, initialise

    made = initialise(folder, simulators=simulators)
    for item in made:
        say(f"{'exists, left as it is' if item.existed else 'written':<23}{item.what}")
    if simulators:
        say("", "Next, each in a terminal of its own:")
        say(
            *(f"  prmsync simulator {name} --port {port}" for name, port in SIMULATOR_PORTS.items())
        )
    else:
        say("", f"Next: fill in a connection in {folder / 'prmsync.toml'}, then")
    where = "" if folder == Path() else f"cd {folder} && "
    say(f"  {where}prmsync plan")
