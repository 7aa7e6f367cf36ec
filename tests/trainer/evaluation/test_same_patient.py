"""Studies of one patient against strangers, and against strangers who have the same and the same machine."""

from __future__ import annotations

import numpy as np
import pytest

from echosearch.report.facts import load_lexicon, read_facts
from trainer.data.pairs import Study, Truth
from trainer.evaluation import same_patient as module
from trainer.evaluation.same_patient import same_patient


def ward(identity: float, sickness: float, machine: float, count: int = 60) -> tuple[list[Study], np.ndarray]:
    """Two studies a patient, whose vectors say by these weights who it is, what the patient has, and the vendor."""
    rng = np.random.default_rng(0)
    studies, vectors = [], []
    for patient in range(count):
        own, grade, vendor = rng.standard_normal(40), patient % 4, patient % 3
        for number in range(2):
            vector = identity * own + 0.3 * rng.standard_normal(40)
            vector[grade] += sickness
            vector[10 + vendor] += machine
            vectors.append(vector)
            truth = Truth(60.0, {"mr": grade})
            studies.append(Study(f"{patient}-{number}", f"p{patient}", "", (), truth=truth, vendor=f"v{vendor}"))
    return studies, np.array(vectors, np.float32)


def test_disease_and_machine_alone_are_no_identity() -> None:
    studies, vectors = ward(0.0, 5.0, 5.0)
    found = same_patient(vectors, studies, [()] * len(studies), samples=50)
    assert found.all.value > 0.9
    assert found.matched.low < 0.5 < found.matched.high
    assert (found.pairs, found.matched_pairs) == (60, 60)


def test_what_is_of_the_patient_alone_stays() -> None:
    studies, vectors = ward(1.0, 0.5, 0.5)
    found = same_patient(vectors, studies, [()] * len(studies), samples=50)
    assert found.matched.low > 0.9


def test_reports_describe_the_findings_where_no_truth_is_known() -> None:
    studies, vectors = ward(0.0, 5.0, 0.0)
    words = ("MRなし。", "重度のMRあり。", "重度のARあり。", "重度のTRあり。")
    untold = [
        Study(s.key, s.patient, words[n // 2 % 4], (), vendor="one vendor for all") for n, s in enumerate(studies)
    ]
    lexicon = load_lexicon()
    found = same_patient(vectors, untold, [read_facts(s.report, lexicon) for s in untold], samples=50)
    assert found.all.value > 0.8
    assert found.matched.value < 0.65


@pytest.mark.parametrize("n", [20, 50, 101])
def test_identical_vectors_tell_no_patient_from_another(n: int) -> None:
    """The order of sums must not decide between equal cosines."""
    same = np.tile(np.random.default_rng(n).standard_normal(96).astype(np.float32), (n, 1))
    studies = [Study(str(i), f"p{i // 2}", "", ()) for i in range(n)]
    assert same_patient(same, studies, [()] * n, samples=2).all.value == 0.5


def test_a_sample_of_strangers_gives_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    studies, vectors = ward(0.3, 1.0, 1.0)
    whole = same_patient(vectors, studies, [()] * len(studies), samples=2)
    monkeypatch.setattr(module, "STRANGERS", 3000)
    some = same_patient(vectors, studies, [()] * len(studies), samples=2)
    assert some.pairs == whole.pairs
    assert some.all.value != whole.all.value
    assert some.all.value == pytest.approx(whole.all.value, abs=0.03)
