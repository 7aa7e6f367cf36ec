"""Files and headers as ingest hands them to the database."""

from __future__ import annotations

import hashlib
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest
from sqlalchemy import Connection, Engine

from echosearch.db.admission.admit import Admitted, admit
from echosearch.db.files.ledger import claim, start_run
from echosearch.db.vectors.generation import activate, register_encoder
from echosearch.db.vectors.write import put_video_vectors
from echosearch.encoder_info import EncoderInfo
from echosearch.outcome import Quarantined, Skipped
from echosearch.pseudonyms import Keyring
from echosearch.source_file import Claimed, FoundFile
from echosearch.vector import Vectors
from echosearch.video import Mode, VideoHeader

ENCODER = EncoderInfo("fake", "1", "ab" * 32, 8, "Apache-2.0", "test", trained=False)
KEYRING = Keyring(bytes(32))


def header(sop: str, study: str = "1.2.3", patient: str = "0007", pixels: bytes = b"", **given: Any) -> VideoHeader:
    """A plausible header; ``pixels`` are the stored pixel data."""
    fields: dict[str, Any] = {
        "sop_uid": sop,
        "study_uid": study,
        "patient_id": patient,
        "issuer": "",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.3.1",
        "transfer_syntax_uid": "1.2.840.10008.1.2.4.50",
        "photometric": "YBR_FULL_422",
        "rows": 240,
        "columns": 320,
        "n_frames": 30,
        "content_digest": hashlib.sha256(sop.encode() + pixels + str(given).encode()).digest(),
        "pixel_digest": hashlib.sha256(pixels or sop.encode()).digest(),
        "study_date": date(2024, 3, 14),
        "age_years": 71,
        "sex": "F",
        "mode": Mode.BMODE,
        "patient_name": "Yamada^Tarou",
    }
    return VideoHeader(**(fields | given))


class Ledger:
    """Drives the database through one run as the pipeline does, without files or workers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._names = count()
        with engine.begin() as connection:
            self.encoder_id = register_encoder(connection, ENCODER)
            activate(connection, self.encoder_id)
            self.run_id = start_run(connection, self.encoder_id, Path("/root"))

    def claim(self, connection: Connection, name: str | None = None) -> Claimed:
        found = FoundFile(Path("/root") / (name or f"IM_{next(self._names):04d}"), 1000, 1)
        return claim(connection, KEYRING, self.run_id, [found])[0]

    def admit(self, *headers: VideoHeader) -> tuple[list[Admitted], list[tuple[int, Skipped | Quarantined]]]:
        """One batch of files with these headers."""
        with self.engine.begin() as connection:
            claims = [(self.claim(connection), each) for each in headers]
            return admit(connection, KEYRING, self.encoder_id, claims)

    def store(self, *headers: VideoHeader, vectors: dict[str, Vectors] | None = None) -> list[Admitted]:
        """Admit and write a vector each (by SOP UID, or made from it)."""
        videos, _ = self.admit(*headers)
        by_key = {KEYRING.video(each.sop_uid): each.sop_uid for each in headers}
        with self.engine.begin() as connection:
            put_video_vectors(
                connection,
                self.encoder_id,
                self.run_id,
                [
                    (
                        video.claimed.id,
                        video.video_key,
                        video.study_key,
                        (vectors or {}).get(by_key[video.video_key], vector_of(by_key[video.video_key])),
                    )
                    for video in videos
                    if video.needs_decoding
                ],
            )
        return videos


def vector_of(sop: str) -> Vectors:
    seed = int.from_bytes(hashlib.sha256(sop.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).standard_normal(8).astype(np.float32)


@pytest.fixture
def ledger(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Its files lie where they were read, and are as they were."""
    for module in ("backing", "sight"):
        monkeypatch.setattr(f"echosearch.db.files.{module}.stamp_of", lambda path: ANY)
    return Ledger(engine)
