"""Where mapping files are: as the setting says, packaged with prmsync, or in a checkout."""

from __future__ import annotations

from pathlib import Path

from prmsync.errors import ConfigurationError
from prmsync.mapping.spelling import did_you_mean

_PACKAGE = Path(__file__).resolve().parent.parent
_SHIPPED = (_PACKAGE / "_mappings", _PACKAGE.parent.parent / "mappings")


def where_mappings(name_or_path: str | Path, base: Path | None = None) -> list[Path]:
    """The mapping files of a folder, one file, or the shipped set of a connector by its name.

    A path is relative to `base` (the folder of prmsync.toml), else to the present folder; a
    folder's files are in alphabetical order. Raises ConfigurationError when there is none.
    """
    place = Path(name_or_path).expanduser()
    place = place if base is None or place.is_absolute() else base / place
    if place.is_file():
        return [place]
    if place.is_dir():
        return _files(place)
    shipped = shipped_mappings()
    if str(name_or_path) in shipped:
        return _files(shipped[str(name_or_path)])
    raise ConfigurationError(
        f"no mapping files at `{name_or_path}`",
        hint=did_you_mean(str(name_or_path), shipped)
        or "name a folder with .yaml files, one .yaml file, or a connector",
    )


def shipped_mappings() -> dict[str, Path]:
    """Connector name → folder of the mappings that come with prmsync."""
    root = next((place for place in _SHIPPED if place.is_dir()), None)
    if root is None:
        return {}
    return {folder.name: folder for folder in sorted(root.iterdir()) if folder.is_dir()}


def _files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    if not found:
        raise ConfigurationError(
            f"no .yaml files in `{folder}`",
            hint="`prmsync init` writes the shipped mappings to a folder of yours",
        )
    return found
