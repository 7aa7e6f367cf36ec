"""reports.csv, views.csv and the sidecar: encodings, strict columns, and errors that name no patient."""

import csv
import io
import random
import tracemalloc
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from echosearch.errors import TableError
from echosearch.report.csv_tables import read_reports, read_sidecar, read_views
from echosearch.video import View

SECRET = "0001234"  # a patient's id, wherever it stands
TEXT = "左室拡大なし、軽度の僧帽弁閉鎖不全あり。\nEF 55%, 「著変なし」"


def write(path: Path, *rows: tuple[str, ...], encoding: str = "utf-8") -> Path:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows(rows)
    path.write_bytes(lines.getvalue().encode(encoding))
    return path


REPORTS = (
    ("patient_id", "report_text", "study_date", "study_uid", "accession_number"),
    (SECRET, TEXT, "R6.4.1", "1.2.840.1", "00042"),
    ("", "心嚢液貯留なし", "", "1.2.840.2", ""),
)


@pytest.mark.parametrize(
    "encoding",
    [
        *("utf-8", "utf-8-sig", "cp932", "euc_jp", "iso2022_jp", "iso2022_jp_3", "iso2022_jp_ext"),
        *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
    ],
)
def test_reports_in_each_encoding(tmp_path: Path, encoding: str) -> None:
    first, second = read_reports(write(tmp_path / "reports.csv", *REPORTS, encoding=encoding))
    assert (first.report_text, first.patient_id, first.accession_number) == (TEXT, SECRET, "00042")
    assert (first.study_uid, first.study_date, first.line) == ("1.2.840.1", date(2024, 4, 1), 2)
    assert (second.study_date, second.patient_id, second.line) == (None, "", 4)  # the first text has two lines
    assert SECRET not in repr(first)
    assert "左室" not in repr(first)


def test_half_width_kana_in_cp932(tmp_path: Path) -> None:
    rows = [("study_uid", "report_text"), ("1.2", "ﾄﾞﾌﾟﾗ EF55%"), ("1.3", "高齢 髙 ①Ⅲ")]
    read = list(read_reports(write(tmp_path / "reports.csv", *rows, encoding="cp932")))
    assert [row.report_text for row in read] == ["ﾄﾞﾌﾟﾗ EF55%", "高齢 髙 ①Ⅲ"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda good: good[:40] + b"\xff" + good[40:],  # one bad byte
        lambda good: good.decode().encode("utf-16")[:-1],
        lambda good: good.decode().encode("euc_jp")[:-1],
        lambda good: good.decode().encode("iso2022_jp")[:-4],
        lambda good: good.decode().encode("big5", "ignore"),
        lambda good: good + b"\x00",
        lambda good: good[:-2],  # cut within a character
    ],
    ids=["bad byte", "utf-16", "euc-jp", "iso-2022-jp", "big5", "nul", "cut"],
)
def test_any_other_encoding_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    good = ("study_uid,report_text\n" + "1.2,左室拡大なし。ごく軽度のTRあり\n" * 50).encode().rstrip()
    path = tmp_path / "reports.csv"
    path.write_bytes(damage(good))
    with pytest.raises(TableError, match=r"reports\.csv"):
        list(read_reports(path))


