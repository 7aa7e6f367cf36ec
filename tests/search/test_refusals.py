"""What search refuses, each as one clear line; and what the database does not know is not shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from echosearch.archive import Archive
from echosearch.db.vectors.generation import activate, register_encoder
from echosearch.encoder.base import TextNotes, WordCount
from echosearch.encoder.fake import FakeEncoder
from echosearch.errors import (
    EchosearchError,
    EmptyArchive,
    EncoderMismatch,
    FileRefused,
    InputError,
    UnknownStudy,
    WhereError,
)
from echosearch.index.base import Payload, Point, point_id
from echosearch.search.filter_parser import parse_where
from echosearch.search.query import query_text
from echosearch.search.reports import find_reports
from echosearch.search.results import SearchOptions
from echosearch.search.similar import similar
from tests.search.conftest import DIMENSION, Corpus, add_video

ASK = SearchOptions()


def test_an_empty_archive_says_what_to_do(empty: Archive) -> None:
    asks: list[Callable[[], object]] = [lambda: query_text(empty, "弁", ASK), lambda: similar(empty, "1.2.3", ASK)]
    for ask in asks:
        with pytest.raises(EmptyArchive, match="run echosearch ingest"):
            ask()
    with empty.engine.begin() as connection:  # an ingest that found nothing it could use
        activate(connection, register_encoder(connection, empty.encoder.id))
    with pytest.raises(EmptyArchive, match="run echosearch ingest"):
        query_text(empty, "弁", ASK)


def test_another_encoder_is_refused_with_both_names(corpus: Corpus) -> None:
    archive = corpus.archive
    other = Archive(archive.settings, archive.engine, archive.index, FakeEncoder(dimension=DIMENSION, salt="other"))
    with pytest.raises(EncoderMismatch) as caught:
        query_text(other, "弁", ASK)
    assert str(archive.encoder_info) in str(caught.value)
    assert str(other.encoder_info) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("1.2.392.999", "no such study"),
        ("ffffffff", "no such study"),
        ("3f2a", "no such study"),  # too short for the start of a key
        ("", "no such study"),
        ("ACC0015", "names 3 studies"),  # an accession number that three studies share
        ("no/such/file.dcm", "no such study"),
        ("'; drop table core.study; --", "no such study"),
    ],
)
def test_an_unknown_study_is_one_line_without_its_identifier(corpus: Corpus, name: str, told: str) -> None:
    with pytest.raises(UnknownStudy, match=told) as caught:
        similar(corpus.archive, name, ASK)
    assert not name or name not in str(caught.value)


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda archive: query_text(archive, " 。", ASK), InputError),
        (lambda archive: query_text(archive, "弁" * 20_001, ASK), InputError),
        (lambda archive: query_text(archive, "弁\udcff", ASK), InputError),
        (lambda archive: similar(archive, ".", ASK), InputError),
        (lambda archive: similar(archive, "ACC\udcff", ASK), UnknownStudy),
        (lambda archive: similar(archive, "ACC\0", ASK), UnknownStudy),
        (lambda _: parse_where("device = '\udcff'"), WhereError),
        (
            lambda archive: find_reports(archive, "1.2.392.1", SearchOptions(where=parse_where("view = 4CH"))),
            WhereError,
        ),
        (
            lambda archive: find_reports(archive, "1.2.392.1", SearchOptions(where=parse_where("device = a"))),
            WhereError,
        ),
        (lambda _: SearchOptions(top_k=0), InputError),
        (lambda _: SearchOptions(top_k=201), InputError),
        (lambda _: SearchOptions(min_view_prob=1.5), InputError),
    ],
)
def test_wrong_input(corpus: Corpus, ask: Callable[[Archive], object], error: type[EchosearchError]) -> None:
    with pytest.raises(error) as caught:
        ask(corpus.archive)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_cine(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "IM_0001"
    path.write_text("not DICOM")
    with pytest.raises(FileRefused, match="NOT_AN_IMAGE"):
        similar(corpus.archive, str(path), ASK)


def test_a_study_in_conflict_disappears(corpus: Corpus) -> None:
    study = corpus.studies[5]
    where = text("update core.study set conflict = :on where study_key = cast(:key as uuid)")
    try:
        with corpus.archive.engine.begin() as connection:
            connection.execute(where, {"on": True, "key": study.key})
        results = query_text(corpus.archive, "弁", SearchOptions(top_k=200))
        assert study.key not in {hit.study for hit in results.hits}
        assert len(results.hits) == len(corpus.studies) - 1
        assert any("verify" in warning for warning in results.warnings)
        videos = query_text(corpus.archive, "弁", SearchOptions(top_k=200, group="video"))
        assert study.key not in {hit.study for hit in videos.hits}
        with pytest.raises(UnknownStudy, match="two patients"):
            similar(corpus.archive, study.uid, ASK)
    finally:
        with corpus.archive.engine.begin() as connection:
            connection.execute(where, {"on": False, "key": study.key})
    assert study.key in {hit.study for hit in query_text(corpus.archive, "弁", SearchOptions(top_k=200)).hits}


def test_a_point_without_a_row_or_of_another_generation_is_not_shown(corpus: Corpus) -> None:
    """Ghosts nearest to the query, more than a page of them: the real hits come all the same."""
    archive = corpus.archive
    collection = archive.collection("videos")
    vector = archive.encoder.encode_texts(["弁"])[0]
    known = corpus.videos[0]
    keys = [archive.keyring.video(f"ghost.{number}") for number in range(90)]
    ghosts = [
        Point(
            point_id(collection.fingerprint, key),
            vector,
            Payload(key=key, study=known.study.key, patient=known.study.patient, gen=1, vector_hash=""),
        )
        for key in keys
    ]
    stale = known.key
    ghosts.append(
        Point(
            point_id(collection.fingerprint, stale),
            vector,
            Payload(key=stale, study=known.study.key, patient=known.study.patient, gen=7, vector_hash=""),
        )
    )
    try:
        archive.index.upsert(collection, ghosts)
        for group in ("video", "study"):
            options = SearchOptions(top_k=12, group=group, where=parse_where("view != SAX"))
            results = query_text(archive, "弁", options)
            assert len(results.hits) == 12
            assert not {hit.video for hit in results.hits} & {*keys, stale}
            assert any("91 results left out" in warning for warning in results.warnings)
    finally:
        archive.index.delete(collection, [ghost.id for ghost in ghosts])
        back = Payload(
            key=stale, study=known.study.key, patient=known.study.patient, gen=1, vector_hash="", mode=known.mode,
            view=known.view, view_prob=known.view_prob,
        )  # fmt: skip
        archive.index.upsert(collection, [Point(point_id(collection.fingerprint, stale), known.vector, back)])


def test_a_video_that_is_not_indexed_yet_is_no_ones_best(corpus: Corpus) -> None:
    """Written but not relayed: it is in no study's mean in the index, and must not be shown."""
    study = corpus.studies[8]
    vector = corpus.archive.encoder.encode_texts(["弁"])[0]
    late = replace(corpus.of(study)[0], key=corpus.archive.keyring.video("late"), sop="late", vector=vector)
    with corpus.archive.engine.begin() as connection:
        add_video(connection, late)
        connection.execute(
            text(
                "insert into core.embedding (encoder_id, video_key, vector)"
                " values (:encoder, cast(:key as uuid), :vector)"
            ),
            {"encoder": corpus.encoder_id, "key": late.key, "vector": vector.astype("<f4").tobytes()},
        )
    try:
        hits = query_text(corpus.archive, "弁", SearchOptions(top_k=200)).hits
        assert study.key in {hit.study for hit in hits}
        assert late.key not in {hit.video for hit in hits}
    finally:
        with corpus.archive.engine.begin() as connection:
            for table in ("core.embedding", "phi.video", "core.video"):
                connection.execute(text(f"delete from {table} where video_key = cast(:key as uuid)"), {"key": late.key})


