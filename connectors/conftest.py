"""Fixtures for tests of both connectors."""

from npm_packages import node, npm_folder, run_script

__all__ = ["node", "npm_folder", "run_script"]
