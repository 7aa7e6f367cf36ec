"""Searching by a file: one that the archive has, one that it does not have, one that lies."""

from __future__ import annotations

import hashlib
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import av
import numpy as np
import pytest
from sqlalchemy import text

from echosearch.encoder.pixels.preprocess import make_clip
from echosearch.errors import FileRefused
from echosearch.reading.source import inspect_file, open_source
from echosearch.search.results import SearchOptions
from echosearch.search.similar import similar
from echosearch.vector import Vectors
from echosearch.video import VideoHeader
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


def write_avi(path: Path) -> Path:
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for shade in range(0, 200, 20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), shade, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def point_at(corpus: Corpus, study: str, patient: str) -> None:
    """The study's point anew, as the relay makes it."""
    from echosearch.db.vectors.write import enqueue
    from ingest.relay import relay

    with corpus.archive.engine.begin() as connection:
        enqueue(connection, corpus.encoder_id, "studies", "upsert", {study: 1})
    assert relay(corpus.archive, corpus.archive.encoder_info, corpus.encoder_id) == 1


@pytest.mark.parametrize("known_by", ["its path", "its pixels", "its bytes"])
def test_a_file_of_the_archive_is_answered_from_its_stored_vector(
    corpus: Corpus, cine: Path, tmp_path: Path, known_by: str
) -> None:
    """Where it was ingested, exported again with other tags, or an avi under any name; nothing is encoded."""
    video, new, sha256, pixels, path = corpus.videos[20], str(uuid4()), b"other", b"other", str(uuid4())
    match known_by:
        case "its path":
            path = corpus.archive.keyring.path(cine)
        case "its pixels":
            header = inspect_file(cine)
            assert isinstance(header, VideoHeader)
            new, pixels = corpus.archive.keyring.video(header.sop_uid), header.pixel_digest
        case "its bytes":
            cine = write_avi(tmp_path / "IM.avi")
            sha256 = hashlib.sha256(cine.read_bytes()).digest()
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
    file = (
        "insert into core.source_file (path_key, size, mtime_ns, state, video_key)"
        " values (cast(:path as uuid), :size, :mtime, 'indexed', cast(:new as uuid))"
    )
    info = cine.stat()
    given = {"new": new, "old": video.key, "sha": sha256, "pixels": pixels}
    batches = corpus.archive.encoder.batches  # type: ignore[attr-defined]
    try:
        with corpus.archive.engine.begin() as connection:
            connection.execute(text(move), given)
            connection.execute(text(copy), {"new": new, "old": video.key})
            connection.execute(text(file), {"path": path, "size": info.st_size, "mtime": info.st_mtime_ns, "new": new})
        hits = similar(corpus.archive, str(cine), ALL).hits
        others = [study for study in corpus.studies if study.patient != video.study.patient]
        truth = cosines(corpus, video.vector)
        assert {h.study: h.score for h in hits} == pytest.approx({s.key: truth[s.key] for s in others}, abs=2e-3)
        assert corpus.archive.encoder.batches == batches  # type: ignore[attr-defined]
        os.utime(cine, ns=(info.st_atime_ns, info.st_mtime_ns + 1))  # another file lies there now, for all one knows
        similar(corpus.archive, str(cine), ALL)
        assert (corpus.archive.encoder.batches > batches) == (known_by == "its path")  # type: ignore[attr-defined]
    finally:
        with corpus.archive.engine.begin() as connection:
            for table in ("core.source_file", "core.embedding", "core.video"):
                connection.execute(text(f"delete from {table} where video_key = cast(:key as uuid)"), {"key": new})


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
