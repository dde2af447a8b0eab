"""Salesforce as a connector of prmsync."""

from prmsync_salesforce.plugin import SalesforcePlugin

PLUGIN = SalesforcePlugin()

__all__ = ["PLUGIN", "SalesforcePlugin"]
