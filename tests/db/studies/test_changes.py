"""Changes between a patient's studies, and what 「前回と著変なし」 inherits, in whatever order studies come."""

from __future__ import annotations

from datetime import date
from itertools import permutations

import pytest
from sqlalchemy import Engine, text

from echosearch.db.questions.fact_conditions import verdicts
from echosearch.db.studies.facts import due_reports, facts_of, put_facts, withdraw_facts
from echosearch.db.studies.inheritance import inherit, inherited_facts
from echosearch.db.studies.reports import IncomingReport, link_reports, stage_reports
from echosearch.db.studies.visits import MAX_VISITS, number_visits, unsettle, unsettled_patients
from echosearch.report.facts import ChangeCondition, load_lexicon, read_facts, understand
from tests.db.conftest import KEYRING, Ledger, header

Visit = tuple[str, date, str | None]  # study, day, report


def tell(engine: Engine, *visits: Visit) -> None:
    """Reports come in, and an ingest ends."""
    lexicon = load_lexicon()
    with engine.begin() as connection:
        stage_reports(connection, KEYRING, [IncomingReport(said, study_uid=uid) for uid, _, said in visits if said])
        link_reports(connection)
        withdraw_facts(connection)
        due = due_reports(connection, lexicon.version, None, 1000)
        put_facts(connection, lexicon.version, [(one, read_facts(one.text, lexicon)) for one in due])
        while patients := unsettled_patients(connection, 2):
            number_visits(connection, patients)
            inherit(connection, patients)


def come(ledger: Ledger, *visits: Visit, patient: str = "0007") -> None:
    for uid, day, _ in visits:
        ledger.store(header(f"{uid}.1", study=uid, patient=patient, study_date=day))
    tell(ledger.engine, *visits)


def shown(engine: Engine, uid: str) -> set[tuple[str, str, tuple[int, int] | None, bool]]:
    key = KEYRING.study(uid)
    with engine.connect() as connection:
        found = facts_of(connection, [key]).get(key, [])
    return {(fact.concept, fact.polarity, fact.severity, fact.inherited) for fact in found}


def verdict(engine: Engine, query: str, *uids: str) -> list[str]:
    asked = understand(query)
    assert asked.changes, query
    assert not asked.rest, asked.rest
    with engine.connect() as connection:
        keys = [KEYRING.study(uid) for uid in uids]
        found = verdicts(connection, (*asked.required, *asked.values, *asked.changes), asked.excluded, keys)
        return [found[key] for key in keys]


WORSE = (
    ("1", date(2020, 1, 10), "軽度MRあり。EF 60%。心嚢液なし。"),
    ("2", date(2020, 1, 25), "中等度MRあり。EF 52%。"),
    ("3", date(2020, 12, 1), "高度MRあり。EF 45%。ペースメーカーリードあり。少量の心嚢液あり。"),
    ("4", date(2023, 6, 1), "高度MRあり。EF 30%。ペースメーカーリードあり。心嚢液なし。"),
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("MRが1段階以上悪化", ["silent", "stated", "stated", "denied"]),
        ("MRが2段階以上悪化", ["silent", "denied", "denied", "denied"]),
        ("MRが1年以内に2段階以上悪化", ["silent", "denied", "stated", "silent"]),
        ("EFが1年以内に10以上低下", ["silent", "denied", "stated", "silent"]),
        ("EFが10以上低下", ["silent", "denied", "denied", "stated"]),
        ("EFが5以上低下", ["silent", "stated", "stated", "stated"]),
        ("EFが5以上上昇", ["silent", "denied", "denied", "denied"]),
        ("新規のペースメーカー", ["silent", "silent", "stated", "denied"]),
        ("1年以内の新規ペースメーカー", ["silent", "silent", "stated", "denied"]),
        ("新たな心嚢液貯留", ["denied", "silent", "stated", "denied"]),
        ("5年以内に心嚢液が消失", ["denied", "silent", "denied", "stated"]),
        ("女性でMRの悪化、左室拡大なし", ["silent", "silent", "silent", "denied"]),
    ],
)
def test_changes_are_found_in_reports(ledger: Ledger, query: str, expected: list[str]) -> None:
    come(ledger, *WORSE)
    got = verdict(ledger.engine, query, "1", "2", "3", "4")
    assert [one == "stated" for one in got] == [one == "stated" for one in expected], got
    assert not [place for place, one in enumerate(expected) if (one, got[place]) == ("silent", "denied")], got