HEADER = "patient_id,study_date,report_text\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + f"{SECRET},2024/2/30,左室拡大なし\n", "line 2, column study_date: no such day"),
        (HEADER + "1,2024/2/3,x\n" + f"{SECRET},{SECRET},x\n", "line 3, column study_date: not a date"),
        (HEADER + f"{SECRET},2024/2/3\n", "line 2: 2 cells, the header has 3"),
        (HEADER + f"1.23E+11,2024/2/3,{SECRET}\n", "line 2, column patient_id: a spreadsheet rewrote"),
        (HEADER + f'{SECRET},2024/2/3,"no end\n', "not a CSV"),
        (HEADER + f'"{SECRET}\n1",2024/2/3,x\n', "column patient_id: an identifier with a line break"),
        (f"{SECRET},山田太郎,2024/2/3\n", "line 1: no header"),
        ("report_text,patient_id,name\n", "column 3 of the header has an unknown name; permitted are report_text"),
        ("report_text,Patient-ID\n", "column 2 of the header has an unknown name, perhaps patient_id; permitted"),
        (f"report_text,{SECRET},山田太郎\n", "column 2 of the header has an unknown name; permitted"),
        ("report_text,patient_id,patient_id\n", "column patient_id stands there twice"),
        ("patient_id,study_date\n", "column report_text is missing"),
        ("report_text,study_date\n", "at least one of study_uid, accession_number, patient_id"),
        ("", "is empty"),
        (HEADER + f"{SECRET},2024/2/3,{'x' * (1 << 20)}x\n", "not a CSV"),
        (HEADER + f"{SECRET},2024/2/3,{'あ' * 400_000}\n", "line 2, column report_text: a cell may hold 1 MiB"),
    ],
)
def test_every_rule_names_its_place_and_no_patient(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "reports.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TableError) as caught:
        list(read_reports(path))
    told = str(caught.value)
    assert message in told
    assert told.startswith(str(path))
    assert SECRET not in told
    assert "山田" not in told
    assert "\n" not in told
    assert caught.value.__cause__ is None  # a chained cause would show the cell


def test_a_missing_table(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        list(read_reports(tmp_path / "none.csv"))


def test_a_long_table_streams(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    with path.open("w", encoding="utf-8") as handle:
        handle.write("study_uid,report_text\n")
        handle.writelines(f"1.2.{number},左室拡大なし。軽度のMRあり。{'所見' * 100}\n" for number in range(20_000))
    tracemalloc.start()
    assert sum(1 for _ in read_reports(path)) == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 12e6
    assert peak < 8e6  # a block of the detection, never the file


def test_views(tmp_path: Path) -> None:
    rows = [("path", "sop_uid", "view", "view_prob")]
    rows += [("a/IM_1", "", "A4C", "0.95"), ("", "1.2.3", "謎", ""), ("a/IM_2", "", "", "")]
    first, second = read_views(write(tmp_path / "views.csv", *rows))
    assert (first.path, first.view.view, first.view.prob, first.view.raw) == ("a/IM_1", View.CH4, 0.95, "A4C")
    assert (second.sop_uid, second.view.view, second.view.prob, second.view.raw) == ("1.2.3", View.OTHER, 1.0, "謎")


@pytest.mark.parametrize("prob", ["1.01", "-0.1", "nan", "inf", "high", "90%"])
def test_a_probability_is_one(tmp_path: Path, prob: str) -> None:
    path = write(tmp_path / "views.csv", ("sop_uid", "view", "view_prob"), ("1.2", "4CH", prob))
    with pytest.raises(TableError, match="line 2, column view_prob: not a probability"):
        list(read_views(path))


def test_a_label_needs_its_video(tmp_path: Path) -> None:
    path = write(tmp_path / "views.csv", ("sop_uid", "path", "view"), ("", "", "4CH"))
    with pytest.raises(TableError, match="line 2, column sop_uid: empty, and so is path"):
        list(read_views(path))


def test_sidecar(tmp_path: Path) -> None:
    columns = ("path", "study_uid", "accession_number", "patient_id", "study_date", "view")
    rows = [("a.mp4", "1.2", "", "", "", "PLAX"), ("b.avi", "", "007", "01", "H31/4/30", "")]
    first, second = read_sidecar(write(tmp_path / "sidecar.csv", columns, *rows))
    assert (first.path, first.study_uid, first.view and first.view.view) == ("a.mp4", "1.2", View.LAX)
    assert (second.accession_number, second.patient_id, second.view) == ("007", "01", None)
    assert second.study_date == date(2019, 4, 30)


@pytest.mark.parametrize(
    ("row", "column"),
    [(("", "1.2", "", ""), "path"), (("a", "", "7", ""), "study_uid"), (("a", "", "", "7"), "study_uid")],
)
def test_a_sidecar_row_says_whose_a_file_is(tmp_path: Path, row: tuple[str, ...], column: str) -> None:
    path = write(tmp_path / "sidecar.csv", ("path", "study_uid", "accession_number", "patient_id"), row)
    with pytest.raises(TableError, match=f"line 2, column {column}: empty"):
        list(read_sidecar(path))


def test_whatever_the_bytes_are_it_is_rows_or_a_table_error(tmp_path: Path) -> None:
    draw = random.Random(5)
    good = 'study_uid,report_text,study_date\r\n1.2,"左室, 拡大\nなし",R6.4.1\r\n,あり,\r\n'.encode()
    path = tmp_path / "reports.csv"
    refused = []
    for _ in range(400):
        data = bytearray(good)
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(data))
            data[place : place + draw.choice([0, 1, 1, 5])] = draw.choice(
                [b"", b'"', b",", b"\n", b"\r", bytes([draw.randrange(256)])]
            )
        path.write_bytes(data)
        try:
            list(read_reports(path))
        except TableError as exc:
            refused.append(str(exc))
    assert 0 < len(refused) < 400
    assert not [message for message in refused if "\n" in message]


@pytest.mark.parametrize("column", ["study_uid", "accession_number", "patient_id"])
def test_an_endless_identifier_is_refused(tmp_path: Path, column: str) -> None:
    """No database indexes it: as a row it would end every ingest."""
    (tmp_path / "reports.csv").write_text(
        "\n".join([f"{column},report_text", f"{'9a' * 128},正常", f"{'9a' * 128}9,正常"]), encoding="utf-8"
    )
    with pytest.raises(TableError, match=rf"line 3, column {column}: an identifier of 257 characters"):
        list(read_reports(tmp_path / "reports.csv"))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("重度MR".encode("euc_jp"), "重度MR"),  # short: as cp932 it would be half-width kana
        ("ﾄﾞﾌﾟﾗ所見".encode("euc_jp"), "ﾄﾞﾌﾟﾗ所見"),
        ("①左室拡大".encode("euc_jis_2004"), "①左室拡大"),
        ("左室ﾄﾞﾌﾟﾗ".encode("iso2022_jp_ext"), "左室ﾄﾞﾌﾟﾗ"),
        (b"\x1b$B:8<<-!\x1b(BEF", "左室①EF"),  # row 13 of the vendors under the escape of JIS X 0208
        (b"\x1b(IDE\x1b(J \x1b$@:8<<\x1b(B", "ﾄﾅ 左室"),
        (b"\x0eDE\x0f ok", "ﾄﾅ ok"),  # half-width kana in seven bits
        ("EF 55±5%".encode(), "EF 55±5%"),
    ],
)
def test_encodings_are_told_apart(tmp_path: Path, data: bytes, text: str) -> None:
    path = tmp_path / "reports.csv"
    path.write_bytes(b"study_uid,report_text\r\n1.2," + data + b"\r\n")
    assert [row.report_text for row in read_reports(path)] == [text]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("石田".encode("euc_jp"), "--encoding"),  # no known word: it could be half-width kana
        ("ﾔﾏﾀﾞ".encode("cp932"), "--encoding"),
        ("重度MR".encode() + b"\x1b$B", "an escape"),
        (b"\x1b$B:8<<\n1.3,x", "line 2"),  # whether the next line is ASCII again nobody knows
        (b"\x1b[1mMR\x1b[0m", "not ISO-2022-JP"),
        ("重度の僧帽弁逆流を認める".encode("gb18030"), "neither UTF-8 nor"),
        (b"MR\xa0\xfd", "neither UTF-8 nor cp932"),  # a Mac's Shift_JIS where it is none
    ],
)
def test_what_stays_open_is_asked_for(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "reports.csv"
    path.write_bytes(b"study_uid,report_text\n1.2," + data + b"\n")
    with pytest.raises(TableError, match=said):
        list(read_reports(path))


def test_an_encoding_that_is_said_is_proven(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_bytes("study_uid,report_text\n1.2,石田\n".encode("euc_jp"))
    assert [row.report_text for row in read_reports(path, "euc-jp")] == ["石田"]
    with pytest.raises(TableError, match="line 2: not utf-8"):
        list(read_reports(path, "utf-8"))


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        *(
            ('="0001234"', "0001234"),
            ("'0001234", "0001234"),
            ('"0001234"', "0001234"),
            ("\xa0０００１２３４\u3000", "0001234"),
        ),
        *(("1,234,567", "1234567"), ("1234.0", "1234"), ("１２３４．０", "1234"), ("“A-7”", "A-7"), ('=T("01")', "01")),
        *(("\u200b0001", "0001"), ("1E5", "1E5"), ("A,1", "A,1"), ("12-3", "12-3")),
    ],
)
def test_identifiers_are_read_where_it_is_certain(tmp_path: Path, cell: str, read: str) -> None:
    path = write(tmp_path / "reports.csv", ("patient_id", "accession_number", "report_text"), (cell, cell, "正常"))
    (row,) = read_reports(path)
    assert (row.patient_id, row.accession_number) == (read, read)


