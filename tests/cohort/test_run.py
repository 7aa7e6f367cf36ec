"""Members and attrition of a definition, against sets written by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest
from sqlalchemy import text

from echosearch.cohort.attrition import AttritionStep, Tally, suppressed
from echosearch.cohort.definition import define, window_of
from echosearch.cohort.run import reading, run_definition
from echosearch.cohort.toml import from_toml, to_toml
from echosearch.errors import ConfigError, EmptyArchive, InputError
from echosearch.report.facts import load_lexicon
from tests.cohort.conftest import Ward


@pytest.mark.parametrize(
    ("words", "where", "expected"),
    [
        ("中等度以上のMR", "", {"severe", "severe later", "valve"}),
        ("中等度以上のMR、人工弁を除く", "", {"severe", "severe later"}),
        ("中等度以上のMR、EF 40%未満、人工弁を除く", "age >= 72", {"severe later"}),
        ("70歳以上の中等度以上のMR", "", {"severe", "severe later"}),
        ("70歳以上の中等度以上のMR", "date >= 2020", {"severe later"}),
        ("MRなし", "", {"none"}),
        ("軽度以下のMR", "", {"mild", "none"}),
        ("左室拡大または左房拡大", "", {"mild", "silent"}),
        ("EF 50%以上", "sex = F", {"as", "tavi"}),
        ("中等度以上のMR", "view = 4CH and device = Vivid", {"severe", "severe later", "valve"}),
        ("中等度以上のMR", "view = 2CH", set()),
    ],
)
def test_members_are_those_whose_reports_state_it(small: Ward, words: str, where: str, expected: set[str]) -> None:
    assert small.members(define("x", words, load_lexicon(), where=where)) == expected


def test_members_are_among_the_listed_studies_with_or_without_a_question(small: Ward) -> None:
    listed = [small.keys[name] for name in ("severe", "silent", "as")]
    alone = define("x", "", load_lexicon(), studies=listed)
    assert small.members(alone) == {"severe", "silent", "as"}
    assert small.members(from_toml(to_toml(alone), "x")) == {"severe", "silent", "as"}
    assert small.members(define("x", "中等度以上のMR", load_lexicon(), studies=listed)) == {"severe"}
    assert small.members(define("x", "", load_lexicon(), studies=listed, where="sex = M")) == set()
    with reading(small.archive) as connection:
        steps = run_definition(small.archive, connection, alone).attrition
    assert [(one.step, one.kept.studies) for one in steps] == [("3 chosen studies", 3)]


@pytest.mark.parametrize(
    "studies", [["3f2a9c01"], [f"{number:08x}-0000-0000-0000-000000000000" for number in range(2001)]]
)
def test_a_list_of_studies_is_of_keys_and_bounded(studies: list[str]) -> None:
    with pytest.raises(InputError, match=r"no key of a study|at most 2,000"):
        define("x", "", load_lexicon(), studies=studies)


def test_a_measurement_states_a_value_as_a_report_does(small: Ward) -> None:
    small.measured("no report", "lvef", 28.0, "%")
    assert small.members(define("x", "EF 30%未満", load_lexicon())) == {"no report"}


@pytest.mark.parametrize(
    ("per_patient", "expected"),
    [
        ("all", {"severe", "severe later", "valve"}),
        ("first", {"severe", "valve"}),
        ("last", {"severe later", "valve"}),
    ],
)
def test_studies_of_a_patient(small: Ward, per_patient: str, expected: set[str]) -> None:
    made = define("x", "中等度以上のMR", load_lexicon(), per_patient=per_patient)  # type: ignore[arg-type]
    assert small.members(made) == expected


def test_a_random_study_is_the_same_for_a_seed_and_another_for_some_other(small: Ward) -> None:
    def chosen(seed: int) -> frozenset[str]:
        return frozenset(small.members(define("x", "中等度以上のMR", load_lexicon(), per_patient="random", seed=seed)))

    assert chosen(1) == chosen(1)
    assert {chosen(seed) for seed in range(12)} == {
        frozenset({"severe", "valve"}),
        frozenset({"severe later", "valve"}),
    }


def test_attrition_sums_up_and_counts_patients_studies_videos(small: Ward) -> None:
    made = define(
        "x", "中等度以上のMR、EF 40%未満、人工弁を除く", load_lexicon(), where="age >= 65", per_patient="first"
    )
    with reading(small.archive) as connection:
        steps = run_definition(small.archive, connection, made).attrition
    assert [one.kept for one in steps] == [
        Tally(6, 9, 18),
        Tally(2, 3, 7),
        Tally(2, 3, 7),
        Tally(1, 2, 5),
        Tally(1, 2, 5),
        Tally(1, 1, 2),
    ]
    for before, after in pairwise(steps):
        for unit in ("patients", "studies", "videos"):
            assert getattr(after.kept, unit) + getattr(after.dropped, unit) == getattr(before.kept, unit)
    assert [one.step for one in steps][1:] == [
        "MR 中等度以上",
        "EF < 40 %",
        "人工弁 あり を除く",
        "age >= 65",
        "the first study of each patient",
    ]


@pytest.mark.parametrize(
    ("side", "window", "absent", "expected"),
    [
        ("after", "90 days: 人工弁", False, {"as"}),
        ("after", "50 days: 人工弁", False, set()),
        ("after", "2 months: 人工弁", False, {"as"}),
        ("after", "1 month: 人工弁", False, set()),
        ("before", "90 days: 人工弁", False, set()),
        ("before", "90 days: 人工弁", True, {"as"}),
    ],
)
def test_windows_around_an_index_study(small: Ward, side: str, window: str, absent: bool, expected: set[str]) -> None:
    lexicon = load_lexicon()
    made = define("x", "高度AS", lexicon, windows=[window_of(window, lexicon, side, absent)])
    assert small.members(made) == expected


def test_a_study_without_a_date_meets_no_window(small: Ward) -> None:
    small.sql("update core.study set month = null where study_key = :key", key=small.keys["as"])
    small.sql("update phi.study set study_date = null where study_key = :key", key=small.keys["as"])
    lexicon = load_lexicon()
    for unit in ("days", "months"):
        window = window_of(f"900 {unit}: 血栓", lexicon, "before", True)
        assert small.members(define("x", "高度AS", lexicon, windows=[window])) == set()


def test_a_role_without_phi_compares_months_and_is_refused_days(small: Ward) -> None:
    lexicon = load_lexicon()
    with reading(small.archive) as connection:
        connection.execute(text("create role es_cohort_reader; grant usage on schema core to es_cohort_reader"))
        connection.execute(text("grant select on all tables in schema core to es_cohort_reader"))
        connection.execute(text("set local role es_cohort_reader"))
        run = run_definition(small.archive, connection, define("x", "中等度以上のMR", lexicon, per_patient="first"))
        assert small.members_of(run) == {"severe", "valve"}
        assert run.resolution == "month"
        assert any("by month" in note for note in run.notes)
        window = window_of("2 months: 人工弁", lexicon, "after", False)
        assert small.members_of(
            run_definition(small.archive, connection, define("x", "高度AS", lexicon, windows=[window]))
        ) == {"as"}
        days = window_of("90 days: 人工弁", lexicon, "after", False)
        with pytest.raises(ConfigError, match=r"window in days.*phi schema"):
            run_definition(small.archive, connection, define("x", "高度AS", lexicon, windows=[days]))
        connection.rollback()


def test_what_is_not_searchable_is_in_no_cohort(small: Ward) -> None:
    small.sql("update core.study set conflict = true where study_key = :key", key=small.keys["severe"])
    assert small.members(define("x", "中等度以上のMR", load_lexicon())) == {"severe later", "valve"}


def test_a_threshold_without_a_calibration_is_refused(small: Ward) -> None:
    with pytest.raises(InputError, match="no calibrated probability of MR 中等度以上: it takes 25 studies"):
        small.members(define("x", "中等度以上のMR", load_lexicon(), video_at_least=0.8))


def test_an_empty_archive_says_so(ward: Ward) -> None:
    ward.sql("update core.generation set state = 'retired'")
    with pytest.raises(EmptyArchive):
        ward.members(define("x", "中等度以上のMR", load_lexicon()))


def test_no_suppressed_number_follows_from_those_shown() -> None:
    kept = [1000, 998, 940, 120, 118, 116, 4, 0]
    steps = [
        AttritionStep(str(n), Tally(n, n, n), Tally(b - n, b - n, b - n))
        for b, n in zip([1000, *kept], kept, strict=False)
    ]
    shown = [one.kept.studies for one in suppressed(steps, 5)]
    assert shown == [1000, None, 940, 120, None, None, None, 0]
    assert [one.dropped.studies for one in suppressed(steps, 5)] == [0, None, None, 820, None, None, None, None]
    seen = [number for number in shown if number is not None]
    assert all(a - b == 0 or a - b >= 5 for a, b in pairwise(seen))
    assert suppressed(steps, 1) == tuple(steps)
