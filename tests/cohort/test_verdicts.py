"""Tables of readers' answers: as Excel saves them in Japan, half filled, and with mistakes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from echosearch.cohort.verdicts import read_verdicts
from echosearch.errors import TableError

KEY = "3f2a9c01-8e55-5b0e-9d0c-1f2e3a4b5c6d"


def table(file: Path, *rows: list[str], encoding: str = "utf-8") -> Path:
    with file.open("w", encoding=encoding, newline="") as handle:
        csv.writer(handle).writerows(rows)
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16", "euc_jp", "iso2022_jp"])
def test_any_encoding_that_reports_come_in(tmp_path: Path, encoding: str) -> None:
    """A reader's name in another encoding would be another reader."""
    file = table(
        tmp_path / "v.csv",
        ["study", "answer", "reason", "reader"],
        [KEY, "accept", "重度の僧帽弁逆流あり", "佐藤"],
        encoding=encoding,
    )
    (row,) = read_verdicts(file, None)
    assert (row.study, row.answer, row.reason, row.reader) == (KEY, "accept", "重度の僧帽弁逆流あり", "佐藤")


def test_an_encoding_that_no_word_tells_is_asked_for(tmp_path: Path) -> None:
    file = table(tmp_path / "v.csv", ["study", "answer", "reader"], [KEY, "reject", "ｻﾄｳ"], encoding="cp932")
    with pytest.raises(TableError, match="say which with --encoding"):
        list(read_verdicts(file, None))
    assert [row.reader for row in read_verdicts(file, None, "cp932")] == ["ｻﾄｳ"]


def test_an_export_with_answers_typed_beside_it(tmp_path: Path) -> None:
    """Other columns are not read; a row without an answer has none yet; a reason may have several lines."""
    file = table(
        tmp_path / "v.csv",
        ["study", "patient", "age", "age", "answer", "reason"],
        [KEY, "a", "71", "", "Accept", "first line\nsecond line"],
        ["", "", "", "", "", ""],
        [KEY[::-1], "b", "80", "", "", ""],
        ["'" + KEY, "c", "80", "", " UNSURE ", "'-"],
    )
    rows = list(read_verdicts(file, "sato"))
    assert [(row.study, row.answer, row.reader) for row in rows] == [(KEY, "accept", "sato"), (KEY, "unsure", "sato")]
    assert rows[0].reason == "first line\nsecond line"


@pytest.mark.parametrize(
    ("rows", "reader", "message"),
    [
        (["study,verdict", "x,accept"], "sato", "line 1: column answer is missing"),
        (["study;answer", "x;accept"], "sato", "line 1: semicolons part its cells, where commas must"),
        (["study,answer", "x,accept"], None, "line 1: column reader is missing"),
        (
            ["study,answer,reason", 'x,accept,"a', 'b"', "y,perhaps,"],
            "sato",
            "line 4, column answer: it is one of accept",
        ),
        (["study,answer", "x"], "sato", "line 2: 1 cells, the header has 2"),
        (["study,answer", ",accept"], "sato", "line 2, column study: empty"),
        (["study,answer", "3.2E+11,accept"], "sato", "line 2, column study: a spreadsheet rewrote this identifier"),
        (["study,answer,reader", "x,accept,"], None, "line 2: --reader: give a name"),
        (["study,answer,reason", "x,accept," + "a" * 501], "sato", "line 2: a reason of 501 characters"),
        (["study,answer,reader", "x,accept," + "s" * 2_000_000], None, "line 2: not a CSV"),
        ([], "sato", "is empty: its first line must name columns"),
    ],
)
def test_a_mistake_is_named_by_its_line(tmp_path: Path, rows: list[str], reader: str | None, message: str) -> None:
    file = tmp_path / "v.csv"
    file.write_text("\n".join(rows), "utf-8")
    with pytest.raises(TableError, match=message):
        list(read_verdicts(file, reader))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read: No such file"):
        list(read_verdicts(tmp_path / "nothing.csv", "sato"))
