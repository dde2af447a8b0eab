"""Fixtures for tests of both connectors."""

import pytest

from npm_packages import node, npm_folder, run_script

__all__ = ["node", "npm_folder", "run_script"]

pytest.register_assert_rewrite("empty_crm", "provision_cases")
