"""Interpretations, disagreements and audits of an archive whose hearts and reports are known: real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import numpy as np
import pytest
from sqlalchemy import Engine

from echosearch.errors import InputError, UnknownStudy
from echosearch.insight.as_json import disagreements_json, interpretation_json, shortcuts_json
from echosearch.insight.disagree import disagree
from echosearch.insight.interpret import interpret
from echosearch.insight.shortcuts import shortcuts
from ingest.verify import rebuild
from tests.cohort.conftest import Ward, open_ward
from tests.insight.samples import GRADES, heart

STUDIES = 120
WRONG = {3: "高度のMRあり。", 60: "MRなし。"}  # hearts of grade 0 and 4


@pytest.fixture(scope="module")
def known(database: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """An archive that no test of this module changes, and whose tables none of them empties (``ward`` does)."""
    with open_ward(database, tmp_path_factory.mktemp("known") / "home") as ward:
        fill(ward)
        yield ward


def fill(ward: Ward) -> None:
    """Two studies a patient, MR of grade 0 to 4 in videos and reports, EF 55 %; two reports are wrong about MR."""
    random = np.random.default_rng(1)
    for number in range(STUDIES):
        grade = 0 if number == 3 else 4 if number == 60 else number % 5
        report = WRONG.get(number, f"{GRADES[grade]}のMRあり。" if grade else "MRなし。")
        ward.add(
            f"s{number}",
            f"p{number // 2}",
            date(2019 + number % 2, 1 + number % 12, 5),
            f"{report}EF 55%。",
            vector=heart(random, 0.005, mr=grade, encoder=ward.archive.encoder),
            device="GE Vivid E95" if number % 3 else "Philips EPIQ",
        )
    ward.measured("s7", "lvef", 30.0, "%")
    ward.measured("s8", "lvef", 54.0, "%")
    ward.read()
    rebuild(ward.archive)


def test_an_interpretation_has_numbers_with_their_evidence_and_no_names(known: Ward) -> None:
    found = interpret(known.archive, known.keys["s4"])
    mr = next(one for one in found.findings if one.concept == "mr")
    assert mr.probability is not None
    assert mr.probability > 0.5
    assert mr.curve.positives + mr.curve.negatives == STUDIES - 2  # all but the patient's own
    assert mr.video is not None
    assert mr.video.study == known.keys["s4"]
    assert "MR" in found.draft
    never = next(one for one in found.findings if one.concept == "ar")
    assert (never.probability, never.grade, never.video) == (None, None, None)
    assert never.why_not
    assert known.patient("p2") not in {one.patient for one in found.neighbours}
    assert len(found.neighbours) == 5
    shown = json.dumps(interpretation_json(found), allow_nan=False)
    assert "CANARYACC" not in shown
    assert "diagnosis" in shown
    assert "CANARYACC" in json.dumps(interpretation_json(interpret(known.archive, known.keys["s4"], names=True)))
    with pytest.raises(UnknownStudy):
        interpret(known.archive, "nobody")


def test_wrong_reports_come_first(known: Ward) -> None:
    found = disagree(known.archive, finding="僧帽弁逆流", top_k=5)
    assert {one.study for one in found.disagreements[:2]} == {known.keys["s3"], known.keys["s60"]}
    assert [one.surprise for one in found.disagreements] == sorted(
        (one.surprise for one in found.disagreements), reverse=True
    )
    assert found.compared == STUDIES
    assert sum(rate.studies for rate in found.rates if rate.by == "device") == STUDIES
    assert sum(rate.surprising for rate in found.rates if rate.by == "year") == found.surprising
    assert {rate.name for rate in found.rates} == {"GE Vivid E95", "Philips EPIQ", "2019", "2020"}
    shown = json.dumps(disagreements_json(found), allow_nan=False)
    assert "CANARYACC" not in shown
    named = disagree(known.archive, finding="mr", top_k=1, names=True).disagreements[0].identified
    assert named is not None
    assert named.accession_number == "CANARYACC"


def test_reports_are_compared_with_structured_reports(known: Ward) -> None:
    found = disagree(known.archive, against="sr", finding="EF")
    assert [one.study for one in found.disagreements] == [known.keys["s7"], known.keys["s8"]]
    assert [one.surprise for one in found.disagreements] == pytest.approx([2.5, 0.1])
    assert (found.compared, found.surprising) == (2, 1)
    with pytest.raises(InputError, match="is a finding"):
        disagree(known.archive, against="sr", finding="mr")


def test_what_cannot_be_asked_is_refused(known: Ward) -> None:
    for wrong in ({"top_k": 0}, {"finding": "なにか"}, {"finding": "LAD"}, {"against": "x"}):
        with pytest.raises(InputError):
            disagree(known.archive, **wrong)


def test_an_audit_of_shortcuts(known: Ward) -> None:
    found = shortcuts(known.archive)
    assert found.studies == STUDIES
    told = {one.attribute: one for one in found.probes}
    assert (told["vendor"].classes, told["vendor"].studies, told["sex"].classes) == (2, STUDIES, 1)
    accuracy = told["vendor"].accuracy
    assert accuracy is not None
    assert accuracy < 0.7  # the videos do not depend on it
    shared = {one.attribute: one for one in found.neighbours}["vendor"]
    assert shared.near is not None
    assert shared.chance == pytest.approx(5 / 9, abs=0.02)
    assert sum(one.studies for one in found.similarity if one.by == "year") == STUDIES
    json.dumps(shortcuts_json(found), allow_nan=False)
