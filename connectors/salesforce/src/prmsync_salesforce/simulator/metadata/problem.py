"""Why a component cannot be deployed."""

from __future__ import annotations


class Problem(Exception):
    """In the words of a deploy result."""
