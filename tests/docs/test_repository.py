"""What holds for the repository as a whole: layers, pins, packages, no private addresses."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

_PIN = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+")
# Spelled in pieces so that this file does not hold what it looks for.
_PRIVATE = {
    "a folder of somebody's workplace": re.compile(
        r"(?<![\w.])/(?:" + "|".join(("wor" + "k", "home/[a-z]+", "Users/[A-Za-z]+")) + r")/"
    ),
    "the address of a package registry": re.compile(
        "|".join(("files\\.python" + "hosted", "py" + "pi\\.org/simple", "--index" + "-url"))
        + "|"
        + "|".join(("extra-index" + "-url", "find" + "-links", "opt/py" + "pi"))
    ),
}
_MIGRATIONS = "prmsync/store/migrations/"


def test_imports_go_one_way(root: Path) -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_constraints_are_pins_and_nothing_else(root: Path) -> None:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not _PIN.fullmatch(line)] == []


def _names(requirements: list[str]) -> set[str]:
    return {_plain(re.split(r"[\[<>=!~; ]", text, maxsplit=1)[0]) for text in requirements}


def _plain(name: str) -> str:
    return re.sub(r"[._-]+", "-", name).lower()


def test_every_dependency_is_pinned(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wanted = _names(project["dependencies"] + project["optional-dependencies"]["dev"])
    assert wanted - {_plain(pin.partition("==")[0]) for pin in pins} == set()


def test_every_import_is_a_declared_dependency(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = _names(project["dependencies"])
    kit = _names(project["optional-dependencies"]["testing"])
    kit_folder = root / "src/prmsync/connector/testing"
    packages = packages_distributions()
    sources = [*(root / "src").rglob("*.py"), *(root / "connectors").glob("*/src/**/*.py")]
    missing = {
        f"{path.relative_to(root)}: {module}"
        for path in sources
        for module in _imported(path)
        if module in packages
        and not module.startswith("prmsync")
        and not {_plain(name) for name in packages[module]}
        & (declared | kit if path.is_relative_to(kit_folder) else declared)
    }
    assert missing == set()


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("what", list(_PRIVATE))
def test_no_file_holds(what: str, root: Path, committed: list[Path]) -> None:
    found = []
    for path in committed:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if match := _PRIVATE[what].search(text):
            found.append(f"{path.relative_to(root)}: {match.group()}")
    assert found == []


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names in the wheel that is built from the sdist."""
    out = tmp_path_factory.mktemp("dist")
    _build(root, "sdist", out)
    [sdist] = out.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(out / "unpacked", filter="data")
    [source] = (out / "unpacked").iterdir()
    _build(source, "wheel", out)
    [built] = out.glob("*.whl")
    return zipfile.ZipFile(built).namelist()


def _build(source: Path, target: str, out: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_what_the_sources_hold(root: Path, wheel: list[str]) -> None:
    sources = {
        path.relative_to(base).as_posix()
        for base in (
            root / "src",
            root / "connectors/salesforce/src",
            root / "connectors/hubspot/src",
        )
        for path in base.rglob("*")
        if path.suffix in (".py", ".mako", ".typed", ".json", ".yaml") and path.is_file()
    }
    assert sources - set(wheel) == set()
    assert any(name.startswith(_MIGRATIONS + "versions/") for name in wheel)


def test_the_wheel_holds_the_mappings(root: Path, wheel: list[str]) -> None:
    shipped = {
        "prmsync/_mappings/" + path.relative_to(root / "mappings").as_posix()
        for path in (root / "mappings").rglob("*")
        if path.is_file()
    }
    assert len(shipped) > 5
    assert shipped - set(wheel) == set()


def test_the_wheel_holds_the_metadata_for_salesforce(root: Path, wheel: list[str]) -> None:
    folder = root / "connectors/salesforce/metadata"
    shipped = {
        "prmsync_salesforce/_metadata/" + path.relative_to(folder).as_posix()
        for path in folder.rglob("*.xml")
    }
    assert len(shipped) > 80
    assert shipped - set(wheel) == set()


def test_the_wheel_announces_both_connectors(wheel: list[str]) -> None:
    assert any(name.endswith("entry_points.txt") for name in wheel)
    assert not [name for name in wheel if "/tests/" in name or name.startswith("tests/")]
