"""Silent studies that join by their videos: a calibrated probability of every condition that no report states."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from echosearch.archive import Archive
from echosearch.cohort.definition import define
from echosearch.cohort.run import reading, run_definition
from echosearch.cohort.snapshot import difference, freeze
from echosearch.db.cohorts.plan import Stated
from echosearch.errors import EncoderMismatch, InputError
from echosearch.report.facts import load_lexicon
from echosearch.search.arms.video_arm import ask_videos
from tests.cohort.conftest import Ward
from tests.search.conftest import DIMENSION

MR = "中等度以上のMR"


@pytest.fixture
def seen(ward: Ward) -> Ward:
    """30 studies that state MR and look like it, 45 that deny it and look otherwise, and silent ones of both looks."""
    lexicon = load_lexicon()
    asked = define("x", MR, lexicon)
    conditions = [one.condition for one in asked.criteria if isinstance(one, Stated)]
    (direction,) = ask_videos(ward.archive.encoder, dict(lexicon.labels), conditions).directions
    rng = np.random.default_rng(5)

    def like(sign: float) -> np.ndarray:
        return (sign * direction + rng.standard_normal(DIMENSION) / 20).astype(np.float32)

    for number in range(30):
        ward.add(f"mr{number}", f"A{number}", date(2020, 1, 1), "重度のMRあり。", vector=like(1), videos=1)
    for number in range(45):
        ward.add(f"none{number}", f"B{number}", date(2020, 1, 1), "MRなし。", vector=like(-1), videos=1)
    ward.add("looks", "C", date(2020, 1, 1), None, vector=like(1), videos=1)
    ward.add("looks, other report", "D", date(2020, 1, 1), "左房拡大あり。EF 35%。", vector=like(1), videos=1)
    ward.add("looks not", "E", date(2020, 1, 1), None, vector=like(-1), videos=1)
    ward.add("looks, denied", "F", date(2020, 1, 1), "MRなし。", vector=like(1), videos=1)
    ward.read()
    return ward


def stated(ward: Ward) -> set[str]:
    return {name for name in ward.keys if name.startswith("mr")}


def test_silent_studies_join_from_the_threshold_on(seen: Ward) -> None:
    made = seen.define("mr", MR, video_at_least=0.8)
    assert made.made.encoder == seen.archive.encoder.id.fingerprint
    assert made.made.calibration
    assert seen.members(made) == stated(seen) | {"looks", "looks, other report"}
    assert seen.members(define("x", MR, load_lexicon())) == stated(seen)
    with reading(seen.archive) as connection:
        steps = run_definition(seen.archive, connection, made).attrition
    assert [(one.kept.studies, one.by_videos) for one in steps] == [(79, 2), (32, 2)]


def test_what_a_report_states_counts_as_certain(seen: Ward) -> None:
    """EF has no calibration here, so that alone refuses; a study that states it needs none of its own."""
    with pytest.raises(InputError, match="no calibrated probability of EF"):
        seen.define("both", f"{MR}、EF 40%未満", video_at_least=0.5)


def test_a_cohort_of_another_encoder_is_refused(seen: Ward) -> None:
    made = seen.define("mr", MR, video_at_least=0.8)
    other = replace(made, made=replace(made.made, encoder="0" * 64))
    with pytest.raises(EncoderMismatch, match="asks videos by the encoder 000000000000"):
        seen.members(other)


def test_another_calibration_is_a_cause(seen: Ward) -> None:
    seen.define("mr", MR, video_at_least=0.2)
    with reading(seen.archive) as connection:
        freeze(seen.archive, connection, "mr")
    for number in range(12):  # of 45 that look like none, 12 have it after all: such looks mean more than they did
        seen.report(f"none{number}", "重度のMRあり。")
    seen.read()
    own = seen.archive
    later = Archive(own.settings, own.engine, own.index, own.encoder)  # the curves of a question are kept for a minute
    with reading(later) as connection:
        found = difference(later, connection, "mr")
    names = {key: name for name, key in seen.keys.items()}
    causes = {names[one.study]: (one.change, one.causes) for one in found.changes}
    assert causes.pop("looks not") == ("entered", ("calibration",))
    assert causes == {f"none{number}": ("entered", ("report",)) for number in range(12)}
    assert any("was made with the calibration" in note for note in found.notes)
