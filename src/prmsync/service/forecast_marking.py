"""Whether any CRM is told what the forecast says: only then is it kept on the records."""

from __future__ import annotations

from prmsync.mapping.fields import FORECAST
from prmsync.service.wiring import Application, load_all_mappings
from prmsync.store import misfits
from prmsync.sync.live_fields import TOLD


def maps_forecast(application: Application) -> bool:
    """Whether a mapping has a field that the forecast fills. Raises as `load_all_mappings`."""
    return any(
        name in FORECAST
        for mappings in load_all_mappings(application.settings).values()
        for mapping in mappings
        for name in mapping.fields
    )


def lacking_fields(application: Application) -> dict[str, list[str]]:
    """Connection → what its CRM lacks to be told the forecast, as the last run found it."""
    found = {}
    with application.database.read() as connection:
        for name in application.settings.connections:
            parts = misfits.of_connection(connection, name)
            lacking = [f"{one.stream}: {one.message}" for one in parts if one.part == TOLD]
            if lacking:
                found[name] = lacking
    return found
