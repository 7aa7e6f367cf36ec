"""The easy level, which shipped encoders learned from, stays what it was: digests of archives written before there was
another level. Those of the files hold for the locked versions of OpenCV, NumPy and simplejpeg.
"""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from echosearch.phantom.files.archive import WORDINGS, phantom_studies, write_archive
from echosearch.phantom.patients.plants import Plants

ARCHIVES: dict[str, tuple[dict[str, Any], str, str]] = {  # arguments, digest of the tables, digest of all files
    "first": (
        {},
        "db6f11b29b1a8167c57da475d84fe00b8d0897dccd157874685789302945bed0",
        "107405cf1cb8dc69b92e6142b04188b1a782b0e7dc95fa03c6708476ffd6cb49",
    ),
    "other": (
        {"wording": "other"},
        "281a864a213a5aaae6ea9b4bec9dfbe64d426359f3262ae423bb0443fd94ac3b",
        "c62a789ab855830c34146112ffaeb68f0db16e4b2e40f6a12f93a3f67b941258",
    ),
    "planted": (
        {"plants": Plants(0.9, 0.5, 0.5)},
        "3ad3a127bd8e76813b928a11043fd703ac584ec564cd937b1870825dd5e1440a",
        "2557dc39ad91a3bf1836b1a1804bfc6cb381b85e84911dd875d1bfb60cc53d6e",
    ),
    "lettered": (
        {"lettering": True},
        "2dfb1871b662adcb4b60856a81309fc9b722a51d9220e4234a5156f4453d8ef8",
        "3eeaf973e337b92e2ad2912a22014b36e3cd4f5687c66f7822caa897c9b6bf28",
    ),
}
REPORTS = (
    "b7e2e1c2bfe3f1f0d209905f06b8806682751f18c1568002be35e4b7e17893ba"  # of 200 patients in the two first wordings
)


def digest(folder: Path, suffix: str = "") -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix.startswith(suffix):
            name = path.relative_to(folder).as_posix().encode()
            total.update(name + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


@pytest.mark.parametrize("name", ARCHIVES)
def test_the_easy_level_is_bit_for_bit_what_it_was(name: str, tmp_path: Path) -> None:
    given, tables, files = ARCHIVES[name]
    made = write_archive(tmp_path / name, 3, 20260, frames=3, rows=96, columns=128, **given)
    assert digest(made.out, ".csv") == tables
    assert digest(made.out) == files


def test_reports_of_the_easy_level_are_word_for_word_what_they_were() -> None:
    said = "\n".join(WORDINGS[name](study) for study in phantom_studies(200, 4) for name in ("first", "other"))
    assert hashlib.sha256(said.encode()).hexdigest() == REPORTS
