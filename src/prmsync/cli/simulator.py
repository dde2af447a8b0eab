"""`prmsync simulator`: a CRM on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prmsync.cli.output import say
from prmsync.errors import ConfigurationError

if TYPE_CHECKING:
    from prmsync.connector.protocol import ConnectorPlugin
    from prmsync.connector.simulator.tls import TlsFiles


def register(app: typer.Typer) -> None:
    app.command("simulator")(simulator)


def simulator(
    crm: Annotated[str, typer.Argument(metavar="salesforce|hubspot", help="Which CRM.")],
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="8801 and 8802 if not given; 0 takes a free one."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON state to start from.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON schema of your own org.")
    ] = None,
    tls: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Answer over https; the certificate is made there."),
    ] = None,
    proxy: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, metavar="PORT", help="With --tls: a proxy that leads every host here."
        ),
    ] = None,
    latency_ms: Annotated[int, typer.Option(min=0, help="Wait so long before each answer.")] = 0,
) -> None:
    """Run a simulated CRM on this machine until Ctrl-C. Its records live in memory."""
    from prmsync.connector.protocol import HostedPlugin, SimulatorOptions
    from prmsync.connector.registry import plugin
    from prmsync.connector.simulator.serve import serve
    from prmsync.connector.simulator.tls import NAMES, tls_files
    from prmsync.service.runtime import utc_now
    from prmsync.service.setup import SIMULATOR_PORTS

    known = plugin(crm)
    options = SimulatorOptions(now=utc_now, data=_json(data), schema=_json(schema))
    chosen = SIMULATOR_PORTS.get(crm, 0) if port is None else port
    if proxy is not None and tls is None:
        raise ConfigurationError(
            "--proxy leads https to the simulator, so it needs --tls FOLDER",
            hint="Clients that take an http address need no proxy.",
        )
    hosts = known.hosts if proxy is not None and isinstance(known, HostedPlugin) else ()
    files = tls_files(tls, [*NAMES, *hosts]) if tls is not None else None
    serve(
        known.simulator(options).handle,
        chosen,
        latency_ms,
        lambda url: _announce(known, url, files, proxy),
        files,
        proxy,
    )


def _announce(known: ConnectorPlugin, url: str, files: TlsFiles | None, proxy: int | None) -> None:
    from prmsync.connector.protocol import SimulatedAppPlugin
    from prmsync.service.setup import variable

    say(f"{known.title}, simulated, at {url}")
    say(f'  prmsync.toml  base_url = "{url}"')
    for key, value in known.simulator_auth().items():
        say(f"  credential    export {variable(known.name, key)}={value}")
    if isinstance(known, SimulatedAppPlugin):
        for place, (key, value) in enumerate(known.simulator_app().items()):
            start = "" if place else "or an app"
            say(f"  {start:<14}export {variable(known.name, key)}={value}")
    if files is not None:
        certificate = files.certificate.resolve()
        say(f"  certificate   export SSL_CERT_FILE={certificate}")
        say(f"                export REQUESTS_CA_BUNDLE={certificate}")
    if proxy is not None:
        say(f"  proxy         export HTTPS_PROXY=http://127.0.0.1:{proxy}")
    say(f"  control       {url}/_simulator/stats · faults · clock · records · state")
    say("  stop          Ctrl-C; its records are gone then")


def _json(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text (byte {error.start}).") from error
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"{path}:{error.lineno}:{error.colno} is not JSON: {error.msg}."
        ) from error
    if not isinstance(parsed, dict):
        raise ConfigurationError(
            f"{path} must hold a JSON object.", hint="Save one with: GET /_simulator/state"
        )
    return parsed
