"""Whether any CRM is told what the forecast says: only then is it kept on the records."""

from __future__ import annotations

from prmsync.mapping.fields import FORECAST
from prmsync.service.wiring import Application, load_all_mappings


def maps_forecast(application: Application) -> bool:
    """Whether a mapping has a field that the forecast fills. Raises as `load_all_mappings`."""
    return any(
        name in FORECAST
        for mappings in load_all_mappings(application.settings).values()
        for mapping in mappings
        for name in mapping.fields
    )
