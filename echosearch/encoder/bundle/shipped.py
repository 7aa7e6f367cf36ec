"""The bundles that ship inside this package, found by name as others are by path. Free of torch."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from echosearch.encoder.bundle.folder import MANIFEST

__all__ = ["find_bundle", "shipped_bundles"]


def shipped_bundles() -> dict[str, Path]:
    """Name -> folder, by name: encoders and view classifiers."""
    inside = Path(str(files("echosearch") / "bundles"))
    return {folder.name: folder for folder in sorted(inside.glob("*")) if (folder / MANIFEST).is_file()}


def find_bundle(given: Path) -> Path:
    """Return the folder at the path ``given`` if there is one, else the shipped bundle of that name, else ``given``."""
    return given if given.exists() else shipped_bundles().get(str(given), given)
