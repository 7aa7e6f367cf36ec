"""Videos that are asked for one wall of the left ventricle: its territory comes first, in each language."""

from __future__ import annotations

import numpy as np
import pytest

from echosearch.encoder.fake import FakeEncoder
from echosearch.report.facts import FindingCondition, load_lexicon, understand
from echosearch.report.facts.walls import MOTION, TERRITORIES, WALLS, territories_of, without_wall
from echosearch.search.arms.prompt_vectors import prompt_vectors
from echosearch.search.arms.prompts import Language, prompt_set
from echosearch.search.arms.video_arm import AskedVideos, ask_videos
from echosearch.vector import Vectors, unit

ENCODER = FakeEncoder(dimension=64)
OF = {
    "inferior": {"RCA"},
    "inferoseptal": {"RCA"},
    "anterior": {"LAD"},
    "apex": {"LAD"},
    "lateral": {"LCX"},
    "inferolateral": {"LCX"},
    "septum": {"LAD", "RCA"},
    **{one: {one} for one in TERRITORIES},
}


def asked(concept: str, polarity: str = "present") -> AskedVideos:
    condition = FindingCondition(concept, polarity, None)  # type: ignore[arg-type]
    return ask_videos(ENCODER, dict(load_lexicon().labels), [condition])


def studies(kind: str) -> Vectors:
    """Return studies that are near to the prompts of LAD, RCA, LCX and none: (4, D)."""
    none, there = prompt_set(kind, kind).levels
    known = prompt_vectors(ENCODER, prompt_set(kind, kind).texts)
    return np.stack([unit(np.mean([known[text] for text in one], axis=0)) for one in (*there.meanings, *none.meanings)])


@pytest.mark.parametrize("wall", OF)
@pytest.mark.parametrize("kind", MOTION)
def test_the_territory_of_a_wall_comes_first(kind: str, wall: str) -> None:
    assert set(territories_of(wall)) == OF[wall]
    videos = studies(kind)
    mixed = np.random.default_rng(1).dirichlet(np.ones(4), 300).astype(np.float32) @ videos
    for question in (asked(f"{kind}.{wall}"), asked(f"{kind}.{wall}").standardised(mixed)):
        order = np.argsort(-question.scores(videos)[:, 0])
        first = {(*TERRITORIES, "none")[place] for place in order[: len(OF[wall])]}
        assert first == OF[wall]
    there, absent = (asked(f"{kind}.{wall}", polarity).scores(videos) for polarity in ("present", "absent"))
    assert absent == pytest.approx(-there)


@pytest.mark.parametrize("wall", ["inferior", "lateral", "LAD"])
def test_candidates_are_looked_for_towards_the_wall(wall: str) -> None:
    (direction,) = asked(f"akinesis.{wall}").directions
    (anywhere,) = asked("akinesis").directions
    near = studies("akinesis") @ direction
    assert {(*TERRITORIES, "none")[int(near.argmax())]} == OF[wall]
    assert not np.allclose(direction, anywhere)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_each_kind_of_motion_has_prompts_of_its_own(language: Language) -> None:
    sets = [prompt_set(kind, load_lexicon().labels[kind], language) for kind in MOTION]
    assert len({one.levels[-1] for one in sets}) == len(MOTION)
    assert all(len(one.levels[-1].meanings) == len(TERRITORIES) for one in sets)
    if language == "en":
        assert all(text.isascii() for one in sets for text in one.texts)


def test_labels_read_back_as_the_wall() -> None:
    labels = load_lexicon().labels
    walled = {concept: label for concept, label in labels.items() if without_wall(concept)[1] is not None}
    assert len(walled) == len(MOTION) * len(WALLS)
    del walled["dyskinesis.septum"]  # a finding of its own: septal_motion
    for concept, label in walled.items():
        assert understand(f"{label} あり").required == (FindingCondition(concept, "present", None),)
