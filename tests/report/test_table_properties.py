"""Tables, identifiers and dates over generated cells: read back equal, or refused; never read as something else."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from echosearch.errors import TableError
from echosearch.report.csv_tables import read_reports
from echosearch.report.dates import read_date
from echosearch.report.encoding import ENCODINGS
from echosearch.report.identifier import read_identifier

# name of an encoding -> Python's codec that writes it here, where it is not the one that reads it
WRITERS = {"utf-8": "utf-8", "iso-2022-jp": "iso2022_jp_ext"}
KANJI = "左室右房心臓弁膜僧帽大動脈狭窄逆流閉鎖不全軽度中等重高石田山本"
NARROW = "".join(map(chr, (*range(0x20, 0x7F), *range(0xFF61, 0xFFA0)))) + "\n\r\t"
WIDE = "".join(map(chr, (*range(0x3041, 0x3094), *range(0x30A1, 0x30F7)))) + KANJI + "、。「」・ー％ＥＦ"
TEXTS = st.text(st.sampled_from(NARROW + WIDE + "①Ⅲ髙㎜±é"), max_size=30).map(str.strip)
UIDS = st.lists(st.integers(1, 9999), min_size=2, max_size=5).map(lambda parts: ".".join(map(str, parts)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


def written(rows: list[tuple[str, str]], codec: str) -> bytes:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows([("study_uid", "report_text"), *rows])
    return lines.getvalue().encode(codec)


def is_one_line(error: TableError, path: Path) -> bool:
    return str(path) in str(error) and "\n" not in str(error)


def could_be_utf8(content: bytes) -> bool:
    """Whether nobody can tell the bytes from UTF-8: short tables in EUC-JP, or half-width kana of cp932."""
    try:
        return not any("\x80" <= c <= "\x9f" for c in content.decode())
    except UnicodeDecodeError:
        return False


@given(st.lists(st.tuples(UIDS, TEXTS), min_size=1, max_size=5))
@example([("1.2", "ﾂＥ")])  # in cp932 the bytes of UTF-8's U+0082, d
def test_a_table_is_read_back_equal_or_refused(folder: Path, rows: list[tuple[str, str]]) -> None:
    """Equal where the encoding is said; where it is to be found out, equal or refused, and never another text."""
    path = folder / "reports.csv"
    for encoding in ENCODINGS:
        codec = WRITERS.get(encoding, ENCODINGS[encoding])
        try:
            content = written(rows, codec)
        except UnicodeEncodeError:
            continue  # a character that this encoding has not
        path.write_bytes(content)
        assert [(row.study_uid, row.report_text) for row in read_reports(path, encoding)] == rows
        if encoding in ("cp932", "shift_jis", "euc-jp", "euc-jis-2004") and could_be_utf8(content):
            continue
        try:
            found = [(row.study_uid, row.report_text) for row in read_reports(path)]
        except TableError as exc:
            assert is_one_line(exc, path)  # noqa: PT017 - refused, or equal
        else:
            assert found == rows, encoding


@given(st.binary(max_size=200), st.sampled_from([None, *ENCODINGS]))
@example(b"", "utf-16")
@example(b"", "utf-32")
def test_any_bytes_are_rows_or_a_table_error(folder: Path, content: bytes, encoding: str | None) -> None:
    path = folder / "any.csv"
    for data in (content, b"study_uid,report_text\n1.2," + content):
        path.write_bytes(data)
        try:
            list(read_reports(path, encoding))
        except TableError as exc:
            assert is_one_line(exc, path)  # noqa: PT017 - refused, or rows


IDENTIFIERS = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,14}[A-Za-z0-9])?", fullmatch=True).filter(
    lambda text: not any(sign in text for sign in ("E-", "e-")) and not _a_day(text)
)


def _a_day(text: str) -> bool:
    return any(
        month in text.lower()
        for month in ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    )


@given(
    IDENTIFIERS,
    st.sampled_from([str, '="{}"'.format, "'{}".format, '"{}"'.format, "\ufeff {}\u3000".format, "「{}」".format]),
)
def test_what_a_spreadsheet_puts_around_an_identifier_comes_off(identifier: str, wrap: Callable[[str], str]) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) for c in identifier)
    for cell in (wrap(identifier), wrap(wide)):
        assert read_identifier(cell) == identifier


@given(st.integers(0, 10**15 - 1))
def test_a_number_comes_back_with_its_digits(number: int) -> None:
    assert read_identifier(f"{number:,}") == str(number)
    assert read_identifier(f"{number}.0") == str(number)


@given(st.text(max_size=40), st.booleans())
def test_any_cell_is_an_identifier_or_breaks_a_rule_that_does_not_show_it(cell: str, uid: bool) -> None:
    try:
        once = read_identifier(cell, uid)
    except ValueError as exc:
        assert len(cell) < 12 or cell not in str(exc)  # noqa: PT017 - refused, or read
        return
    assert read_identifier(once, uid) == once  # what was read is written as itself
    assert "\n" not in once


DAYS = st.dates(date(1900, 1, 1), date(2099, 12, 31))


@given(DAYS, st.booleans())
def test_a_western_date_in_every_writing(day: date, wide: bool) -> None:
    y, m, d = day.year, day.month, day.day
    writings = (f"{y}-{m:02d}-{d:02d}", f"{y}/{m}/{d}", f"{y}.{m}.{d}", f"{y}{m:02d}{d:02d}", f"{y}年{m}月{d}日")
    for text in writings:
        for time in ("", " 9:05", "T23:59:59.5"):
            whole = text + time
            assert (
                read_date("".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in whole) if wide else whole) == day
            )


ERAS = (("明治", "M", date(1868, 10, 23)), ("大正", "T", date(1912, 7, 30)), ("昭和", "S", date(1926, 12, 25)),
        ("平成", "H", date(1989, 1, 8)), ("令和", "R", date(2019, 5, 1)))  # fmt: skip


@given(st.dates(date(1868, 10, 23), date(2099, 12, 31)))
def test_a_japanese_date_in_every_writing(day: date) -> None:
    """Each day belongs to one era; written in another it is no day."""
    name = [era for era, _, began in ERAS if began <= day][-1]
    for era, letter, began in ERAS:
        year = day.year - began.year + 1
        if not 1 <= year <= 99:
            continue
        texts = [f"{era}{year}年{day.month}月{day.day}日", f"{letter}{year}.{day.month}.{day.day}"]
        texts += [f"{letter.lower()}{year}/{day.month:02d}/{day.day:02d}"]
        texts += [f"{era}元年{day.month}月{day.day}日"] if year == 1 else []
        for text in texts:
            if era == name:
                assert read_date(text) == day
            else:
                with pytest.raises(ValueError, match=era):
                    read_date(text)


@given(st.one_of(st.text(max_size=30), st.text("0123456789-/.年月日元令和平成RHS T:", max_size=16)))
def test_any_text_is_a_day_or_breaks_a_rule(text: str) -> None:
    try:
        assert date(1868, 10, 23) <= read_date(text) <= date(2099, 12, 31)
    except ValueError as exc:
        assert len(text) < 6 or text not in str(exc)  # noqa: PT017 - refused, or read
