"""Views at ingest: a classifier's opinion is stored whole, a table's label counts more, the gate shapes the mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from echosearch.archive import Archive
from echosearch.clip import Clip, ClipSpec
from echosearch.db.schema.tables import Embedding, StudyEmbedding, Video
from echosearch.encoder_info import ViewProbabilities
from echosearch.vector import from_bytes
from echosearch.video import View
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.verify import verify
from tests.ingest.conftest import Export


class BrightnessViews:
    """Bright cines are A4C, the others Subcostal: an opinion that a test can foresee."""

    clip_spec = ClipSpec(frames=3, stride=1, size=16)

    def __init__(self, above: float = 100.0) -> None:
        self.above = above
        self.seen: list[tuple[int, ...]] = []

    def classify(self, clips: Sequence[Clip]) -> list[ViewProbabilities]:
        self.seen += [clip.pixels.shape for clip in clips]
        certain = [0.95 if clip.pixels.mean() > self.above else 0.05 for clip in clips]
        return [
            ViewProbabilities(("A4C", "Subcostal"), (View.CH4, View.OTHER), (each, 1 - each), "brightness 1")
            for each in certain
        ]


def test_an_ingest_without_the_classifier_of_before_says_so(archive: Archive, export: Export) -> None:
    """As after a restore: which classifier was in use is not in the database."""
    export.cine("IM_0", "1.2.0")
    assert ingest(archive, export.root, IngestOptions()).unlabelled_videos == 0  # there never was one
    vars(archive)["view_classifier"] = BrightnessViews()
    export.cine("IM_1", "1.2.1")
    assert ingest(archive, export.root, IngestOptions()).unlabelled_videos == 0
    vars(archive)["view_classifier"] = None
    export.cine("IM_2", "1.2.2")
    assert ingest(archive, export.root, IngestOptions()).unlabelled_videos == 2


def test_a_classifier_in_use_labels_what_it_sees(archive: Archive, export: Export, tmp_path: Path) -> None:
    classifier = BrightnessViews()
    vars(archive)["view_classifier"] = classifier  # as if `encoder use` had chosen one
    for number in range(8):
        export.cine(f"IM_{number}", f"1.2.{number}", seed=number)
    table = tmp_path / "views.csv"
    table.write_text("path,view,view_prob\nIM_0,PLAX,1.0\n", encoding="utf-8")
    assert ingest(archive, export.root, IngestOptions(views=table)).indexed == 8
    assert classifier.seen == [(3, 16, 16, 3)] * 8
    with archive.engine.connect() as connection:
        rows = connection.execute(
            select(Video.view, Video.view_prob, Video.view_source, Video.view_probs, Embedding.vector)
            .join(Embedding, Embedding.video_key == Video.video_key)
            .order_by(Video.video_key)
        ).all()
        study = connection.execute(select(StudyEmbedding.gated, StudyEmbedding.n_videos, StudyEmbedding.vector)).one()
    labelled = [row for row in rows if row.view_source == "csv"]
    judged = [row for row in rows if row.view_source == "brightness 1"]
    assert [row.view for row in labelled] == ["LAX"]
    assert len(judged) == 7
    assert {row.view for row in judged} == {"4CH", "Other"}
    assert all(set(row.view_probs) == {"A4C", "Subcostal"} for row in rows)  # all classes, of every video
    gated = [from_bytes(row.vector) for row in rows if row.view in ("LAX", "4CH")]
    assert (study.gated, study.n_videos) == (True, len(gated))
    assert np.abs(np.mean(gated, axis=0) - from_bytes(study.vector)).max() < 1e-6
    assert verify(archive).clean


def test_a_label_by_uid_goes_before_one_by_path_at_every_ingest(
    archive: Archive, export: Export, tmp_path: Path
) -> None:
    export.cine("IM_1", "1.2.1", seed=1)
    views = tmp_path / "views.csv"
    views.write_text("sop_uid,path,view\n1.2.1,,4CH\n,IM_1,2CH\n")
    writes = []
    for _ in range(3):
        writes.append(ingest(archive, export.root, IngestOptions(views=views)).index_writes)
        with archive.engine.connect() as connection:
            assert connection.execute(select(Video.view)).scalars().all() == ["4CH"]
    assert writes == [2, 0, 0]


@pytest.mark.parametrize("later", [False, True])
def test_a_label_for_a_copys_path_is_the_videos(archive: Archive, export: Export, tmp_path: Path, later: bool) -> None:
    original = export.cine("IM_1", "1.2.1", seed=1)
    (export.root / "IM_2").write_bytes(original.read_bytes())
    views = tmp_path / "views.csv"
    views.write_text("path,view\nIM_2,4CH\n")
    if later:
        ingest(archive, export.root, IngestOptions())
    ingest(archive, export.root, IngestOptions(views=views))
    with archive.engine.connect() as connection:
        assert connection.execute(select(Video.view)).scalars().all() == ["4CH"]
    assert verify(archive).clean