@pytest.mark.parametrize(
    "cell",
    [
        "1.23E+11",
        "1.23e11",
        "１．２３Ｅ＋１１",
        "1,23E+11",
        "=A1",
        "=0001",
        "#N/A",
        "######",
        "2月1日",
        "Feb-01",
        "1234567890123456.0",
    ],
)
def test_identifiers_are_refused_where_they_are_lost(tmp_path: Path, cell: str) -> None:
    path = write(tmp_path / "reports.csv", ("patient_id", "report_text"), ("1", "正常"), (cell, "正常"))
    with pytest.raises(TableError, match=r"line 3, column patient_id: .*export the column as text") as caught:
        list(read_reports(path))
    assert cell not in str(caught.value)


@pytest.mark.parametrize(
    "cell", ["nan", "NaN", "None", "NULL", "<NA>", "N/A", "(null)", " nan ", "='nan'", "ｎａｎ", '="nan"']
)
@pytest.mark.parametrize("column", ["patient_id", "accession_number", "study_uid"])
def test_a_programs_word_for_nothing_is_nobodys_number(tmp_path: Path, cell: str, column: str) -> None:
    """All patients without one would be the same patient."""
    path = write(tmp_path / "reports.csv", (column, "report_text"), ("1", "正常"), (cell, "正常"))
    with pytest.raises(TableError, match=rf"line 3, column {column}: "):
        list(read_reports(path))
    fine = write(tmp_path / "fine.csv", (column, "report_text"), ("Nancy", "正常"), ("NA", "正常"), ("none1", "正常"))
    assert len(list(read_reports(fine))) == 3


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_tables_that_were_put_together(tmp_path: Path, mark: str) -> None:
    """Each brought its header, and its byte order mark."""
    header, row = HEADER.encode(), "00012345,2024/4/1,左室拡大なし\n".encode()
    path = tmp_path / "all.csv"
    path.write_bytes(mark.encode() * 2 + header + row + mark.encode() + header + row)
    rows = list(read_reports(path))
    assert [(row.patient_id, row.line) for row in rows] == [("00012345", 2), ("00012345", 4)]


