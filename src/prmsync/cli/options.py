"""Arguments and options that several commands take: one name and one help text each."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="The same facts for programs.")]
By = Annotated[str | None, typer.Option("--by", metavar="WHO", help="Who decides; else you.")]
OneOrAll = Annotated[
    str | None,
    typer.Argument(metavar="CONNECTION", help="One of prmsync.toml; all if not given."),
]
Stream = Annotated[
    str | None, typer.Option("--stream", metavar="S", help="Only partner, opportunity …")
]
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="Registration number or id.")]
