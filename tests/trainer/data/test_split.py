"""Patients on one side, batches without a study twice, leakage found."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echosearch.clip import Clip, ClipSpec
from echosearch.errors import ConfigError
from echosearch.phantom.patients.history import patient_history
from trainer.config import TrainConfig
from trainer.config_file import load
from trainer.data.batches import Batches, shuffled_report, studies_of_step
from trainer.data.cache import clip_of, open_cache
from trainer.data.leakage import Leakage, check_patients, check_videos
from trainer.data.pairs import Drawn, Video
from trainer.data.sources import load_studies, rendered
from trainer.data.split import SPLITS, of_patient, select_studies
from trainer.run import prepare_run

SHARES = (0.875, 0.025, 0.1)


def test_a_patient_is_on_one_side_and_stays_there() -> None:
    studies = rendered(40, 5)
    sides = {split: select_studies(studies, split, 0, SHARES) for split in SPLITS}
    assert sum(map(len, sides.values())) == len(studies)
    patients = [{study.patient for study in own} for own in sides.values()]
    assert sum(map(len, patients)) == len(set().union(*patients))
    more = select_studies(rendered(80, 5), "test", 0, SHARES)
    assert {s.key for s in sides["test"]} <= {s.key for s in more}


def test_patients_with_a_rare_finding_join_with_all_their_studies(toml: Path) -> None:
    usual = load_studies(load(toml, ["data.patients=20"]).data)
    enriched = load_studies(
        load(toml, ["data.patients=20", "data.enrich=['ms','wall_motion']", "data.enrich_from=80"]).data
    )
    assert enriched[: len(usual)] == usual
    joined = {study.patient for study in enriched} - {study.patient for study in usual}
    behind = rendered(80, 77, 21)
    has = {s.patient for s in behind if s.truth and s.truth.grades["ms"] + s.truth.grades["wall_motion"]}
    assert joined == has
    assert 0 < len(has) < 80
    assert len(enriched) == len(usual) + sum(study.patient in has for study in behind)


def test_shares_are_met() -> None:
    sides = [of_patient(f"p{i}", 1, SHARES) for i in range(4000)]
    assert [round(sides.count(split) / 4000, 2) for split in SPLITS] == pytest.approx(SHARES, abs=0.015)


def test_no_study_is_in_a_batch_twice_and_an_epoch_takes_all() -> None:
    for step in range(30):
        assert len(set(studies_of_step(23, 5, 7, step))) == 5
    epoch = [study for step in range(4) for study in studies_of_step(23, 5, 7, step)]
    assert len(set(epoch)) == 20
    with pytest.raises(ConfigError, match="make it smaller"):
        studies_of_step(4, 5, 0, 0)


def test_batches_hold_each_study_once_and_do_not_depend_on_the_processes(config: TrainConfig) -> None:
    prepared = prepare_run(config)
    given = (prepared.studies["train"], prepared.cache, prepared.start.tokenizer, config)
    (whole,) = Batches(*given).step(3)
    assert whole.owner.unique().tolist() == [0, 1, 2, 3]
    studies = [key.rsplit("-", 1)[0] for key in whole.keys]
    assert len({(study, int(own)) for study, own in zip(studies, whole.owner, strict=True)}) == 4
    halves = [Batches(*given, rank=rank, world=2).step(3)[0] for rank in (0, 1)]
    assert halves[0].keys + halves[1].keys == whole.keys
    assert np.array_equal(np.concatenate([half.pixels for half in halves]), whole.pixels)
    drawn = whole.report_phrases[:, :, None] == whole.phrase_rows  # (study, its phrases, the pool)
    assert drawn.any(dim=1).any(dim=1).all()  # every study says some phrase of the pool


def test_no_text_is_made_for_a_tower_that_does_not_learn(toml: Path) -> None:
    config = load(toml, ["loss.contrastive=0", "model.whiten=true"])
    prepared = prepare_run(config)
    (batch,) = Batches(prepared.studies["train"], prepared.cache, prepared.start.tokenizer, config).step(0)
    assert len(batch.pixels)
    assert [len(rows) for rows in (batch.report_ids, batch.report_owner, batch.phrase_ids, batch.phrase_rows)] == [
        0
    ] * 4


def test_phrases_are_shuffled_and_limited() -> None:
    report = "。".join("あいうえおかきくけこ") + "。"
    shuffled = shuffled_report(report, 4, np.random.default_rng(0))
    assert len(shuffled) == 8
    assert shuffled != report[:8]
    assert set(shuffled) <= set(report)


def test_a_patient_on_both_sides_fails() -> None:
    studies = rendered(6, 5)
    with pytest.raises(Leakage, match="patients are on both sides"):
        check_patients(studies[:-1], studies[-2:] if studies[-1].patient == studies[-2].patient else studies[:1])


def test_a_video_under_another_patients_name_fails(config: TrainConfig, cache_folder: Path) -> None:
    first, second = patient_history(78, 1)[0], patient_history(78, 2)[0]
    train = [Video(f"a{view}", None, 1.0, Drawn(first, view, False)) for view in ("4CH", "2CH", "LAX")]
    other = [Video(f"b{view}", None, 1.0, Drawn(second, view, False)) for view in ("4CH", "2CH", "LAX")]
    noisier = replace(first, look=replace(first.look, noise=first.look.noise + 3))
    copy = Video("c", None, 1.0, Drawn(noisier, "4CH", False))
    cache = open_cache(cache_folder, [*train, *other, copy], config.model.clip, 4)
    check_videos(train, other, cache)
    with pytest.raises(Leakage, match="1 of 4 test videos are near-duplicates"):
        check_videos(train, [*other, copy], cache)


def test_a_video_that_could_not_be_read_is_tried_again(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = rendered(1, 5)[0].videos[:2]

    def hiccup(video: Video, spec: ClipSpec) -> Clip:
        if video is videos[0]:
            raise OSError(5, "Input/output error")
        return clip_of(video, spec)

    with monkeypatch.context() as patched:
        patched.setattr("trainer.data.cache.clip_of", hiccup)
        cache = open_cache(tmp_path, videos, config.model.clip)
    assert [cache.n_valid(video.key) > 0 for video in videos] == [False, True]
    made: list[int] = []
    cache = open_cache(tmp_path, videos, config.model.clip, progress=lambda done, total: made.append(done))
    assert [cache.n_valid(video.key) > 0 for video in videos] == [True, True]
    assert made == [2]  # the one that was there already, and this one
