"""`prmsync provision`: what a connection's mappings need, compared with its CRM and made there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from prmsync.connector.protocol import Connector, ConnectorPlugin
from prmsync.connector.provisioning import (
    AdminSignIn,
    AutomationReader,
    Automations,
    ObjectNeed,
    OnProgress,
    Provisioner,
    ProvisioningPlugin,
    ProvisionPlan,
)
from prmsync.connector.registry import plugin
from prmsync.connector.schema import Account
from prmsync.errors import ConfigurationError
from prmsync.service.runtime import runtime
from prmsync.service.wiring import Application, connection_settings, is_on_this_machine
from prmsync.sync.describing import forget_schema
from prmsync.sync.needs import needs_of


@dataclass(frozen=True, slots=True)
class Looked:
    """What a connection's CRM lacks, and what acts there on records that are written."""

    account: Account
    needs: Sequence[ObjectNeed]
    plan: ProvisionPlan
    automations: Automations


def look(app: Application, name: str, admin: AdminSignIn | None) -> Looked:
    """Compare; reads only. Raises ConfigurationError, MappingError, ConnectorError."""
    needs = needs_of(app.mappings(name))
    with _provisioner(app, name, admin) as (connector, provisioner):
        return Looked(
            connector.account(),
            needs,
            provisioner.plan(needs),
            automations_of(
                provisioner if isinstance(provisioner, AutomationReader) else connector,
                written(needs),
            ),
        )


def make(app: Application, name: str, admin: AdminSignIn, progress: OnProgress) -> ProvisionPlan:
    """Make what is missing, and have the next run look at the CRM anew. Raises like `look`."""
    needs = needs_of(app.mappings(name))
    with _provisioner(app, name, admin) as (_, provisioner):
        try:
            return provisioner.apply(needs, progress)
        finally:
            forget_schema(app.database, name, app.now())


def automations_of(reader: Connector | AutomationReader, objects: Sequence[str]) -> Automations:
    """What acts on these objects, where the CRM tells; nothing where it does not."""
    return reader.automations(objects) if isinstance(reader, AutomationReader) else Automations()


def written(needs: Sequence[ObjectNeed]) -> list[str]:
    """The objects of which a mapping writes anything."""
    found = [need.object for need in needs if any(one.written for one in need.fields)]
    return list(dict.fromkeys(found))


def provisioning_plugin(connector: str) -> ProvisioningPlugin:
    """Raises ConfigurationError for a CRM in which prmsync makes nothing."""
    known = plugin(connector)
    if not isinstance(known, ProvisioningPlugin):
        raise _by_hand(known)
    return known


def _by_hand(known: ConnectorPlugin) -> ConfigurationError:
    return ConfigurationError(
        f"prmsync makes nothing in {known.title} by itself",
        hint="docs/crm-admin.md says what to make there by hand.",
    )


@contextmanager
def _provisioner(
    app: Application, name: str, admin: AdminSignIn | None
) -> Iterator[tuple[Connector, Provisioner]]:
    section = app.settings.connection(name)
    known = provisioning_plugin(section.connector)
    described = connection_settings(app.settings, name, app.environ)
    direct = is_on_this_machine(section.base_url)
    with (
        app.connected(name) as connector,
        runtime(direct=direct, now=app.now, sleep=app.sleep) as outside,
    ):
        yield connector, known.provisioner(described, outside, connector, admin)
