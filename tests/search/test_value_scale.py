"""Values read off vectors: the scale against values that are known, and that an archive's own are used and said."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import text

from echosearch.db.studies.known_values import known_values
from echosearch.encoder.bundle.folder import fingerprint as fingerprint_of
from echosearch.encoder.bundle.folder import load_manifest
from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.search.arms.value_scale import LEAST, fit_scale, nearest_values, shipped_scale
from echosearch.search.ask import ask
from echosearch.search.results import SearchOptions, as_json
from echosearch.vector import unit
from tests.search.conftest import Corpus
from tests.search.test_ask import told  # noqa: F401

MEASURED = text(
    "insert into core.sr_value (file_id, study_key, concept, value, unit, trusted)"
    " values ((select min(id) + :nth from core.source_file), cast(:study as uuid), 'lvef', :value, '%', true)"
)


def made(studies: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Values, what prompts give (drawn to 50), unit vectors that hold what the prompts miss; two studies a patient."""
    random = np.random.default_rng(seed)
    true = random.uniform(15, 75, studies)
    missed = random.normal(0, 4, studies)
    vectors = random.standard_normal((studies, 32))
    vectors[:, 0] += missed
    return (
        true,
        50 + 0.5 * (true - 50) + missed / 2,
        unit(vectors.astype(np.float32)),
        [f"p{i // 2}" for i in range(studies)],
    )


def test_a_scale_undoes_the_prompts_pull_to_the_middle() -> None:
    true, prompts, vectors, patients = made(200)
    scale = fit_scale("lvef", prompts, vectors, true, patients)
    assert scale is not None
    fresh, said, other, _ = made(100, seed=1)
    read = scale(said, other)
    assert np.abs(read - fresh).mean() < 0.5 * np.abs(said - fresh).mean()
    assert np.abs(read - fresh).mean() == pytest.approx(scale.error, rel=0.35)  # the error is of patients left out
    line = np.polyval(np.polyfit(prompts, true, 1), said)
    assert np.abs(read - fresh).mean() < np.abs(line - fresh).mean()  # the vectors add what the line leaves


def test_too_few_or_values_that_vectors_say_nothing_of_make_no_scale() -> None:
    true, prompts, vectors, patients = made(40)
    assert (
        fit_scale("lvef", prompts[: LEAST - 1], vectors[: LEAST - 1], true[: LEAST - 1], patients[: LEAST - 1]) is None
    )
    assert fit_scale("lvef", prompts, vectors, true, ["one", "two"] * 20) is None
    assert fit_scale("lvef", true, vectors, true, patients) is None  # the prompts are right already
    noise = np.random.default_rng(2).uniform(0, 100, 40)
    assert fit_scale("lvef", noise, vectors, true, patients) is None  # neither prompts nor vectors say anything


def test_a_scale_goes_on_top_of_the_one_below() -> None:
    true, prompts, vectors, patients = made(200)
    shipped = fit_scale("lvef", prompts, vectors, true - 7, patients, "shipped")
    fitted = fit_scale("lvef", prompts, vectors, true, patients, below=shipped)
    assert fitted is not None
    assert fitted.below is shipped
    assert np.abs(fitted(prompts, vectors) - true).mean() < 2


def test_odds_of_a_range_are_those_of_its_ends() -> None:
    true, prompts, vectors, patients = made(100)
    scale = fit_scale("lvef", prompts, vectors, true, patients)
    assert scale is not None
    values = np.array([5.0, 35.0, 39.9, 40.1, 60.0])

    def share(low: float, high: float) -> np.ndarray:
        return 1 / (1 + np.exp(-scale.log_odds(values, low, high)))

    assert share(-np.inf, 40.0) + share(40.0, np.inf) == pytest.approx(1)
    assert share(30.0, 40.0) == pytest.approx(share(-np.inf, 40.0) - share(-np.inf, 30.0), abs=1e-9)
    assert share(-np.inf, 40.0)[2] > 0.5 > share(-np.inf, 40.0)[3]
    assert np.argmax(share(30.0, 40.0)) == 1


def test_nearest_values_are_the_median_of_a_fifth() -> None:
    values = np.arange(10.0, 20.0)
    cosine = -np.abs(values[None] - np.array([[12.2], [17.0]]))
    assert nearest_values(cosine, values) == pytest.approx([12.5, 16.5])


@pytest.mark.parametrize("count", [1, 3, 7, 8, 14, 70])
def test_nearest_values_of_any_number_of_prompts(count: int) -> None:
    random = np.random.default_rng(count)
    cosine, values = random.standard_normal((50, count)), np.sort(random.uniform(10, 80, count))
    kept = max(round(0.2 * count), 1)
    by_definition = [np.median(values[sorted(range(count), key=lambda k: -row[k])[:kept]]) for row in cosine]
    np.testing.assert_array_equal(nearest_values(cosine, values), by_definition)


def test_what_ships_is_for_an_encoder_that_ships() -> None:
    scale = shipped_scale(fingerprint_of(load_manifest(shipped_bundles()["phantom-tiny"])), "lvef")
    assert scale is not None
    assert len(scale.weights) == load_manifest(shipped_bundles()["phantom-tiny"]).dimension
    assert scale.error < 4
    assert shipped_scale("0" * 64, "lvef") is None


def test_known_values_are_of_reports_and_of_measurements(told: Corpus) -> None:  # noqa: F811
    with told.archive.engine.connect() as connection:
        before = known_values(connection, "lvef", 1000)
        assert {one.value for one in before} == {35.0, 62.0, 55.0}  # a range is no value
        assert len({one.study for one in before}) == len(before)
        patients = {study.key: study.patient for study in told.studies}
        assert all(patients[one.study] == one.patient for one in before)
        assert known_values(connection, "lvef", 3) == before[:3]
        study = before[0].study
        connection.execute(MEASURED, {"nth": 0, "study": study, "value": 31.5})
        assert known_values(connection, "lvef", 1000)[0].value == 31.5  # a measurement goes before the report's text
        connection.execute(MEASURED, {"nth": 1, "study": study, "value": 50.0})
        assert known_values(connection, "lvef", 1000)[0].value != 31.5  # two that differ are none
        connection.rollback()


def test_an_archive_s_own_values_make_the_scale_and_results_say_so(told: Corpus) -> None:  # noqa: F811
    """Videos of this archive say nothing of EF, so each study gets a measurement that its vector does say."""
    direction = np.random.default_rng(0).standard_normal(24)
    rows = [
        {"nth": nth, "study": study.key, "value": 50 + 40 * float(unit(told.mean(study)) @ direction)}
        for nth, study in enumerate(told.studies)
    ]
    with told.archive.engine.begin() as connection:
        connection.execute(MEASURED, rows)
    try:
        found = ask(told.archive, "EF 41%未満", SearchOptions(top_k=200))
    finally:
        with told.archive.engine.begin() as connection:
            connection.execute(text("delete from core.sr_value"))
    assert [(one.concept, one.source, one.studies) for one in found.read_values] == [("lvef", "archive", 32)]
    assert found.belief == "probability"
    assert as_json(found)["read_values"][0]["error"] == round(found.read_values[0].error, 2)
    without = ask(told.archive, "EF 42%未満", SearchOptions(top_k=200))
    assert without.read_values == ()  # three reports and more state an EF, and vectors that say nothing make no scale
