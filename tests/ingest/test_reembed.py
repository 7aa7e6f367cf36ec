"""Re-embedding: another encoder sees all that stands, the one before answers until it is whole, and can come back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, text

from echosearch.archive import Archive
from echosearch.clip import Clip
from echosearch.db.files.ledger import single_ingest
from echosearch.db.files.status import archive_counts, why
from echosearch.db.schema.tables import Embedding, StudyEmbedding
from echosearch.db.vectors import outbox
from echosearch.db.vectors.generation import active_encoder, generations, register_encoder
from echosearch.db.vectors.points import VECTOR_TABLES
from echosearch.encoder.fake import FakeEncoder
from echosearch.errors import ArchiveLocked, EmptyArchive, EncoderMismatch, InputError
from echosearch.index.base import KINDS, Collection
from echosearch.index.edge.index import EdgeIndex
from echosearch.outcome import Reason
from echosearch.search.query import query_text
from echosearch.search.results import SearchOptions
from echosearch.vector import Vectors, from_bytes
from echosearch.workers.jobs import WorkerDied
from echosearch.workers.tasks import ClipTask
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.reembed import ReembedOptions, drop, reembed
from ingest.verify import verify
from tests.conftest import empty_tables
from tests.ingest.conftest import Export
from tests.ingest.test_views import BrightnessViews

FIRST, OTHER = "", "retrained"
WHOLE = ReembedOptions()


def by(archive: Archive, salt: str) -> Archive:
    """The same archive with a fresh fake encoder in use; the one before has salt FIRST."""
    return Archive(archive.settings, archive.engine, archive.index, FakeEncoder(64 if salt == FIRST else 32, salt=salt))


def batches(archive: Archive) -> int:
    assert isinstance(archive.encoder, FakeEncoder)
    return archive.encoder.batches


def vectors(archive: Archive) -> dict[str, Vectors]:
    """Key -> raw vector, of videos, studies and reports of the archive's encoder."""
    with archive.engine.begin() as connection:
        encoder_id = register_encoder(connection, archive.encoder_info)
        return {
            row[0]: from_bytes(row[1])
            for table, key in VECTOR_TABLES.values()
            for row in connection.execute(
                text(f"select cast({key} as text), vector from {table} where encoder_id = :encoder"),
                {"encoder": encoder_id},
            )
        }


def answers(archive: Archive) -> list[tuple[str, float]]:
    return [(hit.study, hit.score) for hit in query_text(archive, "重度僧帽弁逆流", SearchOptions()).hits]


@pytest.fixture
def filled(archive: Archive, mixed: Export, tmp_path: Path) -> Archive:
    """Ten videos of four studies, two reports, all indexed by FIRST."""
    table = tmp_path / "reports.csv"
    table.write_text("study_uid,report_text\n1.2.1,重度僧帽弁逆流\n1.2.2,所見なし\n", encoding="utf-8")
    assert ingest(archive, mixed.root, IngestOptions(reports=table)).indexed == 10
    return archive


def test_the_vectors_are_those_of_an_ingest_by_the_other_encoder(
    filled: Archive, mixed: Export, tmp_path: Path
) -> None:
    other = by(filled, OTHER)
    made = reembed(other, WHOLE)
    assert (made.promoted, made.videos, made.embedded, made.missing, made.new_videos) == (True, 10, 10, 0, 10)
    assert (made.new_reports, made.indexed.studies, made.indexed.videos, made.indexed.reports) == (2, 4, 10, 2)
    assert (made.before, made.encoder) == (filled.encoder_info, other.encoder_info)
    assert verify(other).clean
    through_both, found = vectors(other), answers(other)

    empty_tables(filled.engine)
    alone = Archive(filled.settings, filled.engine, EdgeIndex(tmp_path / "alone", 1.0), FakeEncoder(32, salt=OTHER))
    ingest(alone, mixed.root, IngestOptions(reports=tmp_path / "reports.csv"))
    at_once = vectors(alone)
    assert at_once.keys() == through_both.keys()
    assert all(np.array_equal(at_once[key], through_both[key]) for key in at_once)
    assert answers(alone) == found
    alone.index.close()


