"""Several processes at one archive: the same states, vectors, means and index as by one, whoever is killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.options import IngestOptions
from ingest.pipeline import ingest
from tests.ingest.jobs.conftest import Site, contents, finish, write_strewn

Sites = Callable[..., Site]


@pytest.fixture(scope="module")
def strewn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_strewn(tmp_path_factory.mktemp("strewn") / "export", studies=8, a_study=6, odd=3)


def by_one(site: Site, root: Path) -> dict[str, Any]:
    with site.open() as archive:
        ingest(archive, root, IngestOptions(batch_size=4))
    return contents(site)


@pytest.mark.parametrize("by_key", [False, True])
def test_two_workers_make_what_one_process_makes(sites: Sites, strewn: Path, by_key: bool) -> None:
    expected, site = by_one(sites(), strewn), sites(by_key)
    assert expected["states"]["quarantined", "UID_CONFLICT"] == 6
    said = finish(site.start("drive_once.py", strewn, 2))
    assert contents(site) == expected
    assert int(said.split()[-2]) == expected["states"]["indexed", None]
    again = finish(site.start("drive_once.py", strewn, 2))
    assert again.split()[-1] == "0"  # nothing is done twice
