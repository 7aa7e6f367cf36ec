"""An encoder follows another on a real archive, from the command line, and the way back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Tried, folder_with_material

REPORT = "重度の僧帽弁逆流あり。"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    """Three videos and three reports under the first of two encoders of one name."""
    folder = folder_with_material(tmp_path_factory, "reembed")
    archive = Tried(folder)
    reports = str(folder / "reports.csv")
    for seed in ("0", "1"):
        made = archive.ask(
            *("encoder", "init", "--reports", reports, "--out", str(folder / f"seed{seed}"), "--seed", seed),
            *("--name", "tiny"),
        )
        assert made.exit_code == 0, made.output
    assert archive.ask("encoder", "use", str(folder / "seed0")).exit_code == 0
    said = archive.ask("ingest", str(folder / "export"), "--reports", reports, "--sidecar", str(folder / "sidecar.csv"))
    assert said.exit_code == 0, said.output
    with archive.served():
        yield archive


def asked(archive: Tried, *args: str) -> Any:
    result = archive.ask(*args, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def fingerprint(archive: Tried) -> str:
    return str(asked(archive, "status")["encoder"]["fingerprint"])


def test_an_encoder_follows_another_and_goes_back(kept: Tried) -> None:
    first, before = fingerprint(kept), asked(kept, "query", "--report", REPORT, "--as-typed")["hits"]
    missed = kept.ask("reembed", "tiny", "--no-promote", "--leave-out-missing")
    assert missed.exit_code == 2

    built = kept.ask("reembed", str(kept.folder / "seed1"), "--no-promote")
    assert built.exit_code == 0, built.output
    assert "3 of 3 videos" in built.stdout
    assert "still answers" in built.stdout
    assert asked(kept, "query", "--report", REPORT, "--as-typed")["hits"] == before
    (other,) = asked(kept, "status")["other_encoders"]
    assert (other["state"], other["videos"]) == ("building", 3)

    made = asked(kept, "reembed", str(kept.folder / "seed1"))
    assert (made["promoted"], made["new_videos"], made["indexed"]["reports"]) == (True, 0, 3)
    assert fingerprint(kept) == made["encoder"]["fingerprint"] != first
    assert asked(kept, "query", "--report", REPORT, "--as-typed")["hits"] != before
    assert asked(kept, "verify")["clean"]
    assert "not searched: 3 videos by tiny" in kept.ask("status").stdout

    refused = kept.ask("reembed", "tiny")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "2 encoders are called tiny" in refused.stderr
    (own,) = (kept.folder / "home" / "encoders").glob(f"tiny-{first[:12]}")
    assert asked(kept, "reembed", own.name)["encoder_batches"] == 0
    assert fingerprint(kept) == first
    assert asked(kept, "query", "--report", REPORT, "--as-typed")["hits"] == before

    assert kept.ask("index", "drop", first[:8]).exit_code == 1
    assert "not UTF-8" in kept.ask("index", "drop", "\udcff").stderr
    gone = kept.ask("index", "drop", made["encoder"]["fingerprint"][:8])
    assert (gone.exit_code, "of 3 videos" in gone.stdout) == (0, True)
    assert asked(kept, "status")["other_encoders"] == []


def test_the_encoder_in_use_is_the_default_and_what_is_missing_is_named(kept: Tried, tmp_path: Path) -> None:
    assert kept.ask("encoder", "use", str(kept.folder / "seed1")).exit_code == 0
    refused = kept.ask("query", "--report", REPORT)
    assert refused.exit_code == 1
    assert "echosearch reembed" in refused.stderr
    away = (kept.folder / "export" / "dark.avi").rename(tmp_path / "dark.avi")
    made = kept.ask("reembed")
    assert made.exit_code == 3, made.output
    assert "1  UNREADABLE" in made.stdout
    assert "dark.avi" not in made.output
    assert "dark.avi: UNREADABLE: it is not where it was" in kept.ask("reembed", "--name-files").stderr
    assert "still answers" in made.stdout
    away.rename(kept.folder / "export" / "dark.avi")
    assert kept.ask("reembed").exit_code == 0
    assert len(asked(kept, "query", "--report", REPORT, "--as-typed")["hits"]) == 3