def test_a_second_run_does_nothing(filled: Archive) -> None:
    reembed(by(filled, OTHER), WHOLE)
    other = by(filled, OTHER)
    again = reembed(other, WHOLE)
    assert (again.promoted, again.new_videos, again.new_reports, again.index_writes) == (True, 0, 0, 0)
    assert (again.before, batches(other)) == (other.encoder_info, 0)


def test_the_one_before_answers_until_the_hand_over_and_each_refuses_the_other(filled: Archive) -> None:
    before, other = answers(filled), by(filled, OTHER)
    made = reembed(other, ReembedOptions(promote=False))
    assert (made.promoted, made.embedded, made.missing) == (False, 10, 0)
    assert answers(filled) == before
    assert verify(filled).clean
    with pytest.raises(EncoderMismatch, match="echosearch reembed"):
        answers(other)
    assert reembed(by(filled, OTHER), WHOLE).encoder_batches == 0
    assert answers(other) != before
    with pytest.raises(EncoderMismatch):
        answers(filled)


def test_the_way_back_needs_no_encoder_but_for_what_came_since(filled: Archive, mixed: Export) -> None:
    before = vectors(filled)
    other = by(filled, OTHER)
    reembed(other, WHOLE)
    mixed.cine("DICOM/ST0/IM_NEW", "1.2.1.77", study="1.2.1", patient="0000", seed=99)
    ingest(other, mixed.root, IngestOptions())
    back = by(filled, FIRST)
    made = reembed(back, WHOLE)
    assert (made.promoted, made.new_videos, made.new_reports) == (True, 1, 0)
    assert verify(back).clean
    now = vectors(back)
    changed = {key for key in before if not np.array_equal(before[key], now[key])}
    assert len(changed) == 1  # the study that has one video more
    assert len(now) == len(before) + 1


def test_an_index_that_was_lost_meanwhile_is_made_again_before_its_encoder_answers(filled: Archive) -> None:
    before = answers(filled)
    reembed(by(filled, OTHER), WHOLE)
    filled.index.drop(filled.collection("studies"))
    filled.index.delete(
        filled.collection("videos"), [point.id for point in filled.index.scroll(filled.collection("videos"))][:3]
    )
    made = reembed(by(filled, FIRST), WHOLE)
    assert (made.promoted, made.index_writes, made.encoder_batches) == (True, 4 + 3, 0)
    assert answers(filled) == before
    assert verify(filled).clean


def test_stopped_anywhere_it_goes_on_from_there(filled: Archive) -> None:
    class Stopped(FakeEncoder):
        def encode_clips(self, clips: Sequence[Clip]) -> Vectors:
            if self.batches:
                raise KeyboardInterrupt
            return super().encode_clips(clips)

    stopped = Archive(filled.settings, filled.engine, filled.index, Stopped(32, salt=OTHER))
    with pytest.raises(KeyboardInterrupt):
        reembed(stopped, ReembedOptions(batch_size=4))
    assert len(answers(filled)) == 4
    assert verify(filled).clean
    made = reembed(by(filled, OTHER), WHOLE)
    assert (made.promoted, made.new_videos, made.embedded) == (True, 6, 10)
    assert verify(by(filled, OTHER)).clean


def test_an_ingest_between_is_seen_by_both(filled: Archive, mixed: Export) -> None:
    """A video is withdrawn, another moves to another study, a third comes: before the new encoder answers."""
    reembed(by(filled, OTHER), ReembedOptions(promote=False))
    (mixed.root / "DICOM/ST0/IM_0000").write_bytes(b"not a cine any more")
    (mixed.root / "DICOM/ST0/IM_COPY").unlink()
    mixed.cine("DICOM/ST1/IM_0000", "1.2.2.1", study="1.2.3", patient="0002", seed=10)
    mixed.cine("DICOM/ST1/IM_0009", "1.2.2.9", study="1.2.2", patient="0001", seed=19)
    ingest(filled, mixed.root, IngestOptions())
    assert verify(filled).clean
    made = reembed(by(filled, OTHER), WHOLE)
    assert (made.videos, made.new_videos) == (10, 2)  # what moved to another study was made anew
    assert verify(by(filled, OTHER)).clean
    assert vectors(filled).keys() == vectors(by(filled, OTHER)).keys()