@pytest.mark.parametrize(("sign", "said"), [("\t", "tabs"), (";", "semicolons"), ("|", "bars"), ("，", "「，」")])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_cells_that_are_parted_by_another_sign(tmp_path: Path, sign: str, said: str, encoding: str) -> None:
    path = tmp_path / "reports.csv"
    path.write_text(f"{HEADER}{SECRET},2024/4/1,左室拡大なし\n".replace(",", sign), encoding=encoding)
    with pytest.raises(TableError, match=f"line 1: {said} part its cells, where commas must") as caught:
        list(read_reports(path))
    assert SECRET not in str(caught.value)


def test_a_uid_keeps_its_dots(tmp_path: Path) -> None:
    path = write(tmp_path / "reports.csv", ("study_uid", "report_text"), ('="1.2.0"', "正常"), ("1.0", "正常"))
    assert [row.study_uid for row in read_reports(path)] == ["1.2.0", "1.0"]


def test_the_line_is_where_the_best_reading_ends(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    good = "study_uid,report_text\n" + "1.2,左室拡大なし\n" * 9
    path.write_bytes(good.encode("cp932") + b"1.2,\x85\x40\n")  # a Mac's row of ①
    with pytest.raises(TableError, match="line 11: neither"):
        list(read_reports(path))
