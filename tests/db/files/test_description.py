"""Two people under one id: a study has the sex, age and birth date that its own files say."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, text

from echosearch.db.files.contradictions import Contradictions
from echosearch.db.files.description import note_contradictions
from tests.db.admission.test_corrections import due, read_again
from tests.db.conftest import KEYRING, Ledger, header


def described(engine: Engine) -> dict[str, tuple[Any, ...]]:
    """StudyInstanceUID -> sex, age, birth date, whether its files contradict one another."""
    query = text(
        "select i.study_uid, s.sex, s.age, i.birth_date, s.contradicts from core.study s join phi.study i"
        " using (study_key)"
    )
    with engine.connect() as connection:
        return {row[0]: tuple(row[1:]) for row in connection.execute(query)}


def counted(engine: Engine) -> tuple[int, int, int]:
    with engine.begin() as connection:
        found = note_contradictions(connection)
    assert bool(found) == (found != Contradictions(0, 0, 0))
    return found.patients_of_two_sexes, found.patients_of_two_birth_dates, found.studies


@pytest.mark.parametrize("together", [True, False])
def test_each_study_has_what_its_own_files_say(engine: Engine, ledger: Ledger, together: bool) -> None:
    born = {"1": date(1950, 1, 1), "2": date(1960, 1, 1), "3": None}
    files = [
        header(f"{study}.1", study=study, patient="Anonymized", sex=sex, age_years=age, birth_date=born[study])
        for study, sex, age in (("1", "M", 30), ("2", "F", 40), ("3", None, None))
    ]
    for batch in [files] if together else [[file] for file in files]:
        ledger.store(*batch)
    assert described(engine) == {
        "1": ("M", 30, date(1950, 1, 1), False),
        "2": ("F", 40, date(1960, 1, 1), False),
        "3": (None, None, None, False),
    }
    assert counted(engine) == (1, 1, 0)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("one", "other", "agreed"),
    [
        ({"sex": "M"}, {"sex": "F"}, (None, 71, None, True)),
        ({"sex": "M"}, {"sex": None}, ("M", 71, None, False)),
        ({"age_years": 30}, {"age_years": 71}, ("F", None, None, True)),
        ({"age_years": 70}, {"age_years": 71}, ("F", 70, None, False)),
        ({"age_years": None}, {"age_years": 71}, ("F", 71, None, False)),
        ({"age_years": 93}, {"age_years": 99}, ("F", 90, None, False)),
        ({"birth_date": date(1950, 1, 1)}, {"birth_date": date(1951, 1, 1)}, ("F", 71, None, True)),
        ({"birth_date": date(1950, 1, 1)}, {"birth_date": None}, ("F", 71, date(1950, 1, 1), False)),
    ],
)
def test_a_study_has_what_its_files_agree_in(
    engine: Engine, ledger: Ledger, one: dict[str, Any], other: dict[str, Any], agreed: tuple[Any, ...], order: int
) -> None:
    for number, given in enumerate((one, other)[::order]):
        ledger.store(header(f"1.{number}", **given))
    assert described(engine) == {"1.2.3": agreed}
    assert counted(engine) == (0, 0, int(agreed[-1]))


def test_a_contradiction_that_is_corrected_is_none_any_more(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"))
    ledger.store(header("1.2", sex="M"))
    due(engine)
    read_again(ledger, "IM_0001", header("1.2"))
    assert described(engine) == {"1.2.3": ("F", 71, None, False)}
    assert due(engine)["studies"] == {KEYRING.study("1.2.3")}
    assert counted(engine) == (0, 0, 0)


def test_a_file_that_goes_to_another_study_takes_what_it_said_with_it(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1"))
    ledger.store(header("1.2", sex="M"))
    read_again(ledger, "IM_0001", header("1.2", study="9", sex=None))
    assert described(engine) == {"1.2.3": ("F", 71, None, False), "9": (None, 71, None, False)}


def test_a_corrected_patient_does_not_keep_what_was_said_of_the_other(
    engine: Engine, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.store(header("1.1", birth_date=date(1950, 1, 1)))
    monkeypatch.setattr("echosearch.db.files.backing.stamp_of", lambda path: (0, 0))  # the file was changed
    read_again(ledger, "IM_0000", header("1.1", patient="0008", sex=None, age_years=None))
    assert described(engine) == {"1.2.3": (None, None, None, False)}


def test_what_a_file_says_again_with_less_stays_known(engine: Engine, ledger: Ledger) -> None:
    ledger.store(header("1.1", birth_date=date(1950, 1, 1)))
    read_again(ledger, "IM_0000", header("1.1", sex=None, age_years=None))
    assert described(engine) == {"1.2.3": ("F", 71, date(1950, 1, 1), False)}
