"""Controls: who may be one, that they are alike, and the balance against numbers worked out by hand."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date
from pathlib import Path
from statistics import fmean, variance

import numpy as np
import pytest

from echosearch.cohort.match import Matched, match_cohort, matched_on, pairs_of
from echosearch.cohort.run import reading
from echosearch.cohort.snapshot import freeze
from echosearch.db.cohorts.pool import ControlCandidate
from echosearch.errors import InputError
from tests.cohort.conftest import Ward


@pytest.fixture
def crowd(ward: Ward) -> Ward:
    """6 cases, 40 studies that deny it, 10 silent ones, and studies that may never be controls."""
    rng = np.random.default_rng(4)
    for number in range(6):
        day = date(2019 + number % 2, 5, 1)
        ward.add(f"case{number}", f"A{number}", day, "重度のMRあり。", age=70 + number, sex="FM"[number % 2], videos=1)
    for number in range(40):
        day, age = date(2018 + number % 4, 6, 1), int(rng.integers(30, 85))
        ward.add(f"none{number}", f"B{number // 2}", day, "MRなし。", age=age, sex="FM"[number // 2 % 2], videos=1)
    for number in range(10):
        ward.add(f"silent{number}", f"C{number}", date(2019, 6, 1), None, age=60 + number, videos=1)
    ward.add("own patient", "A0", date(2019, 5, 2), "MRなし。", age=70, videos=1)
    ward.add("stated before", "D", date(2010, 5, 2), "高度MRあり。", age=10, videos=1)
    ward.add("then none", "D", date(2019, 5, 2), "MRなし。", age=70, videos=1)
    ward.add("too young", "E", date(2019, 5, 2), "MRなし。", age=29, videos=1)
    ward.read()
    ward.define("mr", "中等度以上のMR", where="age >= 30")
    return ward


def matched(ward: Ward, out: Path, **how: object) -> tuple[Matched, list[dict[str, str]]]:
    with reading(ward.archive) as connection:
        made = match_cohort(ward.archive, connection, "mr", out=out, **how)  # type: ignore[arg-type]
    names = {key: name for name, key in ward.keys.items()}
    with out.open(encoding="utf-8-sig") as handle:
        return made, [row | {"name": names[row["study"]]} for row in csv.DictReader(handle)]


def test_controls_are_alike_and_never_a_case(crowd: Ward, tmp_path: Path) -> None:
    made, rows = matched(crowd, tmp_path / "sets.csv", on=("age", "sex", "year"), ratio=2, caliper=8)
    sets: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        sets.setdefault(row["set"], []).append(row)
    assert made.cases == 6
    assert len(sets) == made.matched >= 4
    assert sum(row["role"] == "control" for row in rows) == made.controls
    for case, *controls in sets.values():
        assert case["role"] == "case"
        assert 1 <= len(controls) <= 2
        for control in controls:
            assert control["name"].startswith("none")
            assert (control["sex"], control["date"][:4]) == (case["sex"], case["date"][:4])
            assert abs(int(control["age"]) - int(case["age"])) <= 8
    once = Counter(row["patient"] for row in rows)
    assert max(once.values()) == 1


def test_the_same_seed_gives_the_same_sets(crowd: Ward, tmp_path: Path) -> None:
    how = {"on": ("sex",), "ratio": 1}
    assert matched(crowd, tmp_path / "a.csv", seed=1, **how)[1] == matched(crowd, tmp_path / "b.csv", seed=1, **how)[1]
    drawn = {tuple(row["name"] for row in matched(crowd, tmp_path / "c.csv", seed=seed, **how)[1]) for seed in range(4)}
    assert len(drawn) > 1


def test_controls_from_silent_studies(crowd: Ward, tmp_path: Path) -> None:
    made, rows = matched(crowd, tmp_path / "s.csv", on=("age",), ratio=1, caliper=90, controls_from="silent")
    assert made.controls == 6
    assert {row["name"][:6] for row in rows if row["role"] == "control"} == {"silent"}


def test_balance_by_hand(crowd: Ward, tmp_path: Path) -> None:
    made, rows = matched(crowd, tmp_path / "b.csv", on=("age", "sex"), ratio=1, caliper=20)
    age = next(one for one in made.balance if one.covariate == "age")
    cases = [int(row["age"]) for row in rows if row["role"] == "case"]
    controls = [int(row["age"]) for row in rows if row["role"] == "control"]
    spread = ((variance(cases) + variance(controls)) / 2) ** 0.5
    assert age.matched == pytest.approx(fmean(cases))
    assert age.controls == pytest.approx(fmean(controls))
    assert age.after == pytest.approx((fmean(cases) - fmean(controls)) / spread)
    female = next(one for one in made.balance if one.covariate == "female")
    assert female.after == pytest.approx(0.0)
    assert made.pool == 40


def test_a_snapshot_is_matched_as_it_was_frozen(crowd: Ward, tmp_path: Path) -> None:
    with reading(crowd.archive) as connection:
        freeze(crowd.archive, connection, "mr")
    crowd.report("none3", "重度のMRあり。")
    crowd.read()
    with reading(crowd.archive) as connection:
        made = match_cohort(crowd.archive, connection, "mr@1", on=("sex",), ratio=20, out=tmp_path / "f.csv")
        assert made.cases == 6
    text = (tmp_path / "f.csv").read_text(encoding="utf-8-sig")
    assert crowd.keys["none3"] not in text
    assert crowd.keys["none2"] not in text  # of the same patient


def test_every_case_gets_a_first_control_before_one_gets_a_second() -> None:
    cases = [ControlCandidate(f"c{n}", f"p{n}", "F", 70) for n in range(3)]
    pool = [ControlCandidate(f"k{n}", f"q{n}", "F", 70 + n) for n in range(4)]
    pairs = list(pairs_of(iter(cases), iter(pool), 2, 5))
    assert Counter(case for case, _ in pairs) == {"c0": 2, "c1": 1, "c2": 1}
    assert pairs[:3] == [("c0", "k0"), ("c1", "k1"), ("c2", "k2")]
    assert list(pairs_of(iter(cases), iter([]), 2, 5)) == []
    others = [ControlCandidate("k", "q", "G", 70)]
    assert list(pairs_of(iter(cases), iter(others), 2, 5)) == []


def test_mistakes() -> None:
    with pytest.raises(InputError, match="--on 'height'"):
        matched_on("height")
    assert matched_on("year, age") == ("age", "year")
