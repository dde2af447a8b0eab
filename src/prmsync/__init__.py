"""prmsync keeps a partner database and CRM accounts telling one story."""

__version__ = "0.1.0"