@pytest.mark.parametrize(
    ("words", "left_out", "said"),
    [
        (WordCount(0, 2), 0, "knows none of the query's words"),
        (WordCount(0, 0), 0, "knows none of the query's words"),
        (WordCount(2, 1), 0, "does not know 1 of the query's 3 words"),
        (WordCount(2, 0), 7, "7 of its phrases"),
        (WordCount(2, 0), 0, ""),
    ],
)
def test_what_of_a_query_is_not_read_is_said(corpus: Corpus, words: WordCount, left_out: int, said: str) -> None:
    class Encoder(FakeEncoder):
        def known_words(self, text: str) -> WordCount:
            return words

        def text_notes(self, texts: Sequence[str]) -> list[TextNotes]:
            return [TextNotes(left_out) for _ in texts]

    archive = corpus.archive
    mine = Archive(archive.settings, archive.engine, archive.index, Encoder(dimension=DIMENSION))
    untrained, *others = query_text(mine, "犬の散歩", ASK).warnings
    assert "untrained" in untrained
    assert len(others) == bool(said)
    assert all(said in warning for warning in others)


def test_an_english_encoder_warns_of_a_japanese_query(corpus: Corpus) -> None:
    archive = corpus.archive
    english = FakeEncoder(dimension=DIMENSION)
    english.text_spec = replace(english.text_spec, language="en")
    results = query_text(Archive(archive.settings, archive.engine, archive.index, english), "severe MR", ASK)
    assert len(results.warnings) == 1
    results = query_text(Archive(archive.settings, archive.engine, archive.index, english), "重度MR", ASK)
    assert "reads English" in results.warnings[1]
    assert np.isfinite([hit.score for hit in results.hits]).all()