def test_studies_of_one_month_are_compared_in_the_order_of_their_days(ledger: Ledger) -> None:
    come(ledger, *WORSE[1::-1])  # the later one came first
    assert verdict(ledger.engine, "MRの悪化", "1", "2") == ["silent", "stated"]
    with ledger.engine.connect() as connection:
        rows = connection.execute(text("select study_key, visit, month from core.study order by visit")).all()
    assert [(str(row.study_key), row.visit, row.month) for row in rows] == [
        (KEYRING.study("1"), 1, 202001),
        (KEYRING.study("2"), 2, 202001),
    ]


def test_another_patients_study_is_no_earlier_one(ledger: Ledger) -> None:
    come(ledger, WORSE[0])
    come(ledger, WORSE[2], patient="0008")
    assert verdict(ledger.engine, "MRの悪化", "3") == ["silent"]
    assert verdict(ledger.engine, "新規のペースメーカー", "3") == ["denied"]


def test_every_value_must_show_the_change(ledger: Ledger) -> None:
    """EF 58 % by one method and 41 % by another is no fall below the 60 % of before."""
    come(
        ledger,
        ("1", date(2020, 1, 1), "EF 60%。"),
        ("2", date(2020, 5, 1), "EF(Teich) 58%、EF(MOD) 41%。"),
        ("3", date(2020, 9, 1), "EF 40〜45%。"),
    )
    assert verdict(ledger.engine, "EFが1年以内に10以上低下", "2", "3") == ["denied", "stated"]


def test_a_study_that_refers_back_inherits_what_it_does_not_state(ledger: Ledger) -> None:
    come(
        ledger,
        ("1", date(2020, 1, 1), "高度MRあり。左房拡大あり。EF 35%。左室収縮能低下。心嚢液なし。昨年AR高度であった。"),
        ("2", date(2021, 1, 1), "前回と著変なし。EF 55%。心嚢液あり。"),
        ("3", date(2022, 1, 1), "著変なし。"),
        ("4", date(2023, 1, 1), "MR軽度。"),
    )
    assert shown(ledger.engine, "2") == {
        ("mr", "present", (4, 4), True),
        ("la_dilation", "present", None, True),
        ("lvef", "present", None, False),
        ("pericardial_effusion", "present", None, False),
    }  # the EF is its own: the low EF in words, and what was historical, are not inherited
    assert shown(ledger.engine, "3") == {
        ("mr", "present", (4, 4), True),
        ("la_dilation", "present", None, True),
        ("pericardial_effusion", "present", None, True),
    }
    assert not any(inherited for *_, inherited in shown(ledger.engine, "4"))
    with ledger.engine.connect() as connection:
        origins = connection.execute(
            text("select concept, inherited_from from core.fact where study_key = :key"), {"key": KEYRING.study("3")}
        ).all()
    assert {(row.concept, str(row.inherited_from)) for row in origins} == {
        ("mr", KEYRING.study("1")),
        ("la_dilation", KEYRING.study("1")),
        ("pericardial_effusion", KEYRING.study("2")),
    }


def test_what_is_inherited_is_never_new(ledger: Ledger) -> None:
    come(
        ledger,
        ("1", date(2020, 1, 1), "左房拡大なし。"),
        ("2", date(2020, 2, 1), "ペースメーカーリードあり。心嚢液あり。"),
        ("3", date(2020, 3, 1), "前回と著変なし。"),
        ("4", date(2020, 4, 1), "ペースメーカーリードあり。"),
    )
    assert verdict(ledger.engine, "新規のペースメーカー", "1", "2", "3", "4")[1:] == ["stated", "silent", "denied"]
    assert verdict(ledger.engine, "1年以内に新たな心嚢液貯留", "2", "3") == ["stated", "silent"]


