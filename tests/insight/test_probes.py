"""Probes fitted to labels whose truth is known: numbers, storage, commands, and what interpret reads with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from echosearch.cli.commands.insight import probe as command
from echosearch.cli.commands.insight.probe import probe_group
from echosearch.errors import InputError, TableError
from echosearch.insight.interpret import interpret
from echosearch.insight.probes.fit import fit_study_probe
from echosearch.insight.probes.stored import delete_probe, fit_probe, stored_probes
from echosearch.insight.sample import FOLDS, fold_of
from ingest.verify import rebuild
from tests.cli.json_schema import check_json
from tests.cohort.conftest import Ward
from tests.insight.samples import GRADES, heart

Numbers = NDArray[np.float64]
STUDIES = 120


def hearts(seed: int, count: int = 300) -> tuple[Numbers, Numbers, list[str], NDArray[np.int64]]:
    """(N, 12) unit vectors, whose first number is the truth, with noise; two studies a patient."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(-1, 1, count)
    vectors = np.concatenate([truth[:, None], 0.3 * rng.standard_normal((count, 11))], axis=1)
    vectors[:, 0] += 0.05 * rng.standard_normal(count)
    patients = [f"{seed:02x}{number // 2:06x}" for number in range(count)]
    return vectors, truth, patients, np.array([fold_of(patient) for patient in patients])


def test_a_value_is_read_in_patients_left_out_and_in_new_ones() -> None:
    vectors, truth, patients, folds = hearts(1)
    labels = 50 + 20 * truth
    probe = fit_study_probe("lvef", "value", None, vectors, labels, patients, folds)
    assert not isinstance(probe, str)
    assert probe.errors.error is not None
    assert probe.errors.error.value < 2
    assert (probe.prompts, probe.levels, probe.weights.shape) == (None, (), (FOLDS, 13))
    others, known, _, _ = hearts(2)
    read = probe.scores(np.zeros(len(others)), others, np.full(len(others), -1))[:, 0]
    assert np.abs(read - 50 - 20 * known).mean() == pytest.approx(probe.errors.error.value, abs=0.5)
    assert probe.width is not None
    assert 0.85 < (np.abs(read - 50 - 20 * known) <= probe.width).mean() < 0.96


def test_what_prompts_read_already_is_kept() -> None:
    """With few labels a probe is not worse than the reading that it begins with."""
    vectors, truth, patients, folds = hearts(3, 40)
    reading = 55 + 10 * truth  # drawn to the middle
    probe = fit_study_probe("lvef", "value", reading, vectors, 50 + 20 * truth, patients, folds)
    assert not isinstance(probe, str)
    assert probe.errors.error is not None
    assert probe.prompts is not None
    assert probe.prompts.error is not None
    assert probe.errors.error.value < 0.3 < probe.prompts.error.value


def test_grades_are_read_by_cuts_in_order() -> None:
    vectors, truth, patients, folds = hearts(4, 600)
    labels = np.array(np.digitize(truth, [-0.6, -0.2, 0.2, 0.6]), np.float64)
    probe = fit_study_probe("mr", "grade", None, vectors, labels, patients, folds)
    assert not isinstance(probe, str)
    assert probe.levels == (1, 2, 3, 4)
    assert (np.diff(probe.cuts, axis=1) > 0).all()
    assert probe.errors.exact is not None
    assert probe.errors.exact.value > 0.8
    assert probe.errors.auc is not None
    assert probe.errors.auc.value > 0.97
    scores = probe.scores(np.zeros(len(labels)), vectors, folds)
    p, grade = probe.probability(scores), probe.grade(scores)
    assert ((grade >= 0) & (grade <= 4)).all()
    assert np.corrcoef(grade, labels)[0, 1] > 0.95
    assert p[labels >= 3].mean() > 0.95 > 0.05 > p[labels == 0].mean()


def test_a_patient_is_read_without_the_patients_own_labels() -> None:
    """Labels that are noise are not read back, though each patient's vectors are unlike all others."""
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((100, 300))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    patients = [f"{number:08x}" for number in range(100)]
    labels: Numbers = rng.choice([0.0, 4.0], 100)
    folds = np.array([fold_of(patient) for patient in patients])
    made = fit_study_probe("device_lead", "finding", None, vectors, labels, patients, folds)
    assert isinstance(made, str)
    assert "no more" in made


@pytest.mark.parametrize(
    ("labels", "kind", "why"),
    [([50.0] * 9, "value", "9 labelled studies"), ([4.0] * 3 + [0.0] * 97, "finding", "3 labelled studies have it")],
)
def test_too_few_labels_say_so(labels: Sequence[float], kind: str, why: str) -> None:
    vectors, _, patients, folds = hearts(6, len(labels))
    made = fit_study_probe("mr", kind, None, vectors, np.array(labels), patients, folds)  # type: ignore[arg-type]
    assert isinstance(made, str)
    assert why in made


