"""Fixtures for tests of both connectors."""

import pytest

from npm_packages import kept_folder, node, npm_folder, run_script
from pip_packages import pip_folder, run_python

__all__ = ["kept_folder", "node", "npm_folder", "pip_folder", "run_python", "run_script"]

pytest.register_assert_rewrite("empty_crm", "provision_cases")
