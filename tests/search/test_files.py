"""Searching by a file: one that the archive has, one that it does not have, one that lies."""

from __future__ import annotations

import hashlib
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from echosearch.encoder.preprocess import make_clip
from echosearch.errors import FileRefused
from echosearch.search.hits import SearchOptions
from echosearch.search.similar import similar
from echosearch.source import inspect_file, open_source
from echosearch.study import VideoHeader
from echosearch.vector import Vectors
from tests.search.conftest import Corpus

ALL = SearchOptions(top_k=200)


@pytest.fixture
def cine(tmp_path: Path) -> Path:
    """The ultrasound cine inside pydicom's package, under a PACS's name."""
    spec = find_spec("pydicom")
    assert spec is not None
    shipped = Path(str(spec.origin)).parent / "data" / "test_files" / "examples_ybr_color.dcm"
    return Path(shutil.copyfile(shipped, tmp_path / "IM_0001"))


def cosines(corpus: Corpus, vector: Vectors) -> dict[str, float]:
    unit = vector / np.linalg.norm(vector)
    means = {study.key: corpus.mean(study) for study in corpus.studies}
    return {key: float(mean @ unit / np.linalg.norm(mean)) for key, mean in means.items()}


def test_a_file_outside_the_archive_is_embedded_on_the_spot(corpus: Corpus, cine: Path) -> None:
    encoder = corpus.archive.encoder
    vector = encoder.encode_clips([make_clip("x", open_source(cine), encoder.clip_spec)])[0]
    before = corpus.archive.index.count(corpus.archive.collection("videos"))
    results = similar(corpus.archive, str(cine), ALL)
    assert {hit.study: hit.score for hit in results.hits} == pytest.approx(cosines(corpus, vector), abs=2e-3)
    assert results.query == {"file": str(cine)}
    assert corpus.archive.index.count(corpus.archive.collection("videos")) == before


def test_a_file_of_a_known_patient_leaves_that_patient_out(corpus: Corpus, cine: Path) -> None:
    header = inspect_file(cine)
    assert isinstance(header, VideoHeader)
    patient = corpus.archive.keyring.patient(header.issuer, header.patient_id)
    study = corpus.studies[6]
    rename = text("update core.study set patient_key = cast(:new as uuid) where study_key = cast(:study as uuid)")
    where = "insert into core.patient (patient_key) values (cast(:key as uuid)) on conflict do nothing"
    try:
        with corpus.archive.engine.begin() as connection:
            connection.execute(text(where), {"key": patient})
            connection.execute(rename, {"new": patient, "study": study.key})
        point_at(corpus, study.key, patient)
        assert study.key not in {hit.study for hit in similar(corpus.archive, str(cine), ALL).hits}
        asked = SearchOptions(top_k=200, include_same_patient=True)
        assert study.key in {hit.study for hit in similar(corpus.archive, str(cine), asked).hits}
    finally:
        with corpus.archive.engine.begin() as connection:
            connection.execute(rename, {"new": study.patient, "study": study.key})
        point_at(corpus, study.key, study.patient)


def point_at(corpus: Corpus, study: str, patient: str) -> None:
    """The study's point anew, as the relay makes it."""
    from echosearch.db.vectors import enqueue
    from ingest.relay import relay

    with corpus.archive.engine.begin() as connection:
        enqueue(connection, corpus.encoder_id, "studies", "upsert", {study: 1})
    assert relay(corpus.archive, corpus.archive.encoder_id, corpus.encoder_id) == 1


@pytest.mark.parametrize("known_by", ["bytes", "sop_uid"])
def test_a_file_of_the_archive_is_answered_from_its_stored_vector(corpus: Corpus, cine: Path, known_by: str) -> None:
    """The same bytes under any name, or exported again with other tags and the same pixels; nothing is encoded."""
    video = corpus.videos[20]
    header = inspect_file(cine)
    assert isinstance(header, VideoHeader)
    sha256 = hashlib.sha256(cine.read_bytes()).digest() if known_by == "bytes" else b"other bytes"
    key = corpus.archive.keyring.video(header.sop_uid)
    move = (
        "insert into core.video select cast(:new as uuid), study_key, cast(:sha as bytea), cast(:pixels as bytea),"
        " n_frames, rows, columns, frame_seconds, frame_seconds_source, heart_rate, device, transfer_syntax_uid,"
        " photometric, mode, mode_source, view, view_prob, view_source, view_probs, notes"
        " from core.video where video_key = cast(:old as uuid)"
    )
    copy = (
        "insert into core.embedding (encoder_id, video_key, vector, gen, indexed_gen) select encoder_id,"
        " cast(:new as uuid), vector, 1, 1 from core.embedding where video_key = cast(:old as uuid)"
    )
    given = {"new": key, "old": video.key, "sha": sha256, "pixels": header.pixel_sha256}
    batches = corpus.archive.encoder.batches  # type: ignore[attr-defined]
    try:
        with corpus.archive.engine.begin() as connection:
            connection.execute(text(move), given)
            connection.execute(text(copy), {"new": key, "old": video.key})
        hits = similar(corpus.archive, str(cine), ALL).hits
        others = [study for study in corpus.studies if study.patient != video.study.patient]
        truth = cosines(corpus, video.vector)
        assert {h.study: h.score for h in hits} == pytest.approx({s.key: truth[s.key] for s in others}, abs=2e-3)
        assert corpus.archive.encoder.batches == batches  # type: ignore[attr-defined]
    finally:
        with corpus.archive.engine.begin() as connection:
            for table in ("core.embedding", "core.video"):
                connection.execute(text(f"delete from {table} where video_key = cast(:key as uuid)"), {"key": key})


def test_a_cut_cine_is_refused(corpus: Corpus, cine: Path) -> None:
    data = cine.read_bytes()
    cine.write_bytes(data[: len(data) // 2])
    with pytest.raises(FileRefused, match="TRUNCATED"):
        similar(corpus.archive, str(cine), ALL)


def test_a_file_that_wants_more_than_its_limits_is_refused(corpus: Corpus, cine: Path) -> None:
    from echosearch.search.embed_file import read_file

    hasty = corpus.archive.settings.model_copy(update={"worker_wall_seconds": 0})
    with pytest.raises(FileRefused, match="DECODER_TIMEOUT"):
        read_file(cine, corpus.archive.encoder.clip_spec, hasty)
