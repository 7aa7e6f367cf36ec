"""An index that holds less, or more, than the database: each search says so, the next ingest makes it right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import QdrantClient
from sqlalchemy import Engine, text

from echosearch.archive import Archive
from echosearch.coverage import find_gaps
from echosearch.db.vectors import outbox
from echosearch.db.vectors.coverage import indexed_counts
from echosearch.db.vectors.generation import activate, delete_generation, register_encoder
from echosearch.db.vectors.points import VECTOR_TABLES
from echosearch.db.vectors.write import touch_videos, withdraw_reports, withdraw_videos
from echosearch.errors import StoreUnreachable
from echosearch.index.base import KINDS, PointKind, point_id
from echosearch.index.server.index import ServerIndex
from echosearch.search.query import query_text
from echosearch.search.reports import find_reports
from echosearch.search.results import SearchOptions
from ingest.relay import relay
from ingest.verify import heal, verify
from tests.search.conftest import Corpus, fill, open_empty

ASK = SearchOptions(top_k=5)
pytestmark = [  # of the stand-in for a server
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
]


@pytest.fixture(params=["edge", "server"])
def mine(request: pytest.FixtureRequest, database: Engine, tmp_path: Path) -> Iterator[Corpus]:
    """A corpus of this test alone, on either index."""
    archive = open_empty(database, tmp_path / "home")
    if request.param == "server":
        archive.index.close()
        archive = Archive(archive.settings, archive.engine, ServerIndex(QdrantClient(":memory:")), archive.encoder)
    with database.begin() as connection:
        encoder_id = register_encoder(connection, archive.encoder.id)
        activate(connection, encoder_id)
    made = Corpus(archive, encoder_id)
    fill(made, np.random.default_rng(3))
    relay(archive, archive.encoder.id, encoder_id)
    yield made
    archive.index.close()


def lose(corpus: Corpus, kind: PointKind, keys: list[str]) -> None:
    """Take points out of the index behind the database's back."""
    collection = corpus.archive.collection(kind)
    corpus.archive.index.delete(collection, [point_id(collection.fingerprint, key) for key in keys])


def about_the_index(corpus: Corpus, options: SearchOptions = ASK) -> list[str]:
    return [warning for warning in query_text(corpus.archive, "弁", options).warnings if "the index holds" in warning]


def counted(corpus: Corpus) -> dict[str, int]:
    """The rows themselves, which the triggers count."""
    with corpus.archive.engine.connect() as connection:
        return {
            collection: int(
                connection.execute(
                    text(f"select count(*) from {table} where encoder_id = :encoder and indexed_gen is not null"),
                    {"encoder": corpus.encoder_id},
                ).scalar_one()
            )
            for collection, (table, _) in VECTOR_TABLES.items()
        }


def kept(corpus: Corpus) -> dict[str, int]:
    with corpus.archive.engine.connect() as connection:
        return indexed_counts(connection, corpus.encoder_id)


def test_a_whole_index_is_not_spoken_of(mine: Corpus) -> None:
    assert about_the_index(mine) == []
    assert about_the_index(mine, SearchOptions(group="video")) == []
    assert kept(mine) == counted(mine) == {"videos": len(mine.videos), "studies": 32, "reports": len(mine.reports)}


def test_what_is_missing_is_counted_in_a_warning_and_the_next_ingest_sends_it(mine: Corpus) -> None:
    lose(mine, "studies", [study.key for study in mine.studies[:5]])
    (told,) = about_the_index(mine)
    assert "27 of the 32 studies" in told
    assert "echosearch index rebuild" in told
    archive, encoder = mine.archive, mine.archive.encoder.id
    assert heal(archive, encoder, mine.encoder_id) == 5
    assert relay(archive, encoder, mine.encoder_id) == 5
    assert about_the_index(mine) == []
    assert heal(archive, encoder, mine.encoder_id) == 0
    assert verify(archive).clean