def test_what_cannot_be_embedded_keeps_the_one_before_answering(filled: Archive, mixed: Export, tmp_path: Path) -> None:
    gone, changed = mixed.root / "DICOM/ST1/IM_0001", mixed.root / "DICOM/ST2/IM_0002"
    shutil.move(gone, tmp_path / "elsewhere")
    os.utime(changed, ns=(1, 1))
    with filled.engine.connect() as connection:
        ledger = archive_counts(connection)
    made = reembed(by(filled, OTHER), WHOLE)
    assert (made.promoted, made.embedded, made.missing) == (False, 8, 2)
    assert made.reasons == {Reason.UNREADABLE: 1, Reason.CHANGED: 1}
    assert {Path(path) for path in made.files} == {gone, changed}
    with filled.engine.connect() as connection:
        assert archive_counts(connection) == ledger
        assert active_encoder(connection) == filled.encoder_info
    assert len(answers(filled)) == 4
    assert verify(filled).clean

    other = by(filled, OTHER)
    made = reembed(other, ReembedOptions(leave_out_missing=True))
    assert (made.promoted, made.missing) == (True, 2)
    assert verify(other).clean
    with filled.engine.connect() as connection:
        counts = archive_counts(connection)
    assert (counts.indexed, counts.pending) == (8, 2)
    shutil.move(tmp_path / "elsewhere", gone)
    assert ingest(other, mixed.root, IngestOptions()).new_videos == 2
    assert verify(other).clean
    assert vectors(other).keys() == vectors(filled).keys()


def test_the_way_back_takes_what_was_left_out_along(filled: Archive, mixed: Export) -> None:
    """Two files are gone for good: whoever has their vectors goes on finding them, and who has not is told so."""
    for name in ("DICOM/ST1/IM_0001", "DICOM/ST2/IM_0002"):
        (mixed.root / name).unlink()
    other = by(filled, OTHER)
    reembed(other, ReembedOptions(leave_out_missing=True))
    assert ingest(other, mixed.root, IngestOptions()).pending == 2
    made = reembed(by(filled, FIRST), WHOLE)
    assert (made.promoted, made.videos, made.indexed.videos) == (True, 8, 10)
    summary = ingest(by(filled, FIRST), mixed.root, IngestOptions())
    assert (summary.indexed, summary.pending, summary.new_videos) == (10, 0, 0)
    assert verify(by(filled, FIRST)).clean
    third = reembed(by(filled, "third"), WHOLE)
    assert (third.promoted, third.videos, third.missing) == (False, 10, 2)


def test_files_that_wait_for_an_ingest_are_missing_not_forgotten(filled: Archive, mixed: Export) -> None:
    """An ingest claimed changed files and was killed: what they were is still found by the encoder before."""
    with filled.engine.begin() as connection:
        connection.execute(text("update core.source_file set state = 'registered', size = 1 where state = 'indexed'"))
    made = reembed(by(filled, OTHER), WHOLE)
    assert (made.promoted, made.videos, made.missing) == (False, 10, 9)  # of one there is a copy
    assert made.reasons == {Reason.CHANGED: 9}
    assert len(answers(filled)) == 4
    ingest(filled, mixed.root, IngestOptions())
    made = reembed(by(filled, OTHER), WHOLE)
    assert (made.promoted, made.videos, made.missing) == (True, 10, 0)