@pytest.fixture
def known(ward: Ward) -> Ward:
    """Two studies a patient, MR of grade 0 to 4 and an EF in videos; reports state the grade, SR the EF."""
    rng = np.random.default_rng(1)
    for number in range(STUDIES):
        grade, ef = number % 5, float(30 + number % 7 * 5)
        vector = heart(rng, 0.01, mr=grade, ef=ef, encoder=ward.archive.encoder)
        report = f"{GRADES[grade]}のMRあり。" if grade else "MRなし。"
        ward.add(f"s{number}", f"p{number // 2}", date(2020, 1 + number % 12, 5), report, vector=vector)
        if number % 2:
            ward.measured(f"s{number}", "lvef", ef, "%")
    ward.read()
    return ward


def test_probes_are_stored_by_version_and_read_studies(known: Ward, tmp_path: Path) -> None:
    rebuild(known.archive)
    before = interpret(known.archive, known.keys["s4"])
    assert {one.probe for one in before.findings} == {one.probe for one in before.values} == {None}
    ef, left_out = fit_probe(known.archive, "EF", "sr")
    assert (ef.version, ef.labels, ef.probe.kind, ef.probe.studies, left_out) == (1, "sr", "value", STUDIES // 2, 0)
    assert ef.probe.errors.error is not None
    assert ef.probe.errors.error.value < 7  # 8.6 of always guessing the mean
    mr, _ = fit_probe(known.archive, "僧帽弁逆流", "facts")
    assert (mr.probe.kind, mr.probe.studies, mr.probe.positives) == ("grade", STUDIES, STUDIES * 3 // 5)
    assert mr.probe.errors.exact is not None
    assert mr.probe.prompts is not None
    assert mr.probe.prompts.exact is not None
    assert mr.probe.errors.exact.value > mr.probe.prompts.exact.value
    found = interpret(known.archive, known.keys["s4"])
    read = next(one for one in found.findings if one.concept == "mr")
    assert read.probe == 1
    assert read.probability is not None
    assert read.grade is not None
    assert (read.probability > 0.8, read.grade > 2.5) == (True, True)
    value = next(one for one in found.values if one.concept == "lvef")
    assert (value.probe, value.reader.studies) == (1, STUDIES // 2)
    assert value.low is not None
    assert value.high is not None
    assert value.low < 50.0 < value.high
    again, _ = fit_probe(known.archive, "mr", "facts")
    assert again.version == 2
    assert [one.version for one in stored_probes(known.archive, "mr")] == [2, 1]
    assert [(one.probe.concept, one.version) for one in stored_probes(known.archive)] == [("lvef", 1), ("mr", 2)]
    (stored,) = (one for one in stored_probes(known.archive) if one.probe.concept == "mr")
    assert np.allclose(stored.probe.weights, again.probe.weights, atol=1e-5)
    assert delete_probe(known.archive, "mr", 2) == ("mr", 1)
    assert delete_probe(known.archive, "mr") == ("mr", 1)
    with pytest.raises(InputError, match="there is no probe of mr"):
        stored_probes(known.archive, "mr")
    with pytest.raises(InputError, match="there is no probe of mr"):
        delete_probe(known.archive, "mr")


def test_tables_refusals_and_commands(known: Ward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "labels.csv"
    rows = [f"{known.keys[f's{number}']},{number % 5}" for number in range(100)]
    file.write_text("\n".join(["study,label", *rows, rows[0], "nobody,3"]), encoding="utf-8")
    made, left_out = fit_probe(known.archive, "mr", str(file))
    assert (made.labels, made.probe.studies, left_out) == ("csv", 100, 2)
    file.write_text("\n".join(["study,label", *rows]), encoding="utf-16")
    assert fit_probe(known.archive, "mr", str(file), "utf-16")[0].probe.studies == 100
    with pytest.raises(TableError, match="line 1: not utf-8"):
        fit_probe(known.archive, "mr", str(file), "utf-8")
    for line, rule in (("x,5", "a grade 0 to 4"), ("x", "a grade 0 to 4"), ("x,nan", "a grade 0 to 4")):
        file.write_text(f"study,label\n{line}\n", encoding="utf-8")
        with pytest.raises(TableError, match=f"line 2: label: it is {rule}"):
            fit_probe(known.archive, "mr", str(file))
    file.write_text("study,grade\n", encoding="utf-8")
    with pytest.raises(TableError, match="line 1: the columns are study, label"):
        fit_probe(known.archive, "mr", str(file))
    with pytest.raises(InputError, match="structured reports measure values"):
        fit_probe(known.archive, "mr", "sr")
    with pytest.raises(InputError, match="no probe of ar was fitted: 0 labelled"):
        fit_probe(known.archive, "ar", "facts")

    class Opened:
        def __enter__(self) -> object:
            return known.archive

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(command, "open_archive", lambda _: Opened())
    for args in (
        ("fit", "--target", "ef", "--labels", "sr"),
        ("list",),
        ("show", "ef"),
        ("delete", "ef@1"),
    ):
        if args[0] != "delete":
            shown = CliRunner().invoke(probe_group, args, catch_exceptions=False)
            assert (shown.exit_code, "value" in shown.stdout) == (0, True)
        shown = CliRunner().invoke(probe_group, [*args, "--json"], catch_exceptions=False)
        check_json(["probe", *args, "--json"], shown.stdout)
        assert "CANARY" not in shown.stdout
        assert json.loads(shown.stdout)
