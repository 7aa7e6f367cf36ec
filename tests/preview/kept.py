"""What tests ask of the previews of an archive."""

from __future__ import annotations

from pathlib import Path

from echosearch.preview.values import NoPreview, Preview, Refusal
from tests.preview.conftest import Shown

__all__ = ["kept", "one", "refusal"]


def one(shown: Shown, number: int = 0) -> Preview:
    found = shown.previews.find(shown.keys[number])
    assert isinstance(found, Preview), found
    return found


def kept(shown: Shown) -> list[Path]:
    return sorted(path for path in (shown.archive.settings.home / "previews").rglob("*") if path.is_file())


def refusal(found: Preview | NoPreview) -> Refusal:
    assert isinstance(found, NoPreview), found
    return found.reason
