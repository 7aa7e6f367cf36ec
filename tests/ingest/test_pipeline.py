"""The main job: a folder goes in, everything is accounted for, and doing it again does nothing."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import av
import numpy as np
import pytest
from sqlalchemy import select, text

from echosearch.archive import Archive
from echosearch.clip import Clip
from echosearch.db.files.ledger import single_ingest
from echosearch.db.files.status import archive_counts, why
from echosearch.db.schema.tables import Embedding, StudyEmbedding, Video
from echosearch.encoder.fake import FakeEncoder
from echosearch.errors import ArchiveLocked, ConfigError, EncoderMismatch, InputError, TableError
from echosearch.index.base import Payload, Point
from echosearch.index.edge.index import EdgeIndex
from echosearch.pseudonyms import load_keyring
from echosearch.vector import Vectors, from_bytes
from echosearch.video import VideoHeader
from ingest.dry_run import dry_run
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.verify import rebuild, verify
from tests.ingest.conftest import Export, write_cine


def study_vectors(archive: Archive) -> dict[str, np.ndarray]:
    with archive.engine.connect() as connection:
        rows = connection.execute(select(StudyEmbedding.study_key, StudyEmbedding.vector))
        return {row.study_key: from_bytes(row.vector) for row in rows}


def test_every_regular_file_is_accounted_for(archive: Archive, mixed: Export) -> None:
    summary = ingest(archive, mixed.root, IngestOptions())
    assert summary.found == len(mixed.expected)
    assert (summary.indexed, summary.quarantined, summary.pending) == (10, 1, 0)
    assert summary.failed
    for name, expected in mixed.expected.items():
        with archive.engine.connect() as connection:
            status = why(connection, archive.keyring.path((mixed.root / name).resolve()))
        assert status is not None, name
        assert (status.reason or status.state) == expected, name
    assert verify(archive).clean


def test_a_second_run_does_nothing(archive: Archive, mixed: Export) -> None:
    first = ingest(archive, mixed.root, IngestOptions())
    encoder = archive.encoder
    assert isinstance(encoder, FakeEncoder)
    batches = encoder.batches
    second = ingest(archive, mixed.root, IngestOptions())
    assert (second.encoder_batches, second.index_writes, second.new_videos) == (0, 0, 0)
    assert encoder.batches == batches
    assert (second.found, second.indexed, second.reasons) == (first.found, first.indexed, first.reasons)


@pytest.mark.parametrize("detail", [None, "", "looked for DICOM"])
def test_files_of_a_kind_that_an_older_version_did_not_know_are_looked_at_once(
    archive: Archive, export: Export, detail: str | None
) -> None:
    """The older version skipped a cine: its kind is known now. What is of no kind even now is looked at once."""
    export.cine("IM", "1.2.1")
    (export.root / "README.TXT").write_bytes(b"viewer")
    ingest(archive, export.root, IngestOptions())
    with archive.engine.begin() as connection:
        skipped = text(
            "update core.source_file set state = 'skipped', reason = 'NOT_AN_IMAGE', detail = :detail, video_key = null"
        )
        connection.execute(skipped, {"detail": detail})
    assert ingest(archive, export.root, IngestOptions()).indexed == 1
    with archive.engine.connect() as connection:
        looked = "select array_agg(updated_at order by id) from core.source_file"
        before = connection.scalar(text(looked))
    ingest(archive, export.root, IngestOptions())
    with archive.engine.connect() as connection:
        assert connection.scalar(text(looked)) == before


def test_two_halves_give_the_same_study_vector(archive: Archive, export: Export, tmp_path: Path) -> None:
    for number in range(6):
        export.cine(f"half{number % 2}/IM_{number}", f"1.2.{number}", seed=number)
    ingest(archive, export.root / "half0", IngestOptions(batch_size=2))
    halfway = study_vectors(archive)
    ingest(archive, export.root / "half1", IngestOptions())
    (in_halves,) = study_vectors(archive).values()
    (first_half,) = halfway.values()
    assert np.abs(first_half - in_halves).max() > 1e-3
    with archive.engine.connect() as connection:
        vectors = [from_bytes(v) for v in connection.scalars(select(Embedding.vector))]
    assert len(vectors) == 6
    assert np.abs(np.mean(vectors, axis=0) - in_halves).max() < 1e-5


def test_reports_views_and_sidecars_are_checked_before_anything_is_decoded(
    archive: Archive, export: Export, tmp_path: Path
) -> None:
    export.cine("IM_1", "1.2.1")
    table = tmp_path / "reports.csv"
    table.write_text("study_uid,text\n1.2,MR\n", encoding="utf-8")
    with pytest.raises(TableError):
        ingest(archive, export.root, IngestOptions(reports=table))
    assert isinstance(archive.encoder, FakeEncoder)
    assert archive.encoder.batches == 0


def test_reports_are_linked_and_embedded(archive: Archive, export: Export, tmp_path: Path) -> None:
    export.cine("IM_1", "1.2.1", study="1.2")
    table = tmp_path / "reports.csv"
    table.write_text("study_uid,report_text\n1.2,重度僧帽弁逆流。左室拡大なし\n9.9,所見なし\n", encoding="cp932")
    summary = ingest(archive, export.root, IngestOptions(reports=table))
    assert summary.reports is not None
    assert (summary.reports.linked, summary.reports.unmatched, summary.new_reports) == (1, 1, 1)
    again = ingest(archive, export.root, IngestOptions(reports=table))
    assert (again.new_reports, again.encoder_batches, again.index_writes) == (0, 0, 0)


def test_another_encoder_is_refused_with_both_names(archive: Archive, export: Export) -> None:
    export.cine("IM_1", "1.2.1")
    ingest(archive, export.root, IngestOptions())
    other = Archive(archive.settings, archive.engine, archive.index, FakeEncoder(salt="other"))
    with pytest.raises(EncoderMismatch) as caught:
        ingest(other, export.root, IngestOptions())
    assert archive.encoder_info.fingerprint[:12] in str(caught.value)
    assert other.encoder_info.fingerprint[:12] in str(caught.value)


def test_a_second_ingest_at_once_is_told_so(archive: Archive, export: Export) -> None:
    export.cine("IM_1", "1.2.1")
    with single_ingest(archive.engine), pytest.raises(ArchiveLocked):
        ingest(archive, export.root, IngestOptions())


def test_a_dry_run_says_what_each_file_is_and_writes_nothing(archive: Archive, mixed: Export) -> None:
    seen = {path.relative_to(mixed.root).as_posix(): outcome for path, outcome in dry_run(archive.settings, mixed.root)}
    assert set(seen) == set(mixed.expected)
    for name, expected in mixed.expected.items():
        outcome = seen[name]
        if expected in ("indexed", "DUPLICATE"):  # a copy is only known as one beside the archive
            assert isinstance(outcome, VideoHeader), name
        else:
            assert not isinstance(outcome, VideoHeader)
            assert outcome.reason == expected, name
    with archive.engine.connect() as connection:
        assert archive_counts(connection).found == 0


def test_a_missing_mount_is_not_an_empty_archive(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        ingest(archive, tmp_path / "not-there", IngestOptions())


def test_a_lost_key_file_stops_everything(archive: Archive, export: Export) -> None:
    export.cine("IM_1", "1.2.1")
    ingest(archive, export.root, IngestOptions())
    archive.settings.key_path.unlink()
    again = Archive(archive.settings, archive.engine, archive.index, FakeEncoder())
    with pytest.raises(ConfigError, match="missing: restore it"):
        ingest(again, export.root, IngestOptions())
    load_keyring(archive.settings.key_path)  # somebody makes a new one
    again = Archive(archive.settings, archive.engine, archive.index, FakeEncoder())
    with pytest.raises(ConfigError, match="not the one that this archive was begun with"):
        ingest(again, export.root, IngestOptions())


def test_a_replaced_file_is_taken_again(archive: Archive, export: Export) -> None:
    export.cine("IM_1", "1.2.1", seed=1)
    ingest(archive, export.root, IngestOptions())
    write_cine(export.root / "IM_1", "1.2.2", seed=2)
    summary = ingest(archive, export.root, IngestOptions())
    assert summary.new_videos == 1
    assert verify(archive).clean


def test_the_index_can_be_lost(archive: Archive, mixed: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(archive, mixed.root, IngestOptions())
    collection = archive.collection("videos")
    query = np.ones(archive.encoder_info.dimension, np.float32)
    before = archive.index.search(collection, query, 20)
    archive.index.close()
    shutil.rmtree(archive.settings.home / "qdrant")
    archive.index = EdgeIndex(archive.settings.home / "qdrant", 1.0)
    assert not verify(archive).clean
    batches = archive.encoder.batches  # type: ignore[attr-defined]
    again = rebuild(archive)
    report = verify(archive)
    assert report.clean
    assert (again.points, again.slow_index) == (sum(found.points for found in report.collections), False)
    assert archive.index.search(collection, query, 20) == before
    assert archive.encoder.batches == batches  # type: ignore[attr-defined]
    monkeypatch.setattr(archive.index, "optimize", lambda collection: False)  # no room on the disk
    assert rebuild(archive).slow_index
    archive.index.close()


def test_verify_finds_and_repairs(archive: Archive, mixed: Export) -> None:
    ingest(archive, mixed.root, IngestOptions())
    collection = archive.collection("videos")
    first, second, *_ = archive.index.scroll(collection)
    archive.index.delete(collection, [first.id])
    with archive.engine.begin() as connection:
        connection.execute(
            text("update core.embedding set gen = gen + 1 where video_key = cast(:key as uuid)"), {"key": second.key}
        )
    report = verify(archive)
    videos = next(found for found in report.collections if found.collection == "videos")
    assert (videos.missing, videos.stale, videos.orphans) == ((first.key,), (second.key,), ())
    assert verify(archive, repair=True).repaired == 2
    assert verify(archive).clean


def test_verify_finds_points_that_nobody_here_has_sent(archive: Archive, export: Export) -> None:
    """A point of a known key under another id, beside that key's own, and one of a key that cannot be one."""
    for number in range(2):
        export.cine(f"IM_{number}", f"1.2.{number + 1}", study=f"1.{number}", seed=number)
    ingest(archive, export.root, IngestOptions())
    collection = archive.collection("videos")
    first, _ = archive.index.scroll(collection, whole=True)
    assert first.vector is not None
    payload = Payload(first.key, "", "", first.gen, first.vector_hash)
    ids = {uuid4(), uuid4()}
    for id, key in zip(ids, (first.key, "somebody's"), strict=True):
        archive.index.upsert(collection, [Point(id, first.vector, replace(payload, key=key))])
    videos = next(found for found in verify(archive).collections if found.collection == "videos")
    assert (set(videos.foreign_ids), videos.points, videos.count) == ({str(id) for id in ids}, 4, 2)
    assert verify(archive, repair=True).repaired == 2
    assert verify(archive).clean
    assert archive.index.count(collection) == 2