HISTORY: tuple[Visit, ...] = (
    ("1", date(2020, 1, 1), "高度MRあり。"),
    ("2", date(2021, 1, 1), "前回と著変なし。"),
    ("3", date(2022, 1, 1), "前回と著変なし。左房拡大あり。"),
)


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_the_order_in_which_studies_come_does_not_matter(ledger: Ledger, order: tuple[int, ...]) -> None:
    for place in order:
        come(ledger, HISTORY[place])
    assert shown(ledger.engine, "1") == {("mr", "present", (4, 4), False)}
    assert shown(ledger.engine, "2") == {("mr", "present", (4, 4), True)}
    assert shown(ledger.engine, "3") == {("mr", "present", (4, 4), True), ("la_dilation", "present", None, False)}


def test_a_corrected_report_corrects_what_is_inherited(ledger: Ledger) -> None:
    come(ledger, *HISTORY)
    tell(ledger.engine, ("1", HISTORY[0][1], "MRなし。"))
    assert shown(ledger.engine, "2") == {("mr", "absent", (0, 0), True)}
    tell(ledger.engine, ("2", HISTORY[1][1], "軽度MRあり。"))
    assert shown(ledger.engine, "2") == {("mr", "present", (2, 2), False)}
    assert ("mr", "present", (2, 2), True) in shown(ledger.engine, "3")


def test_only_marked_patients_are_settled_again(ledger: Ledger) -> None:
    come(ledger, *HISTORY)
    come(ledger, ("9", date(2020, 1, 1), "MRなし。"), patient="0009")
    with ledger.engine.begin() as connection:
        assert unsettled_patients(connection, 10) == []
        unsettle(connection, [KEYRING.study("2"), KEYRING.study("3")])
        assert len(unsettled_patients(connection, 10)) == 1


def test_a_placeholder_patient_has_no_order(ledger: Ledger) -> None:
    come(ledger, *HISTORY)
    with ledger.engine.begin() as connection:
        patient = connection.execute(text("select patient_key from core.patient")).scalar_one()
        connection.execute(
            text(
                "insert into core.study (study_key, patient_key, month)"
                " select gen_random_uuid(), :patient, 202001 from generate_series(1, :n)"
            ),
            {"patient": patient, "n": MAX_VISITS},
        )
        number_visits(connection, [str(patient)])
        assert connection.execute(text("select max(visit) from core.study")).scalar_one() == 0


def test_a_narrower_or_broader_finding_of_today_is_not_inherited_over() -> None:
    before = [(fact, "a") for fact in read_facts("心尖部に無収縮あり。MR軽度。TRの疑い。PFO既往。ARは評価困難。")]
    kept = inherited_facts(before, read_facts("局所壁運動異常なし。"))
    assert {fact.concept for fact, _ in kept} == {"mr", "tr"}
    assert inherited_facts(before, read_facts("MR高度。TRなし。下壁に壁運動低下あり。")) == [
        pair for pair in before if pair[0].concept == "akinesis"
    ]


def test_what_a_prosthesis_has_mended_since_is_not_inherited() -> None:
    def inherited(before: str, own: str) -> set[str]:
        return {
            fact.concept for fact, _ in inherited_facts([(fact, "a") for fact in read_facts(before)], read_facts(own))
        }

    before = "ASは重度。MR軽度。TRなし。左室肥大あり。"
    assert inherited(before, "大動脈弁位に人工弁を認める。前回と著変なし。") == {"tr", "lv_hypertrophy"}
    assert inherited(before, "MitraClip術後。著変なし。") == {"tr", "lv_hypertrophy"}
    assert inherited(before + "人工弁あり。", "人工弁あり。著変なし。") == {"as", "mr", "tr", "lv_hypertrophy"}
    assert inherited(before, "人工弁なし。著変なし。") == {"as", "mr", "tr", "lv_hypertrophy"}


def test_a_change_without_an_order_is_no_change(ledger: Ledger) -> None:
    come(ledger, ("1", date(2020, 1, 1), "EF 60%。"))
    ledger.store(header("2.1", study="2", study_date=None))
    tell(ledger.engine, ("2", date(2020, 1, 1), "EF 30%。"))
    change = ChangeCondition("lvef", "falls", 10.0, "%", None)
    with ledger.engine.connect() as connection:
        assert verdicts(connection, (change,), (), [KEYRING.study("2")]) == {KEYRING.study("2"): "silent"}
