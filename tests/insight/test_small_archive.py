"""Verdicts on an archive, and what is said of one that is empty or has no reports: real PostgreSQL."""

from __future__ import annotations

import json
from datetime import date

import pytest

from echosearch.db.cohorts.reviews import last_answers
from echosearch.errors import InputError
from echosearch.insight.as_json import shortcuts_json
from echosearch.insight.disagree import disagree
from echosearch.insight.shortcuts import shortcuts
from echosearch.insight.verdicts import record_verdict
from tests.cohort.conftest import Ward


def test_a_verdict_is_kept(ward: Ward) -> None:
    ward.add("s3", "p1", date(2020, 4, 5), "高度のMRあり。")
    key = record_verdict(ward.archive, ward.keys["s3"][:8], "accept", "sato", finding="mr", reason="CANARY")
    record_verdict(ward.archive, ward.keys["s3"], "unsure", "sato", finding="MR")
    assert key == ward.keys["s3"]
    with ward.archive.engine.connect() as connection:
        rows = [(row.study, row.reader, row.answer) for row in last_answers(connection, "disagree/mr")]
    assert rows == [(key, "sato", "unsure")]
    for study, answer, reader in ((key, "yes", "sato"), (key, "accept", "")):
        with pytest.raises(InputError):
            record_verdict(ward.archive, study, answer, reader)  # type: ignore[arg-type]


def test_an_empty_archive_and_one_without_reports_say_so(ward: Ward) -> None:
    for number in range(3):
        ward.add(f"s{number}", "p", date(2020, 1, 1), None)
    assert disagree(ward.archive).compared == 0
    assert any("no study has a report" in line for line in disagree(ward.archive).warnings)
    found = shortcuts(ward.archive)  # of one patient alone: nobody has neighbours
    assert all(one.near is None for one in found.neighbours)
    json.dumps(shortcuts_json(found), allow_nan=False)
