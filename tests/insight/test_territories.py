"""Territories of wall motion as targets of probes: which wall a report names, and what is fitted and read by it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from echosearch.errors import InputError
from echosearch.insight.interpret import interpret
from echosearch.insight.probes.stored import delete_probe, fit_probe, stored_probes
from echosearch.insight.probes.territory import TERRITORIES, named_target, stated_territory
from echosearch.report.facts import load_lexicon, read_facts
from echosearch.search.arms.prompts import prompt_set
from ingest.verify import rebuild
from tests.cohort.conftest import Ward
from tests.insight.samples import level_vector

STUDIES = 160
WALLS = {"LAD": "前壁中隔", "RCA": "下壁", "LCX": "側壁"}


@pytest.mark.parametrize(
    ("report", "told"),
    [
        ("前壁中隔に無収縮あり。", {"LAD": True, "RCA": False, "LCX": False}),
        ("下側壁に低収縮を認める。", {"LAD": False, "RCA": None, "LCX": True}),
        ("下壁は低収縮、側壁も低収縮。", {"LAD": False, "RCA": True, "LCX": True}),
        ("下壁に壁運動低下あり。側壁に壁運動低下あり。", {"LAD": False, "RCA": True, "LCX": True}),
        ("局所壁運動異常あり(前壁無収縮)。", {"LAD": True, "RCA": False, "LCX": False}),
        ("中隔に壁運動低下あり。", {"LAD": None, "RCA": None, "LCX": False}),
        ("ＬＡＤ領域の壁運動異常を認める。", {"LAD": True, "RCA": False, "LCX": False}),
        ("Inferior wall akinesis.", {"LAD": False, "RCA": True, "LCX": False}),
        ("左室拡大なし。左室前壁 [無収縮]。側壁 [正常]。", {"LAD": True, "RCA": False, "LCX": False}),
        ("下壁は正常、前壁は低収縮。", {"LAD": True, "RCA": False, "LCX": False}),
        ("前壁は正常だが下壁は無収縮", {"LAD": False, "RCA": True, "LCX": False}),
        ("Normal anterior wall, inferior akinesis.", {"LAD": False, "RCA": True, "LCX": False}),
        ("前壁中隔：軽度低下　下壁：正常　側壁：正常", {"LAD": True, "RCA": False, "LCX": False}),
        ("LAD閉塞後、後壁のみ無収縮。", {"LAD": False, "RCA": False, "LCX": True}),
        ("前壁、側壁に低収縮あり。", {"LAD": True, "RCA": False, "LCX": True}),
        ("LV size normal, akinesis (前壁)", {"LAD": True, "RCA": False, "LCX": False}),
        ("局所壁運動異常あり。", {"LAD": None, "RCA": None, "LCX": None}),
        ("下壁に壁運動低下の疑い。", {"LAD": None, "RCA": None, "LCX": None}),
        ("局所壁運動異常なし。", {"LAD": False, "RCA": False, "LCX": False}),
        ("左房拡大なし。", {"LAD": False, "RCA": False, "LCX": False}),
        ("", {"LAD": None, "RCA": None, "LCX": None}),
    ],
)
def test_the_wall_that_a_report_names_is_of_a_territory(report: str, told: dict[str, bool | None]) -> None:
    lexicon = load_lexicon()
    facts = read_facts(report, lexicon)
    assert {one: stated_territory(facts, report, f"rwma.{one}", lexicon) for one in TERRITORIES} == told


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("rwma.LAD", "rwma.LAD"),
        ("lv_wall_motion.rca", "rwma.RCA"),
        ("局所壁運動異常.LCX", "rwma.LCX"),
        ("下壁の壁運動異常", "rwma.RCA"),
        ("LAD領域の壁運動異常", "rwma.LAD"),
        ("rwma", "rwma"),
        ("EF", "lvef"),
        ("mr", "mr"),
    ],
)
def test_a_target_is_named(name: str, target: str) -> None:
    assert named_target(name, load_lexicon()) == target


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("mr.LAD", "wall motion alone"),
        ("中隔の壁運動異常", "not of one territory"),
        ("rwma.LMT", "not of one territory"),
    ],
)
def test_another_target_is_refused(name: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        named_target(name, load_lexicon())


def test_the_prompts_of_a_territory_are_those_of_its_places() -> None:
    for language in ("ja", "en"):
        whole = prompt_set("rwma", "", language)
        parts = [prompt_set(f"rwma.{one}", "", language) for one in TERRITORIES]
        assert [part.levels[0] for part in parts] == [whole.levels[0]] * 3
        assert tuple(meaning for part in parts for meaning in part.levels[-1].meanings) == whole.levels[-1].meanings


@pytest.fixture
def known(ward: Ward) -> Ward:
    """Two studies a patient; of four studies one has each territory, whose report names the wall, and one has none.

    The last eight say that a wall moves badly, and not which.
    """
    rng = np.random.default_rng(1)
    encoder = ward.archive.encoder
    for number in range(STUDIES + 8):
        territory = (*TERRITORIES, None)[number % 4]
        level = prompt_set(f"rwma.{territory or 'LAD'}", "").levels[-1 if territory else 0]
        vector = level_vector(level, encoder) + 0.01 * rng.standard_normal(encoder.id.dimension)
        said = f"{WALLS[territory]}に無収縮あり。" if territory else "局所壁運動異常なし。"
        report = said if number < STUDIES else "局所壁運動異常あり。"
        day = date(2020, 1 + number % 12, 5)
        ward.add(f"s{number}", f"p{number // 2}", day, report, vector=vector.astype(np.float32))
    ward.read()
    return ward


def test_a_territory_is_fitted_to_reports_and_read_by_interpret(known: Ward, tmp_path: Path) -> None:
    made, _ = fit_probe(known.archive, "lv_wall_motion.lad", "facts")
    assert (made.probe.concept, made.probe.kind, made.version) == ("rwma.LAD", "finding", 1)
    assert (made.probe.studies, made.probe.positives) == (STUDIES, STUDIES // 4)
    assert made.label == "左前下行枝領域の壁運動異常"
    assert made.probe.errors.auc is not None
    assert made.probe.errors.auc.low > 0.9
    assert made.probe.prompts is not None  # the prompts of the territory's own walls
    file = tmp_path / "labels.csv"
    rows = [f"{known.keys[f's{number}']},{int(number % 4 == 1)}" for number in range(STUDIES)]
    file.write_text("\n".join(["study,label", *rows]), encoding="utf-8")
    other, left_out = fit_probe(known.archive, "rwma.RCA", str(file))
    assert (other.labels, other.probe.positives, left_out) == ("csv", STUDIES // 4, 0)
    assert [one.probe.concept for one in stored_probes(known.archive)] == ["rwma.LAD", "rwma.RCA"]

    rebuild(known.archive)
    found = interpret(known.archive, known.keys["s4"])  # LAD
    read = {one.concept: one for one in found.findings}
    assert read["rwma.LAD"].probe == 1
    assert read["rwma.LAD"].video is not None
    assert read["rwma.LAD"].curve.positives == STUDIES // 4
    assert (read["rwma.LAD"].probability or 0) > 0.8 > 0.2 > (read["rwma.RCA"].probability or 1)
    assert "左前下行枝領域の壁運動異常あり。" in found.draft
    none = interpret(known.archive, known.keys["s7"])
    assert "領域" not in none.draft
    assert {one.concept for one in none.findings} >= {"rwma.LAD", "rwma.RCA"}
    assert delete_probe(known.archive, "rwma.LAD") == ("rwma.LAD", 1)
    assert "rwma.LAD" not in {one.concept for one in interpret(known.archive, known.keys["s4"]).findings}
