"""One patient number at two hospitals: two patients where anything tells them apart, and one where nothing does."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, text

from echosearch.db.studies.hospitals import keep_hospitals_apart
from echosearch.video import Hospital
from tests.db.admission.test_corrections import due, read_again, whose
from tests.db.conftest import KEYRING, Ledger, header

A, B = Hospital(name="hospital a"), Hospital(name="hospital b")


def patients(engine: Engine, *studies: str) -> list[str]:
    """The patients of these studies, after the hospitals have been kept apart; and doing so again changes nothing."""
    with engine.begin() as connection:
        keep_hospitals_apart(connection, KEYRING)
        assert keep_hospitals_apart(connection, KEYRING) == 0
    keys = whose(engine)
    return [keys[KEYRING.study(study)] for study in studies]


@pytest.mark.parametrize(
    ("one", "other", "how_many"),
    [
        ({"hospital": A, "sex": "F"}, {"hospital": B, "sex": "M"}, 2),
        ({"hospital": A, "birth_date": date(1950, 1, 1)}, {"hospital": B, "birth_date": date(1960, 1, 1)}, 2),
        ({"hospital": Hospital(name="city", address="osaka")}, {"hospital": Hospital("", "city", "kobe")}, 1),
        ({"hospital": Hospital(authority="1.2.3")}, {"hospital": Hospital(authority="1.2.4")}, 2),
        ({"hospital": Hospital(authority="1.2.3")}, {"hospital": Hospital(authority="1.2.3"), "sex": "M"}, 1),
        ({"hospital": A}, {"hospital": B}, 1),  # one hospital has many spellings
        ({"hospital": A, "birth_date": date(1950, 1, 1)}, {"hospital": B, "birth_date": None}, 1),
        ({"hospital": A, "sex": "F"}, {"hospital": A, "sex": "M"}, 1),  # counted as a contradiction, not parted
        ({"hospital": A, "sex": "F"}, {"sex": "M"}, 1),
        ({"hospital": A, "sex": "F"}, {"hospital": B, "sex": None}, 1),
        ({"issuer": "HIS", "hospital": A, "sex": "F"}, {"issuer": "HIS", "hospital": B, "sex": "M"}, 2),
        ({"issuer": "ONE"}, {"issuer": "OTHER"}, 2),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_two_hospitals(
    engine: Engine, ledger: Ledger, one: dict[str, Any], other: dict[str, Any], how_many: int, order: int
) -> None:
    files = [header("1.1", study="1", **one), header("2.1", study="2", **other)]
    for file in files[::order]:
        ledger.store(file)
    keys = patients(engine, "1", "2")
    assert len({*keys}) == how_many
    if how_many == 1:
        assert keys == [KEYRING.patient(one.get("issuer", ""), "0007")] * 2


def test_the_studies_of_one_hospital_stay_together_and_the_index_is_told(engine: Engine, ledger: Ledger) -> None:
    for number, (hospital, sex) in enumerate([(A, "F"), (A, "F"), (B, "M"), (None, "F")]):
        given: dict[str, Any] = {"hospital": hospital} if hospital else {}
        ledger.store(header(f"{number}.1", study=str(number), sex=sex, **given))
    due(engine)
    keys = patients(engine, "0", "1", "2", "3")
    assert keys[0] == keys[1] == KEYRING.patient("", "0007", "hospital a")
    assert keys[2] == KEYRING.patient("", "0007", "hospital b")
    assert keys[3] == KEYRING.patient("", "0007")  # nothing says which of them it is
    assert due(engine)["studies"] == {KEYRING.study(study) for study in "012"}
    ledger.store(header("1.2", study="1", hospital=A))  # a further file joins its study's patient
    assert patients(engine, "0", "1") == keys[:2]
    with engine.connect() as connection:
        named = connection.execute(text("select distinct issuer, patient_id from phi.patient")).all()
    assert [tuple(row) for row in named] == [("", "0007")]  # so reports find their studies by the same number


def test_a_correction_brings_a_patient_together_again(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1", study="1", hospital=A, sex="F"))
    ledger.store(header("2.1", study="2", hospital=B, sex="M"))
    assert len({*patients(engine, "1", "2")}) == 2
    read_again(ledger, "IM_0001", header("2.1", study="2", hospital=B, sex="F"))
    assert patients(engine, "1", "2") == [KEYRING.patient("", "0007")] * 2


def test_two_institutions_within_one_study_part_nobody(engine: Engine, ledger: Ledger) -> None:
    """A machine and a workstation."""
    ledger.store(header("1.1", study="1", hospital=A), header("1.2", study="1", hospital=B))
    ledger.store(header("2.1", study="2", hospital=B, sex="M"))
    assert patients(engine, "1", "2") == [KEYRING.patient("", "0007")] * 2
