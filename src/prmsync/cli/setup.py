"""`prmsync init` and `prmsync db upgrade`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prmsync.cli import context
from prmsync.cli.output import say


def register(app: typer.Typer) -> None:
    app.command("init")(init)
    database = typer.Typer(help="The database.", no_args_is_help=True)
    database.command("upgrade")(upgrade)
    app.add_typer(database, name="db")


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


def upgrade() -> None:
    """Bring the database to this program's schema. Back it up first."""
    from prmsync.service.setup import upgrade_database
    from prmsync.store.schema_version import HEAD

    before = upgrade_database(context.settings())
    say(f"Schema {HEAD}: nothing to do." if before == HEAD else f"Schema {before} is now {HEAD}.")