def test_verify_withdraws_videos_that_no_file_stands_for(archive: Archive, export: Export) -> None:
    for number in range(2):
        export.cine(f"IM_{number}", f"1.2.{number + 1}", study=f"1.{number}", seed=number)
    ingest(archive, export.root, IngestOptions())
    with archive.engine.begin() as connection:
        connection.execute(text("delete from core.source_file where id = (select min(id) from core.source_file)"))
    report = verify(archive, repair=True)
    assert report.faults == ("1 videos are searchable and no file backs them",)
    assert verify(archive).clean
    assert archive.index.count(archive.collection("videos")) == 1


def test_verify_finds_whatever_a_filter_would_answer_wrongly(archive: Archive, export: Export) -> None:
    """Postgres says something else than the point, and no outbox row tells the index: a defect, or somebody's hand."""
    for number in range(2):
        export.cine(f"IM_{number}", f"1.2.{number + 1}", study=f"1.{number}", patient=str(number), seed=number)
    ingest(archive, export.root, IngestOptions())
    changes = {
        "update core.video set view = '4CH', view_prob = 0.97": {"videos"},
        "update core.video set mode = 'colour'": {"videos"},
        "update core.video set device = 'OTHER'": {"videos"},
        "update core.study set month = 199901": {"videos", "studies"},
        "update core.study set age = 90": {"videos", "studies"},
        "update core.study set sex = null": {"videos", "studies"},
        "update core.embedding set vector = decode(repeat('0000803f', length(vector) / 4), 'hex')": {"videos"},
    }
    for change, wrong in changes.items():
        with archive.engine.begin() as connection:
            connection.execute(text(change))
        assert {found.collection for found in verify(archive).collections if len(found.stale) == 2} == wrong
        assert verify(archive, repair=True).repaired == 2 * len(wrong)
        assert verify(archive).clean


