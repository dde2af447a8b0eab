"""Addresses at which people open records."""

from __future__ import annotations

from prmsync_salesforce import soql


def record_url(base_url: str, object_name: str, record_id: str) -> str | None:
    """The record's Lightning page; None for what is no record id."""
    if not soql.is_id(record_id):
        return None
    return f"{base_url}/lightning/r/{object_name}/{record_id}/view"
