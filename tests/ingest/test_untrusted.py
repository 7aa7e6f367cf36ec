"""Files that kill or hang their worker cost two attempts and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless
from sqlalchemy import select

from echosearch.archive import Archive
from echosearch.db.schema.tables import SourceFile
from echosearch.encoder.fake import FakeEncoder
from echosearch.settings import Settings
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.verify import verify
from tests.ingest.conftest import Export, write_cine

SIDE = 4000  # pixels: two 16-bit RGB frames are 192 MB raw, 3 MB as RLE of zeros


def rle_of_zeros(n_bytes: int) -> bytes:
    """One RLE segment (PS3.5 Annex G): runs of 128 zeros."""
    return b"\x81\x00" * (-(-n_bytes // 128))


def write_bomb(path: Path) -> Path:
    """A small file whose frames need more memory than a worker may have."""
    write_cine(path, "1.2.666")
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = RLELossless
    dataset.Rows = dataset.Columns = SIDE
    dataset.NumberOfFrames = 2
    dataset.PhotometricInterpretation = "RGB"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    segment = rle_of_zeros(SIDE * SIDE)
    offsets = [64 + i * len(segment) for i in range(6)]
    frame = np.array([6, *offsets, *[0] * 9], "<u4").tobytes() + segment * 6
    dataset.PixelData = encapsulate([frame, frame])
    dataset.save_as(path)
    return path


@pytest.fixture
def tight(archive: Archive) -> Archive:
    """The archive with workers that may use little."""
    settings = Settings(home=archive.settings.home, workers=2, worker_memory_mb=256, worker_wall_seconds=60)
    return Archive(settings, archive.engine, archive.index, FakeEncoder())


def test_a_memory_bomb_is_quarantined_after_two_deaths_and_the_run_goes_on(tight: Archive, export: Export) -> None:
    for number in range(6):
        export.cine(f"IM_{number}", f"1.2.{number}", seed=number)
    bomb = write_bomb(export.root / "IM_3_BOMB")
    assert bomb.stat().st_size < 4_000_000
    summary = ingest(tight, export.root, IngestOptions())
    assert (summary.indexed, summary.quarantined, summary.pending) == (6, 1, 0)
    assert summary.reasons == {"DECODER_CRASH": 1}
    with tight.engine.connect() as connection:
        row = connection.execute(
            select(SourceFile.attempts, SourceFile.detail).where(SourceFile.state == "quarantined")
        ).one()
    assert row.attempts == 2
    assert row.detail in ("memory limit, 2 times", "panic in a codec, 2 times")  # the RLE codec is in Rust
    assert verify(tight).clean
    again = ingest(tight, export.root, IngestOptions())
    assert (again.encoder_batches, again.quarantined) == (0, 1)  # not tried again unasked
    retried = ingest(tight, export.root, IngestOptions(retry_quarantined=True))
    assert retried.reasons == {"DECODER_CRASH": 1}