@pytest.mark.parametrize("together", [False, True])
def test_an_avi_belongs_to_whom_the_sidecar_says(
    archive: Archive, export: Export, tmp_path: Path, together: bool
) -> None:
    export.cine("z/IM_1", "1.2.1", study="1.2", patient="0001234", AccessionNumber="A1")  # walked behind the others
    if not together:
        ingest(archive, export.root, IngestOptions())
    frames = np.random.default_rng(0).integers(0, 255, (8, 48, 64, 3), dtype=np.uint8)
    for name in ("by_accession.avi", "of_its_own.avi", "of_nobody.avi"):
        with av.open(str(export.root / name), "w") as container:
            stream = container.add_stream("mjpeg", rate=30)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
            for number, pixels in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(np.roll(pixels, len(name) + number, 1), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    table = tmp_path / "videos.csv"
    table.write_text(
        "path,accession_number,patient_id,view\nby_accession.avi,A1,0001234,4CH\nof_its_own.avi,A2,0009,PLAX\n",
        encoding="utf-8",
    )
    summary = ingest(archive, export.root, IngestOptions(sidecar=table))
    assert (summary.indexed, summary.reasons) == (3, {"NO_IDENTITY": 1})
    with archive.engine.connect() as connection:
        rows = connection.execute(select(Video.study_key, Video.view).order_by(Video.view))
        studies = {row.view: row.study_key for row in rows}
    assert studies["4CH"] == archive.keyring.study("1.2")
    assert studies["LAX"] != studies["4CH"]
    assert ingest(archive, export.root, IngestOptions(sidecar=table)).new_videos == 0


def test_duplicates_and_conflicts_of_real_files(archive: Archive, export: Export) -> None:
    export.cine("A", "1.2.1", seed=1)
    export.cine("B_SAME_PIXELS", "1.2.1", "DUPLICATE", seed=1, StationName="EXPORTED AGAIN")
    export.cine("C", "1.2.2", "UID_CONFLICT", seed=2)
    export.cine("D_OTHER_PIXELS", "1.2.2", "UID_CONFLICT", seed=3)
    export.cine("E", "1.9.1", "PATIENT_CONFLICT", seed=4, study="1.9", patient="1")
    export.cine("F_OTHER_PATIENT", "1.9.2", "PATIENT_CONFLICT", seed=5, study="1.9", patient="2")
    summary = ingest(archive, export.root, IngestOptions())
    with archive.engine.connect() as connection:
        for name, expected in export.expected.items():
            status = why(connection, archive.keyring.path((export.root / name).resolve()))
            assert status is not None
            assert (status.reason or status.state) == expected, name
    assert (summary.indexed, summary.quarantined, summary.skipped) == (1, 4, 1)
    assert verify(archive).clean


def test_a_stray_patient_in_a_large_study_is_found_while_others_decode_and_can_be_corrected(
    archive: Archive, export: Export
) -> None:
    for number in range(40):
        patient = "2" if number == 20 else "1"
        export.cine(f"IM_{number:02d}", f"1.2.{number + 1}", study="1.2", patient=patient, seed=number)
    export.cine("ZZ_OTHER", "1.3.1", study="1.3", patient="3", seed=50)
    summary = ingest(archive, export.root, IngestOptions())
    assert (summary.indexed, summary.reasons) == (1, {"PATIENT_CONFLICT": 40})
    assert verify(archive).clean
    write_cine(export.root / "IM_20", "1.2.21", study="1.2", patient="1", seed=20)
    assert ingest(archive, export.root, IngestOptions()).quarantined == 40  # a file may not lift a conflict by itself
    summary = ingest(archive, export.root, IngestOptions(retry_quarantined=True))
    assert (summary.indexed, summary.quarantined, summary.pending) == (41, 0, 0)
    assert verify(archive).clean


def test_a_study_whose_videos_point_in_opposite_ways_has_no_mean_and_ends_nothing(
    archive: Archive, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        export.cine(f"IM_{number}", f"1.2.{number + 1}", study="1.2", seed=number)

    def opposite(clips: Sequence[Clip]) -> Vectors:
        signs = np.array([1.0, -1.0], np.float32)[: len(clips), None]
        return np.repeat(signs, archive.encoder_info.dimension, axis=1)

    monkeypatch.setattr(archive.encoder, "encode_clips", opposite)
    assert ingest(archive, export.root, IngestOptions(batch_size=2)).indexed == 2
    report = verify(archive)
    assert ([found.points for found in report.collections], report.faults) == (
        [2, 0, 0],
        ("1 studies have videos and no study vector",),
    )
