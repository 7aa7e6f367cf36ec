"""Facts of an archive of before, which have no walls until its next ingest: they say nothing of one wall."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from echosearch.db.questions.fact_conditions import verdicts
from echosearch.db.questions.study_sets import OF_WALLS
from echosearch.report.facts import load_lexicon
from echosearch.search.question import read_question
from tests.cohort.conftest import Ward, open_ward

SAID = ("下壁に無収縮あり。", "側壁に壁運動異常なし。", "局所壁運動異常なし。")


@pytest.mark.parametrize(
    ("query", "unread", "read"),
    [
        ("下壁の壁運動異常", ["silent"] * 3, ["stated", "silent", "denied"]),
        ("側壁の壁運動異常なし", ["silent"] * 3, ["silent", "stated", "stated"]),
        ("局所壁運動異常", ["stated", "silent", "silent"], ["stated", "silent", "denied"]),
    ],
)
def test_what_was_not_read_for_walls_names_none(
    database: Engine, tmp_path: Path, query: str, unread: list[str], read: list[str]
) -> None:
    question = read_question(query, load_lexicon())

    def told(ward: Ward) -> list[str]:
        with database.connect() as connection:
            found = verdicts(connection, question.required, question.excluded, [*ward.keys.values()])
        return [found[key] for key in ward.keys.values()]

    with open_ward(database, tmp_path / "home") as ward:
        for number, said in enumerate(SAID):
            ward.add(str(number), str(number), date(2020, 1, 1), said)
        ward.read("of before")
        ward.sql("update core.fact set walls = null")
        assert told(ward) == unread
        with database.connect() as connection:
            in_bits = f"select count(*) from core.fact f cross join unnest({OF_WALLS}) of_wall"
            assert connection.scalar(text(in_bits)) == 0
        ward.read()
        assert told(ward) == read
