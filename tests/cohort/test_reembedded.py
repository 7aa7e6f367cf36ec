"""A cohort that asks videos, in an archive that is embedded again: real files, a real ingest, two encoders."""

from __future__ import annotations

from pathlib import Path

import pytest

from echosearch.archive import Archive
from echosearch.cohort.definition import define
from echosearch.cohort.run import reading
from echosearch.cohort.snapshot import Difference, checked_snapshot, difference, freeze
from echosearch.cohort.store import save_definition
from echosearch.encoder.fake import FakeEncoder
from echosearch.errors import EncoderMismatch
from echosearch.report.facts import load_lexicon
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.reembed import ReembedOptions, reembed
from tests.ingest.conftest import write_cine

MR = "中等度以上のMR"
LABELLED = 26  # reports that state it, and as many that deny it: a calibration needs 25 of each
STATED, DENIED = 3, 6  # pictures that both encoders tell apart in the same direction
SILENT = {"leaves": 5, "enters": 10, "stays": 8}  # pictures of studies without a report, by what the other encoder does


@pytest.fixture
def first(archive: Archive, tmp_path: Path) -> Archive:
    """A study a picture, indexed by the first encoder."""
    pictures = {f"{kind}{n}": kind for kind in (STATED, DENIED) for n in range(LABELLED)} | SILENT
    for number, (name, picture) in enumerate(pictures.items(), 1):
        write_cine(tmp_path / "export" / name, f"1.2.{number}.1", f"1.2.{number}", f"P{number}", seed=picture)
    told = {STATED: "重度のMRあり。", DENIED: "MRなし。"}
    lines = [f"1.2.{n},{told[kind]}" for n, kind in enumerate(pictures.values(), 1) if kind in told]
    (tmp_path / "reports.csv").write_text("\n".join(["study_uid,report_text", *lines]), encoding="utf-8")
    made = Archive(archive.settings, archive.engine, archive.index, FakeEncoder(64, salt="c"))
    assert ingest(made, tmp_path / "export", IngestOptions(reports=tmp_path / "reports.csv")).indexed == len(pictures)
    return made


def compared(archive: Archive) -> Difference:
    with reading(archive) as connection:
        return difference(archive, connection, "mr")


def save(archive: Archive) -> None:
    with reading(archive) as connection:
        made = define("mr", MR, load_lexicon(), video_at_least=0.8)
        save_definition(archive, connection, made, replace=True)


def test_who_enters_and_leaves_by_another_encoder_is_its_doing(first: Archive) -> None:
    save(first)
    with reading(first) as connection:
        before = freeze(first, connection, "mr")[0]
    assert before.members == LABELLED + 2

    other = Archive(first.settings, first.engine, first.index, FakeEncoder(32, salt="d"))
    assert reembed(other, ReembedOptions()).promoted
    with pytest.raises(EncoderMismatch, match="define it again"):
        compared(other)
    save(other)
    found = compared(other)
    key = first.keyring.study
    numbers = {name: number for number, name in enumerate(SILENT, 2 * LABELLED + 1)}
    assert {(one.change, one.study): one.causes for one in found.changes} == {
        ("entered", key(f"1.2.{numbers['enters']}")): ("encoder",),
        ("left", key(f"1.2.{numbers['leaves']}")): ("encoder",),
    }
    assert found.causes == {"entered": {"encoder": 1}, "left": {"encoder": 1}}
    assert found.stayed == LABELLED + 1  # what reports state, and the silent study that both encoders find
    with reading(other) as connection:
        assert checked_snapshot(connection, "mr", 1) == before

    assert reembed(first, ReembedOptions()).promoted  # the way back
    save(first)
    assert (compared(first).entered, compared(first).left) == (0, 0)