def test_what_is_too_much_is_counted_too(mine: Corpus) -> None:
    archive = mine.archive
    with archive.engine.begin() as connection:  # the database was restored, the index was not
        connection.execute(
            text("delete from core.study_embedding where study_key = cast(:key as uuid)"), {"key": mine.studies[0].key}
        )
    (told,) = about_the_index(mine)
    assert "32 studies, the database 31" in told
    heal(archive, archive.encoder.id, mine.encoder_id)
    relay(archive, archive.encoder.id, mine.encoder_id)
    assert about_the_index(mine) == []


def test_a_lost_collection_that_was_not_asked_is_missed_too(mine: Corpus) -> None:
    mine.archive.index.drop(mine.archive.collection("videos"))
    (told,) = about_the_index(mine)
    assert f"none of the {len(mine.videos)} videos" in told


@pytest.mark.parametrize("emptied", [False, True])
def test_a_lost_index_names_what_makes_it_anew(mine: Corpus, emptied: bool) -> None:
    for kind in KINDS:
        mine.archive.index.drop(mine.archive.collection(kind))
        if emptied:
            mine.archive.index.ensure(mine.archive.collection(kind))
    asked: list[Callable[[], object]] = [
        lambda: query_text(mine.archive, "弁", ASK),
        lambda: query_text(mine.archive, "弁", SearchOptions(group="video")),
        lambda: find_reports(mine.archive, mine.studies[0].key, ASK),
    ]
    for ask in asked:
        with pytest.raises(StoreUnreachable, match=r"none of the .* index rebuild") as lost:
            ask()
        assert "ingest" not in str(lost.value)
    heal(mine.archive, mine.archive.encoder.id, mine.encoder_id)
    relay(mine.archive, mine.archive.encoder.id, mine.encoder_id)
    assert about_the_index(mine) == []


def test_what_is_due_may_be_there_or_not(mine: Corpus) -> None:
    archive, encoder = mine.archive, mine.archive.encoder.id
    with archive.engine.begin() as connection:
        withdraw_reports(connection, mine.encoder_id, sorted(mine.reports)[:2])  # the index still has these
        touch_videos(connection, [mine.videos[0].key])
    assert about_the_index(mine) == []
    with archive.engine.begin() as connection:  # sent for the first time: not yet there
        connection.execute(
            text("update core.embedding set indexed_gen = null where video_key = cast(:key as uuid)"),
            {"key": mine.videos[1].key},
        )
        connection.execute(
            text(
                "insert into core.outbox (encoder_id, collection, key, op, gen)"
                " values (:encoder, 'videos', cast(:key as uuid), 'upsert', 1)"
            ),
            {"encoder": mine.encoder_id, "key": mine.videos[1].key},
        )
    assert about_the_index(mine, SearchOptions(group="video")) == []
    lose(mine, "videos", [mine.videos[1].key])
    assert about_the_index(mine, SearchOptions(group="video")) == []
    relay(archive, encoder, mine.encoder_id)
    with archive.engine.connect() as connection:
        assert find_gaps(archive, connection, encoder, mine.encoder_id) == []


def test_a_rebuild_that_was_killed_is_said(mine: Corpus) -> None:
    with mine.archive.engine.begin() as connection:
        outbox.enqueue_everything(connection, mine.encoder_id)
    collection = mine.archive.collection("studies")
    mine.archive.index.delete(collection, [stored.id for stored in mine.archive.index.scroll(collection)][1:])
    (told,) = about_the_index(mine)
    assert "1 of the 32 studies" in told


def test_the_count_follows_every_change(mine: Corpus) -> None:
    archive, encoder = mine.archive, mine.archive.encoder.id
    with archive.engine.begin() as connection:
        withdraw_videos(connection, [video.key for video in mine.of(mine.studies[3])])
        withdraw_reports(connection, mine.encoder_id, sorted(mine.reports)[:3])
        touch_videos(connection, [video.key for video in mine.videos[-3:]])
    assert kept(mine) == counted(mine)
    relay(archive, encoder, mine.encoder_id)
    assert kept(mine) == counted(mine)
    with archive.engine.begin() as connection:
        other = register_encoder(connection, archive.encoder.id.__class__("other", "1", "cd" * 32, 24, "", "", False))
        activate(connection, other)
        delete_generation(connection, mine.encoder_id)
    assert set(kept(mine).values()) == {0}