def test_a_view_that_is_learned_meanwhile_changes_the_means_of_both(filled: Archive, mixed: Export) -> None:
    """Left out, read again by the new encoder's ingest with a classifier: the study before has its mean by the view."""
    away = (mixed.root / "US_REAL").rename(mixed.root.parent / "away")
    other = by(filled, OTHER)
    reembed(other, ReembedOptions(leave_out_missing=True))
    away.rename(mixed.root / "US_REAL")
    vars(other)["view_classifier"] = BrightnessViews(above=-1.0)
    assert ingest(other, mixed.root, IngestOptions()).new_videos == 1
    with filled.engine.connect() as connection:
        gated = connection.scalars(select(StudyEmbedding.gated).where(StudyEmbedding.gated)).all()
    assert len(gated) == 2  # one study, by two encoders


def test_searches_go_on_until_the_index_is_written(filled: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where an ingest that was killed had left something to send."""
    filled.index.close()
    with filled.engine.begin() as connection:
        outbox.enqueue_everything(connection, register_encoder(connection, filled.encoder_info))
    written: list[str] = []
    monkeypatch.setattr(EdgeIndex, "_hold", lambda self: written.append("index"))

    class Seen(FakeEncoder):
        def encode_texts(self, texts: Sequence[str]) -> Vectors:
            assert written == []
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reembed(Archive(filled.settings, filled.engine, filled.index, Seen(32, salt=OTHER)), WHOLE)
    assert written == []


def test_an_index_that_was_not_ordered_is_before_it_answers(filled: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    ordered: list[str] = []

    def optimize(self: EdgeIndex, collection: Collection) -> bool:
        ordered.append(collection.kind)
        if len(ordered) == 1:
            raise KeyboardInterrupt
        return True

    monkeypatch.setattr(EdgeIndex, "optimize", optimize)
    with pytest.raises(KeyboardInterrupt):
        reembed(by(filled, OTHER), WHOLE)
    assert reembed(by(filled, OTHER), WHOLE).promoted
    assert ordered == ["videos", *KINDS]


def test_a_copy_is_read_where_the_file_that_stands_is_gone(filled: Archive, mixed: Export) -> None:
    (mixed.root / "DICOM/ST0/IM_0000").unlink()  # IM_COPY holds the same
    made = reembed(by(filled, OTHER), WHOLE)
    assert (made.promoted, made.missing) == (True, 0)


def test_a_copy_is_read_where_the_file_that_stands_is_not_what_it_was(filled: Archive, mixed: Export) -> None:
    """Size and time are as they were, so that only decoding finds out."""
    stands = mixed.root / "DICOM/ST0/IM_0000"
    found = stands.stat()
    stands.write_bytes(b"junk".ljust(found.st_size, b"."))
    os.utime(stands, ns=(found.st_atime_ns, found.st_mtime_ns))
    made = reembed(by(filled, OTHER), WHOLE)
    assert (made.promoted, made.missing, made.reasons, made.new_videos) == (True, 0, {}, 10)


def test_a_copy_that_comes_back_stands_for_what_was_left_out(filled: Archive, mixed: Export, tmp_path: Path) -> None:
    (mixed.root / "DICOM/ST0/IM_0000").unlink()
    away = (mixed.root / "DICOM/ST0/IM_COPY").rename(tmp_path / "away")
    other = by(filled, OTHER)
    assert reembed(other, ReembedOptions(leave_out_missing=True)).missing == 1
    away.rename(mixed.root / "DICOM/ST0/IM_COPY")
    assert ingest(other, mixed.root, IngestOptions()).new_videos == 1
    assert verify(other).clean
    reembed(by(filled, FIRST), WHOLE)
    assert ingest(by(filled, FIRST), mixed.root, IngestOptions()).new_videos == 0
    assert verify(by(filled, FIRST)).clean
    assert vectors(by(filled, FIRST)).keys() == vectors(other).keys()


def test_a_worker_that_dies_twice_costs_the_new_encoder_that_video_alone(
    filled: Archive, mixed: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool's answer is put in its place here; tests/workers has real deaths."""
    doomed = (mixed.root / "US_REAL").resolve()
    from echosearch.workers.pool import DecodePool

    given = DecodePool.map
    deaths = 0

    def dying(self: DecodePool, function, tasks, **how):  # type: ignore[no-untyped-def]
        nonlocal deaths
        for task, result in given(self, function, tasks, **how):
            if isinstance(task, ClipTask) and task.path == doomed:
                deaths += 1
                yield task, WorkerDied("signal 11")
            else:
                yield task, result

    monkeypatch.setattr(DecodePool, "map", dying)
    made = reembed(by(filled, OTHER), WHOLE)
    assert deaths == 2
    assert (made.promoted, made.missing, made.reasons) == (False, 1, {Reason.DECODER_CRASH: 1})
    with filled.engine.connect() as connection:
        status = why(connection, filled.keyring.path(doomed))
    assert status is not None
    assert (status.state, status.attempts) == ("indexed", 1)


def test_an_encoder_without_vocabulary_takes_the_videos_over(filled: Archive) -> None:
    other = by(filled, OTHER)
    assert isinstance(other.encoder, FakeEncoder)
    other.encoder.reads_texts = False
    made = reembed(other, WHOLE)
    assert (made.promoted, made.unread_texts, made.indexed.reports) == (True, True, 0)


def test_dropped_vectors_are_gone_from_both_stores(filled: Archive) -> None:
    other = by(filled, OTHER)
    reembed(other, WHOLE)
    with filled.engine.connect() as connection:
        assert [(one.state, one.videos) for one in generations(connection)] == [("active", 10), ("retired", 10)]
    with pytest.raises(InputError, match="2 encoders are called 'fake'"):
        drop(other, "fake")
    with pytest.raises(InputError, match="answers the queries"):
        drop(other, other.encoder_info.fingerprint[:8])
    with pytest.raises(InputError, match="no encoder called 'nobody'"):
        drop(other, "nobody")
    assert drop(other, filled.encoder_info.fingerprint[:12]) == (filled.encoder_info, 10)
    assert not {filled.collection(kind).name for kind in KINDS} & set(filled.index.collections())
    with filled.engine.connect() as connection:
        assert [one.encoder for one in generations(connection)] == [other.encoder_info]
    assert vectors(filled) == {}
    assert verify(other).clean
    assert drop(other, filled.encoder_info.fingerprint) == (filled.encoder_info, 0)  # as after a kill half-way
    made = reembed(by(filled, FIRST), WHOLE)
    assert (made.promoted, made.new_videos) == (True, 10)


def test_nothing_to_embed_and_an_ingest_under_way(archive: Archive, export: Export) -> None:
    with pytest.raises(EmptyArchive):
        reembed(archive, WHOLE)
    export.cine("IM_1", "1.2.1")
    ingest(archive, export.root, IngestOptions())
    with single_ingest(archive.engine), pytest.raises(ArchiveLocked):
        reembed(by(archive, OTHER), WHOLE)


def test_what_a_killed_ingest_left_is_sent_first(archive: Archive, export: Export) -> None:
    """Its file is embedded and not indexed: only the encoder before may make that so."""
    export.cine("IM_1", "1.2.1")
    ingest(archive, export.root, IngestOptions())
    with archive.engine.begin() as connection:
        connection.execute(text("update core.source_file set state = 'embedded'"))
        connection.execute(
            text(
                "insert into core.outbox (encoder_id, collection, key, op, gen)"
                " select encoder_id, 'videos', video_key, 'upsert', gen from core.embedding"
            )
        )
        connection.execute(text("update core.embedding set indexed_gen = null"))
    reembed(by(archive, OTHER), ReembedOptions(promote=False))
    assert verify(archive).clean
    with archive.engine.connect() as connection:
        assert archive_counts(connection).pending == 0
        assert connection.scalar(select(Embedding.indexed_gen).order_by(Embedding.encoder_id).limit(1)) is not None
        assert len(connection.scalars(select(StudyEmbedding.study_key)).all()) == 2
