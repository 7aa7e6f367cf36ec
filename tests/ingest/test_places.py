"""Paths of tables as Windows, a Mac and people write them: followed where one file fits, else hinted at."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from ingest.places import Places


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("sub/1.dcm", "0.dcm", "sub/a\\b.dcm", "twice/X.dcm", "twice/x.dcm", "検査が/ぽ.dcm"):
        path = tmp_path / unicodedata.normalize("NFC", name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("written", "file"),
    [
        *(("sub/1.dcm", "sub/1.dcm"), ("sub\\1.dcm", "sub/1.dcm"), (".\\sub\\1.dcm", "sub/1.dcm")),
        *(("0.DCM", "0.dcm"), ("SUB\\1.DCM", "sub/1.dcm"), ("sub/../0.dcm", "0.dcm")),
        *(("sub/a\\b.dcm", "sub/a\\b.dcm"), ("twice/x.dcm", "twice/x.dcm"), ("twice\\X.dcm", "twice/X.dcm")),
        (unicodedata.normalize("NFD", "検査が/ぽ.dcm"), "検査が/ぽ.dcm"),
        (unicodedata.normalize("NFD", "検査が\\ぽ.DCM"), "検査が/ぽ.dcm"),
    ],
)
def test_one_file_fits(root: Path, written: str, file: str) -> None:
    assert Places(root).find(written) == root.resolve() / file
    assert Places(root).find(f"{root}/{written}") == root.resolve() / file


@pytest.mark.parametrize("written", ["not_there.dcm", "TWICE/X.DCM", "sub", "SUB"])
def test_none_or_several_fit(root: Path, written: str) -> None:
    assert Places(root).find(written) == root.resolve() / written


def test_a_hint_is_one_near_file(root: Path) -> None:
    places = Places(root)
    assert places.nearest("export/sub/1.dcm") == "sub/1.dcm"
    assert places.nearest("C:\\export\\1.DCM") == "sub/1.dcm"
    assert places.nearest("sub/11.dcm") == "sub/1.dcm"
    assert places.nearest("x.dcm") is None  # two of that name
    assert places.nearest("something/else.mp4") is None


def test_a_file_as_root(root: Path) -> None:
    assert Places(root / "0.dcm").find("0.DCM") == root.resolve() / "0.dcm"
